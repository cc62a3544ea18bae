"""The third institution: a broker with dividends, a split, sales, and the holdings that follow from them."""

import datetime as dt
from decimal import Decimal as D
from random import Random
from typing import Final

from counterfoil.sandbox.world import catalog
from counterfoil.sandbox.world.diary import Diary
from counterfoil.sandbox.world.ledger import Account, Bank, Security, Trade

_PRODUCTS: Final = ("investments", "transactions", "balance", "identity")
_CENT: Final = D("0.01")
_SECURITIES: Final = (
    # id, ticker, name, type, first price, dividend a quarter, sector, industry
    ("total", "BTMX", "Broad Total Market ETF", "etf", D("212.40"), D("0.91"), None, None),
    ("world", "WXUS", "World ex-US Index Fund", "mutual fund", D("31.88"), D("0.24"), None, None),
    ("chips", "LTHO", "Lithograph Semiconductor Inc.", "equity", D("488.10"), D("0.35"),
     "Electronic Technology", "Semiconductors"),
    ("rail", "CRRL", "Continental Rail Corp.", "equity", D("64.22"), D("0.48"), "Transportation", "Railroads"),
    ("bond", "AGGB", "Aggregate Bond ETF", "etf", D("98.05"), D("0.78"), None, None),
    ("coin", "CUR:BTC", "Bitcoin", "cryptocurrency", D("40210.55"), D(0), None, None),
)  # fmt: skip


def broker(seed: int, start: dt.date, today: dt.date) -> Bank:
    """Generate the broker from `start` to `today`."""
    bank = Bank("broker", "Meridian Brokerage", "https://meridian.example", "#6b3fa0", _PRODUCTS)
    bank.open(Account("individual", "Individual Brokerage", "investment", "brokerage", mask="4410", owner="Ada Byrne",
                      official_name="Meridian Individual Account"))  # fmt: skip
    bank.open(Account("roth", "Roth IRA", "investment", "roth", mask="4428", owner="Ada Byrne",
                      official_name="Meridian Roth IRA"))  # fmt: skip
    bank.open(Account("sweep", "Cash Management", "depository", "cash management", mask="4436", owner="Ada Byrne",
                      official_name="Meridian Cash Management", opening=D("900.00")))  # fmt: skip
    bank.securities["cash"] = Security("cash", "CUR:USD", "U S Dollar", "cash", D(1), None, cash=True)
    for number, (name, ticker, title, kind, price, _, sector, industry) in enumerate(_SECURITIES):
        crypto = kind == "cryptocurrency"
        bank.securities[name] = Security(
            name, ticker, title, kind, price, start,
            isin=None if crypto else f"US{30 + number}0C0FF1{number}{number}",
            cusip=None if crypto else f"{30 + number}0C0FF1{number}",
            sector=sector, industry=industry, market=None if crypto else "XNAS",
        )  # fmt: skip
    diary = Diary(bank, seed, start, today)
    split_on = start + (today - start) * 3 // 5
    for day, dice in diary.days():
        _market(bank, day, dice)
        if day == split_on:
            _split(bank, "chips", day)
        _savings_plan(bank, day, dice)
        _income(bank, day)
        if day.day == 17 and day.month % 4 == 0:
            _sell(bank, "individual", dice.choice(("rail", "total", "bond")), day)
        if day.day == 6:
            diary.book("sweep", day, D("250.00"), "ACH DEPOSIT FIRST HARBOR BANK", catalog.FROM_ACCOUNT)
        if day.day == 19:
            diary.book("sweep", day, D("-175.25"), "BILL PAY LITTLE OAKS", catalog.CHILDCARE, merchant="Little Oaks")
    return bank


def settle(bank: Bank, account: str, security: str | None, day: dt.date, name: str, kind: tuple[str, str],
           quantity: D = D(0), amount: D = D(0), price: D = D(0), fees: D = D(0)) -> Trade:  # fmt: skip
    """Carry out a trade and give it. `amount` is cash in (positive) or out."""
    trade_id = f"{bank.id}/trade/{len(bank.trades)}"
    trade = Trade(trade_id, account, security, day, name, quantity, amount, price, fees, *kind)
    bank.trade(trade)
    return trade


def buy(bank: Bank, account: str, security: str, day: dt.date, money: D, fees: D = D(0)) -> Trade:
    """Buy for so much money: crypto in eight decimals, funds in four, shares in whole ones (at least one)."""
    held = bank.securities[security]
    price = held.price or D(1)
    step = D("0.00000001") if held.type == "cryptocurrency" else D("0.0001") if held.type != "equity" else D(1)
    quantity = max((money / price).quantize(step), step)
    cost = (quantity * price).quantize(_CENT) + fees
    return settle(bank, account, security, day, f"BUY {held.name}", ("buy", "buy"), quantity, -cost, price, fees)


def _market(bank: Bank, day: dt.date, dice: Random) -> None:
    """Move the prices, on working days, by up to two per cent."""
    if day.weekday() < 5:
        moves = []
        for name, security in bank.securities.items():
            if not security.cash and security.price is not None:
                step = D(dice.randint(-195, 205)) / 10000
                moves.append((name, max((security.price * (1 + step)).quantize(_CENT), D("1.00"))))
        bank.reprice(moves, day)


def _savings_plan(bank: Bank, day: dt.date, dice: Random) -> None:
    if day.day == 4:
        settle(bank, "individual", None, day, "ACH IN", ("cash", "deposit"), amount=D("1200.00"))
        settle(bank, "roth", None, day, "CONTRIBUTION", ("cash", "contribution"), amount=D("500.00"))
    if day.day == 8:
        for security in dice.sample(("total", "chips", "rail", "bond"), 2):
            buy(bank, "individual", security, day, D(420), fees=D("4.95") if security in ("chips", "rail") else D(0))
        buy(bank, "roth", "world", day, D(380))
    if day.day == 22 and day.month % 3 == 1:
        buy(bank, "individual", "coin", day, D(90), fees=D("0.99"))


def _income(bank: Bank, day: dt.date) -> None:
    if day.day == 27 and day.month % 3 == 0:
        for name, _, title, _, _, dividend, *_ in _SECURITIES:
            for account in ("individual", "roth"):
                held = bank.positions.get((account, name))
                if held is not None and dividend:
                    cash = (held.quantity * dividend).quantize(_CENT)
                    settle(bank, account, name, day, f"DIVIDEND {title}", ("cash", "dividend"), amount=cash)
    if day.day == 30 and day.month == 6:
        settle(bank, "individual", None, day, "ACCOUNT FEE", ("fee", "account fee"), amount=D("-25.00"), fees=D(25))


def _split(bank: Bank, security: str, day: dt.date) -> None:
    """Two for one: twice the shares at half the price, and no money moves."""
    held = bank.positions.get(("individual", security))
    price = bank.securities[security].price
    if held is None or price is None:
        buy(bank, "individual", security, day, D(400))
        held = bank.positions["individual", security]
    settle(bank, "individual", security, day, "STOCK SPLIT 2 FOR 1", ("transfer", "split"), quantity=held.quantity)
    bank.reprice([(security, ((price or D(1)) / 2).quantize(_CENT))], day)


def _sell(bank: Bank, account: str, security: str, day: dt.date) -> None:
    held = bank.positions.get((account, security))
    if held is None:
        return
    half = (held.quantity / 2).quantize(D(1) if held.quantity > 2 else D("0.0001"))
    quantity, fee = held.quantity if day.month == 12 else half, D("4.95")
    proceeds = (quantity * held.price).quantize(_CENT) - fee
    name = f"SELL {bank.securities[security].name}"
    settle(bank, account, security, day, name, ("sell", "sell"), -quantity, proceeds, held.price, fee)
