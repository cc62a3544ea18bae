"""The first bank: a household with salaries, rent, cards, loans, savings, and money in other currencies."""

import datetime as dt
from decimal import Decimal as D
from random import Random
from typing import Final

from counterfoil.money import from_minor
from counterfoil.sandbox.world import catalog
from counterfoil.sandbox.world.diary import Diary, last_of_month
from counterfoil.sandbox.world.ledger import Account, Bank, CardTerms, LoanTerms

_PRODUCTS: Final = ("transactions", "balance", "liabilities", "auth", "identity", "transactions_refresh")


def household(seed: int, start: dt.date, today: dt.date) -> Bank:
    """Generate the bank of the household from `start` to `today`."""
    bank = Bank(
        "first", "First Harbor Bank", "https://firstharbor.example", "#1f5fa8", _PRODUCTS,
        routing_numbers=("021000021",),
    )  # fmt: skip
    _open_accounts(bank, today)
    diary = Diary(bank, seed, start, today)
    spent = statement = D(0)
    for day, dice in diary.days():
        _fixed(diary, day, dice)
        spent += _everyday(diary, day, dice)
        if day.day == 20:  # all of it has posted when it is paid
            spent, statement = D(0), spent - diary.given_back("card")
        if day.day == 23 and statement > 0:
            diary.transfer("checking", "card", day, statement, catalog.CARD_PAYMENT, catalog.CARD_PAYMENT)
            statement = D(0)
        _other_currencies(diary, day, dice)
    return bank


def _open_accounts(bank: Bank, today: dt.date) -> None:
    owner = "Ada Byrne"
    statement = today.replace(day=1)
    bank.open(Account("checking", "Everyday Checking", "depository", "checking", mask="0417", owner=owner,
                      official_name="First Harbor Everyday Checking", opening=D("8420.15")))  # fmt: skip
    bank.open(Account("savings", "Rainy Day Savings", "depository", "savings", mask="8826", owner=owner,
                      official_name="First Harbor High-Yield Savings", opening=D("12250.00")))  # fmt: skip
    bank.open(Account("card", "Harbor Rewards Visa", "credit", "credit card", mask="3391", owner=owner,
                      official_name="Harbor Rewards Visa Signature", opening=D("-1204.37"), limit=D(12000),
                      terms=CardTerms(
                          (("purchase_apr", D("21.24")), ("balance_transfer_apr", D("18.99")), ("cash_apr", D("27.5"))),
                          last_payment=D("1204.37"), last_payment_on=statement - dt.timedelta(days=9),
                          statement_on=statement, statement_balance=D("2318.46"), minimum_payment=D(47),
                          due_on=statement + dt.timedelta(days=25))))  # fmt: skip
    bank.open(Account("euro", "Euro Account", "depository", "checking", "EUR", mask="5502", owner=owner,
                      official_name="First Harbor Global Account (EUR)", opening=D("640.00")))  # fmt: skip
    bank.open(Account("wallet", "Stablecoin Wallet", "depository", "prepaid", "USDC", mask="0x9c",
                      owner=owner, opening=D("150.5")))  # fmt: skip
    bank.open(Account("student", "Student Loan", "loan", "student", mask="7764", owner=owner,
                      official_name="Federal Direct Loan", opening=D("-23980.00"),
                      terms=LoanTerms(D("5.25"), "DIRECT SUBSIDIZED", dt.date(2018, 8, 28), D(34000),
                                      dt.date(2038, 8, 28), D("318.40"), statement, statement + dt.timedelta(days=40),
                                      reference="4277075694")))  # fmt: skip
    bank.open(Account("mortgage", "Lake Cabin Mortgage", "loan", "mortgage", mask="1180", owner=owner,
                      official_name="30 Year Fixed Mortgage", opening=D("-186500.00"),
                      terms=LoanTerms(D("3.99"), "conventional", dt.date(2019, 5, 1), D(214000),
                                      dt.date(2049, 5, 1), D("1020.45"), statement,
                                      statement + dt.timedelta(days=31))))  # fmt: skip


def _fixed(diary: Diary, day: dt.date, dice: Random) -> None:
    """What comes round every month: income, rent, bills, payments to the own loans and savings."""
    book, years = diary.book, (day - diary.start).days // 365
    if day.day in (1, 15):
        book("checking", day, D("3786.42") + 84 * years, "NORTHSTAR LABS PAYROLL PPD ID: 9111", catalog.SALARY,
             merchant="Northstar Labs")  # fmt: skip
    if day.day == 28:
        book("checking", day, D("2410.00"), "CEDAR CLINIC DIR DEP", catalog.SALARY, merchant="Cedar Clinic")
    if day.day == 2:
        book("checking", day, D("-2150.00"), "CHECK", catalog.RENT, channel="in store",
             check_number=str(1001 + (day.year - 2020) * 12 + day.month))  # fmt: skip
        diary.transfer("checking", "savings", day, D("400.00"), catalog.TO_SAVINGS, catalog.FROM_ACCOUNT)
    if day.day == 5:
        bill = from_minor(dice.randint(6200, 19900), 2)
        book("checking", day, -bill, "PORT CITY POWER & LIGHT", catalog.POWER, merchant="Port City Power")
    if day.day == 10:
        diary.transfer("checking", "student", day, D("318.40"), catalog.STUDENT_LOAN, catalog.STUDENT_LOAN)
        diary.transfer("checking", "mortgage", day, D("1020.45"), catalog.MORTGAGE, catalog.MORTGAGE)
    if day.day == 12:
        book("checking", day, D("-79.99"), "FIBERLINE INTERNET 8005550142", catalog.NET, merchant="Fiberline")
    if day.day == 18:
        book("checking", day, D("-96.10"), "PICA MOBILE AUTOPAY", catalog.PHONE, merchant="Pica Mobile")
    if day.day == 20:
        book("checking", day, D("-142.75"), "EVERGREEN MUTUAL INS", catalog.INSURANCE, merchant="Evergreen Mutual")
    if last_of_month(day):
        gain = (diary.bank.accounts["savings"].holds * D("0.0031")).quantize(D("0.01"))
        book("savings", day, gain, "INTEREST PAYMENT", catalog.INTEREST)


def _everyday(diary: Diary, day: dt.date, dice: Random) -> D:
    """Shopping, mostly on the card; abroad in two holidays a year. Gives what went on the card."""
    on_card = D(0)
    away = (7, 8) <= (day.month, day.day) <= (7, 19) or (2, 1) <= (day.month, day.day) <= (2, 5)
    if day.day == 7:
        diary.book("card", day, D("-17.99"), "REELBOX SUBSCRIPTION", catalog.STREAMING, merchant="Reelbox")
        diary.book("card", day, D("-45.00"), "IRON TEMPLE GYM", catalog.GYM, merchant="Iron Temple")
        on_card += D("62.99")
    for _ in range(dice.choice((2, 2, 3, 3, 4, 5))):
        account = "card" if away or dice.random() < 0.62 else "checking"
        shop = dice.choice(catalog.ABROAD if away else catalog.EVERYDAY)
        suffix = f" {from_minor(dice.randint(300, 9900), 2)} EUR" if away else ""
        paid = diary.visit(account, day, shop, dice, suffix=suffix)
        if account == "card":
            on_card += paid
    if away and dice.random() < 0.3:
        diary.book("card", day, D("-1.87"), "FOREIGN TRANSACTION FEE", catalog.FEE)
        on_card += D("1.87")
    return on_card


def _other_currencies(diary: Diary, day: dt.date, dice: Random) -> None:
    if day.day == 3:
        diary.book("euro", day, D("180.00"), "SEPA GUTSCHRIFT MIETE GARAGE", catalog.FROM_ACCOUNT)
    if day.day in (9, 24):
        diary.visit("euro", day, dice.choice(catalog.ABROAD[:1] + catalog.ABROAD[2:3]), dice)
    if day.day == 16:
        # Seven places after the point: banks for unofficial currencies send such amounts.
        amount = from_minor(dice.randint(12_000_001, 98_999_999), 7)
        sign = 1 if dice.random() < 0.6 else -1
        category = catalog.CRYPTO if sign < 0 else None
        diary.book("wallet", day, sign * amount, "ON-CHAIN TRANSFER", category, channel="online")
