"""Sums of money by currency, taken independently at the providers, in the store and at each destination."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import httpx2
import msgspec

from counterfoil.ports import Destination, RemoteRow, TableMapping
from counterfoil.providers.plaid.settings import PlaidSettings
from counterfoil.providers.stripe.currency import major

Sums = Mapping[str, Decimal]
_decode: Final = msgspec.json.Decoder(float_hook=Decimal).decode


def total(amounts: Iterable[tuple[str, Decimal]]) -> Sums:
    """Add up by currency."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for currency, amount in amounts:
        sums[currency] += amount
    return dict(sorted(sums.items()))


async def at_plaid(client: httpx2.AsyncClient, settings: PlaidSettings) -> list[tuple[str, Decimal]]:
    """Read an Item's transactions from their beginning; inflow positive."""
    token = {"access_token": settings.access_token.get_secret_value()}
    standing: dict[str, tuple[str, Decimal]] = {}
    cursor, more = "", True
    while more:
        reply = await client.post("/transactions/sync", json={**token, "cursor": cursor, "count": 500})
        page = _decode(reply.raise_for_status().content)
        for row in (*page["added"], *page["modified"]):
            currency = row["iso_currency_code"] or row["unofficial_currency_code"]
            standing[row["transaction_id"]] = (currency, -Decimal(row["amount"]))
        for row in page["removed"]:
            standing.pop(row["transaction_id"], None)
        cursor, more = page["next_cursor"], page["has_more"]
    return list(standing.values())


async def at_stripe(url: str, key: str) -> list[tuple[str, Decimal]]:
    """Read every balance transaction, and every transaction of the connected outside accounts."""
    found: list[tuple[str, Decimal]] = []
    async with httpx2.AsyncClient(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=60) as client:
        found.extend([_money(line) async for line in _list(client, "/v1/balance_transactions", {})])
        async for account in _list(client, "/v1/financial_connections/accounts", {}):
            lines = _list(client, "/v1/financial_connections/transactions", {"account": account["id"]})
            found.extend([_money(line) async for line in lines if line["status"] != "void"])
    return found


def _money(line: Mapping[str, Any]) -> tuple[str, Decimal]:
    return line["currency"].upper(), major(line["amount"], line["currency"])


async def _list(client: httpx2.AsyncClient, path: str, query: Mapping[str, str]) -> AsyncIterator[dict[str, Any]]:
    asked = {**query, "limit": "100"}
    while True:
        page = _decode((await client.get(path, params=asked)).raise_for_status().content)
        for line in page["data"]:
            yield line
        if not page["has_more"]:
            return
        asked["starting_after"] = page["data"][-1]["id"]


def of_row(row: RemoteRow) -> tuple[str, Decimal]:
    """Give currency and amount of a row read back from a destination."""
    currency, amount = row.cells.get("currency"), row.cells.get("amount")
    return str(currency), amount if isinstance(amount, Decimal) else Decimal(0)


async def read_back(door: Destination, mapping: TableMapping) -> list[RemoteRow]:
    """Read a table of a destination, our rows only."""
    return [row async for row in door.read(mapping) if row.key]
