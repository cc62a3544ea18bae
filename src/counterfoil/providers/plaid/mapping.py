"""What Plaid's pages mean in canonical rows: pure, one function per stream."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from counterfoil.model import Category, Transaction
from counterfoil.ports import Landing
from counterfoil.providers.plaid import wire
from counterfoil.providers.plaid.accounts import balance_patches, land_accounts, land_liabilities
from counterfoil.providers.plaid.categories import category
from counterfoil.providers.plaid.investments import land_holdings, land_investment_transactions
from counterfoil.providers.plaid.values import currency, inflow, web_address

_sync: Final = msgspec.json.Decoder(wire.SyncPage)


def land(stream: str, body: bytes) -> Landing:
    """Give the canonical rows of one page. Raises `msgspec.DecodeError` where a page is not of the promised shape."""
    return _STREAMS[stream](body)


def land_transactions(body: bytes) -> Landing:
    """Land a page of /transactions/sync: rows, the categories they use, balances, and what was taken back."""
    page = _sync.decode(body)
    categories: dict[str, Category] = {}
    transactions: list[Transaction] = []
    for batch in (page.added, page.modified):
        for row in batch:
            label = row.personal_finance_category
            if label is not None and label.detailed not in categories:
                categories[label.detailed] = category(label.primary, label.detailed)
            transactions.append(transaction(row))
    return Landing(
        rows=[*categories.values(), *transactions],
        patches=balance_patches(page.accounts),
        removed=[("transactions", row.transaction_id) for row in page.removed],
    )


def transaction(row: wire.Transaction) -> Transaction:
    """Map one transaction; a posted one takes the place of the pending one that it names."""
    label = row.personal_finance_category
    return Transaction(
        key=row.transaction_id,
        summary=row.merchant_name or row.name or row.original_description or "Transaction",
        date=row.date,
        amount=inflow(row.amount),
        currency=row.iso_currency_code or currency(row),
        account=row.account_id,
        category=None if label is None else label.detailed,
        pending=row.pending,
        merchant=row.merchant_name,
        original_text=row.original_description or row.name,
        authorized_on=row.authorized_date,
        channel=row.payment_channel,
        type=row.transaction_code,
        check_number=row.check_number,
        website=web_address(row.website),
        replaces=row.pending_transaction_id,
    )


_STREAMS: Final[Mapping[str, Callable[[bytes], Landing]]] = {
    "accounts": land_accounts,
    "transactions": land_transactions,
    "liabilities": land_liabilities,
    "holdings": land_holdings,
    "investment_transactions": land_investment_transactions,
}
