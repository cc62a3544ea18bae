"""Accounts: who they are, what they hold, what is owed on them; each stream changes only what it knows."""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from counterfoil.model import Account, Balance, Institution
from counterfoil.ports import Landing, Patch
from counterfoil.providers.plaid import wire
from counterfoil.providers.plaid.values import currency, fraction

IDENTITY: Final = ("name", "institution", "type", "subtype", "mask", "official_name", "currency", "persistent_id")
BALANCES: Final = ("current", "available", "limit", "as_of")

_accounts: Final = msgspec.json.Decoder(wire.AccountsPage)
_liabilities: Final = msgspec.json.Decoder(wire.LiabilitiesPage)


def account(row: wire.Account) -> Account:
    """Map what every endpoint says of an account; its institution and what is owed come from others."""
    balances = row.balances
    return Account(
        key=row.account_id,
        name=row.name,
        type=row.type,
        subtype=row.subtype,
        mask=row.mask,
        official_name=row.official_name,
        currency=currency(balances),
        current=balances.current,
        available=balances.available,
        limit=balances.limit,
        as_of=balances.last_updated_datetime,
        persistent_id=row.persistent_account_id,
    )


def balance_patches(rows: Iterable[wire.Account]) -> list[Patch]:
    """Give the balances that a page about something else tells in passing; a null there may mean "not asked"."""
    return [Patch(mapped, _known(mapped)) for mapped in map(account, rows)]


def _known(mapped: Account) -> tuple[str, ...]:
    return tuple(column for column in BALANCES if getattr(mapped, column) is not None)


def land_accounts(body: bytes) -> Landing:
    """Land the stream `accounts`: the institution, the accounts with their balances, and the day's balance rows.

    A balance is as old as the bank says, else as Plaid's last successful look at the bank. The time of our own reading
    would make every account a changed one at every sync.
    """
    page = _accounts.decode(body)
    day = page.read_at.date()
    mapped = [
        msgspec.structs.replace(
            account(row),
            institution=page.item.item.institution_id,
            as_of=row.balances.last_updated_datetime or _last_update(page.item.status, row.type),
        )
        for row in page.accounts.accounts
    ]
    institutions, names_only = _institution(page)
    return Landing(
        rows=[*institutions, *(_balance(row, day) for row in mapped)],
        patches=[*names_only, *(Patch(row, IDENTITY + BALANCES) for row in mapped)],
    )


def _institution(page: wire.AccountsPage) -> tuple[list[Institution], list[Patch]]:
    if page.institution is not None:
        bank = page.institution.institution
        return [Institution(key=bank.institution_id, name=bank.name, url=bank.url)], []
    said = page.item.item
    if said.institution_id is None:
        return [], []
    # Not read this time, or unknown to Plaid: good enough where there is nothing yet.
    named = Institution(key=said.institution_id, name=said.institution_name or said.institution_id)
    return [], [Patch(named, ())]


def _last_update(status: wire.ItemStatus | None, kind: str | None) -> dt.datetime | None:
    if status is None:
        return None
    told = status.investments if kind == "investment" else status.transactions
    return told.last_successful_update if told else None


def _balance(row: Account, day: dt.date) -> Balance:
    return Balance(
        key=f"{row.key}:{day.isoformat()}",
        name=f"{row.name}, {day.isoformat()}",
        account=row.key,
        date=day,
        current=row.current,
        available=row.available,
        limit=row.limit,
        currency=row.currency,
    )


class Owed(msgspec.Struct, frozen=True, kw_only=True):
    """What a liability adds to its account; the names are the account's columns."""

    apr: Decimal | None = None
    statement_balance: Decimal | None = None
    minimum_payment: Decimal | None = None
    next_payment_due: dt.date | None = None
    last_payment: Decimal | None = None
    last_payment_on: dt.date | None = None
    overdue: bool | None = None


LIABILITY: Final = Owed.__struct_fields__
_NOTHING: Final = Owed()


def land_liabilities(body: bytes) -> Landing:
    """Land /liabilities/get on the accounts; an account that has no liability any more loses the figures."""
    page = _liabilities.decode(body)
    owed = {key: figures for key, figures in _owed(page.liabilities) if key is not None}
    patches: list[Patch] = []
    for row in page.accounts:
        plain = account(row)
        figures = msgspec.structs.asdict(owed.get(row.account_id, _NOTHING))
        patches.append(Patch(msgspec.structs.replace(plain, **figures), LIABILITY + _known(plain)))
    return Landing(patches=patches)


def _owed(liabilities: wire.Liabilities) -> Iterator[tuple[str | None, Owed]]:
    for card in liabilities.credit or ():
        yield (
            card.account_id,
            Owed(
                apr=_purchase_rate(card.aprs),
                statement_balance=card.last_statement_balance,
                minimum_payment=card.minimum_payment_amount,
                next_payment_due=card.next_payment_due_date,
                last_payment=card.last_payment_amount,
                last_payment_on=card.last_payment_date,
                overdue=card.is_overdue,
            ),
        )
    for mortgage in liabilities.mortgage or ():
        yield (
            mortgage.account_id,
            Owed(
                apr=fraction(mortgage.interest_rate.percentage),
                minimum_payment=mortgage.next_monthly_payment,
                next_payment_due=mortgage.next_payment_due_date,
                last_payment=mortgage.last_payment_amount,
                last_payment_on=mortgage.last_payment_date,
                overdue=None if mortgage.past_due_amount is None else mortgage.past_due_amount > 0,
            ),
        )
    for loan in liabilities.student or ():
        yield (
            loan.account_id,
            Owed(
                apr=fraction(loan.interest_rate_percentage),
                statement_balance=loan.last_statement_balance,
                minimum_payment=loan.minimum_payment_amount,
                next_payment_due=loan.next_payment_due_date,
                last_payment=loan.last_payment_amount,
                last_payment_on=loan.last_payment_date,
                overdue=loan.is_overdue,
            ),
        )


def _purchase_rate(aprs: Sequence[wire.Apr]) -> Decimal | None:
    """A card has a rate per kind of use; people mean the one for purchases."""
    chosen = next((apr for apr in aprs if apr.apr_type == "purchase_apr"), aprs[0] if aprs else None)
    return fraction(chosen.apr_percentage) if chosen else None
