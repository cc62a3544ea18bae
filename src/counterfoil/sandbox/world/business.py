"""The second bank: a small business whose Stripe payouts arrive in its checking account."""

import datetime as dt
from collections import defaultdict
from decimal import Decimal as D
from random import Random
from typing import Final

from counterfoil.money import exponent, from_minor
from counterfoil.sandbox.merchant import Merchant, Payout
from counterfoil.sandbox.world import catalog
from counterfoil.sandbox.world.diary import Diary
from counterfoil.sandbox.world.ledger import Account, Bank, CardTerms

_PRODUCTS: Final = ("transactions", "balance", "liabilities", "auth", "identity")


def business(seed: int, start: dt.date, today: dt.date, merchant: Merchant) -> Bank:
    """Generate the bank of the business from `start` to `today`."""
    bank = Bank("second", "Alder Credit Union", "https://aldercu.example", "#2f7d4f", _PRODUCTS,
                routing_numbers=("323075880",))  # fmt: skip
    owner = merchant.name
    bank.open(Account("operating", "Business Checking", "depository", "checking", mask="2207", owner=owner,
                      official_name="Alder Business Checking", opening=D("31800.00")))  # fmt: skip
    bank.open(Account("reserve", "Tax Reserve", "depository", "savings", mask="2215", owner=owner,
                      official_name="Alder Business Savings", opening=D("5400.00")))  # fmt: skip
    bank.open(Account("company-card", "Business Mastercard", "credit", "credit card", mask="6048", owner=owner,
                      official_name="Alder Business Mastercard", opening=D("-2980.40"), limit=D(20000),
                      terms=CardTerms((("purchase_apr", D("19.74")),), minimum_payment=D(35),
                                      statement_on=today.replace(day=1), statement_balance=D("1833.20"),
                                      due_on=today.replace(day=1) + dt.timedelta(days=24))))  # fmt: skip
    diary = Diary(bank, seed, start, today)
    arrivals: defaultdict[dt.date, list[Payout]] = defaultdict(list)
    for payout in merchant.payouts():
        arrivals[payout.arrival_date].append(payout)
    spent = statement = D(0)
    for day, dice in diary.days():
        for payout in arrivals[day]:
            amount = from_minor(payout.amount, exponent(payout.currency))
            diary.book("operating", day, amount, f"STRIPE TRANSFER {payout.statement_descriptor}", catalog.SALES,
                       merchant="Stripe")  # fmt: skip
        spent += _buy(diary, day, dice)
        if day.day == 17:  # all of it has posted when it is paid
            spent, statement = D(0), spent - diary.given_back("company-card")
        if day.day == 20 and statement > 0:
            diary.transfer("operating", "company-card", day, statement, catalog.CARD_PAYMENT, catalog.CARD_PAYMENT)
            statement = D(0)
        _regular(diary, day)
    return bank


def _buy(diary: Diary, day: dt.date, dice: Random) -> D:
    on_card = D(0)
    if day.weekday() < 5:
        for _ in range(dice.choice((0, 0, 1, 1, 2))):
            shop = dice.choice(catalog.SUPPLIERS)
            account = "operating" if shop.high > 61_500 else "company-card"
            paid = diary.visit(account, day, shop, dice)
            on_card += paid if account == "company-card" else 0
    return on_card


def _regular(diary: Diary, day: dt.date) -> None:
    if day.day == 1:
        diary.book("operating", day, D("-1450.00"), "DOCKSIDE PROPERTIES LLC", catalog.RENT, merchant="Dockside")
    if day.day in (14, 28):
        diary.book("operating", day, D("-986.55"), "GUSTLINE PAYROLL 6HA8310", catalog.PAYROLL, merchant="Gustline")
    if day.day == 3:
        diary.transfer("operating", "reserve", day, D("350.00"), catalog.TO_SAVINGS, catalog.FROM_ACCOUNT)
    if day.day == 15 and day.month in (1, 4, 6, 9):
        diary.book("reserve", day, D("-1020.00"), "IRS USATAXPYMT", catalog.TAX, merchant="Internal Revenue Service")
