"""A trigger function that invokes shared sync functions: the pattern that the product is made of.

The bank tells of new transactions. For every connected destination at once, accounts are brought up to date and then
transactions. Each sync function runs for one destination at a time, whoever asked for it; the next in line starts by
itself. The ledger in memory stands in for real apps, so that the example runs as it is.
"""

import asyncio
from dataclasses import dataclass, field

import msgspec

from counterfoil.engine import Concurrency, Context, InvokeFailed, function


class BankEvent(msgspec.Struct, frozen=True):
    """The bank has news about one connection."""

    connection_id: str


class SyncTable(msgspec.Struct, frozen=True):
    """Ids only: rows go by reference, so that a large bank costs no more per event than a small one."""

    destination_id: str
    connection_id: str


class Result(msgspec.Struct, frozen=True):
    """What a sync function did."""

    created: int
    updated: int


@dataclass
class Ledgers:
    """What the bank knows, and what each destination holds: destination -> table -> key -> amount."""

    bank: dict[str, dict[str, int]] = field(default_factory=dict)
    held: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def connected_destinations(self, _connection_id: str) -> list[str]:
        return sorted(self.held)

    def load_keys(self, destination_id: str, table: str) -> list[str]:
        return sorted(self.held[destination_id].setdefault(table, {}))

    def write(self, destination_id: str, table: str, keys: list[str]) -> int:
        self.held[destination_id][table].update({key: self.bank[table][key] for key in keys})
        return len(keys)

    def note(self, line: str) -> None:
        self.log.append(line)


# One sync function at a time for each destination, across both functions: they share a scope. The lock is held for
# the whole run, waiting included.
ONE_AT_A_TIME = Concurrency(limit=1, key="event.data.destination_id", scope="example-destination")


async def _sync(ctx: Context[SyncTable, Ledgers], table: str) -> Result:
    asked, ledgers = ctx.event.data, ctx.utils
    known = set(await ctx.step.run("load", ledgers.load_keys, asked.destination_id, table))
    new = [key for key in ledgers.bank[table] if key not in known]
    changed = [key for key in ledgers.bank[table] if key in known]
    created = await ctx.step.run("create", ledgers.write, asked.destination_id, table, new)
    updated = await ctx.step.run("update", ledgers.write, asked.destination_id, table, changed)
    await ctx.step.run("log", ledgers.note, f"{asked.destination_id}: {table} +{created} ~{updated}")
    return Result(created, updated)


@function("example-sync-accounts", on="example/destination.sync.accounts", concurrency=ONE_AT_A_TIME)
async def sync_accounts(ctx: Context[SyncTable, Ledgers]) -> Result:
    """Bring one destination's accounts up to date."""
    return await _sync(ctx, "accounts")


@function("example-sync-transactions", on="example/destination.sync.transactions", concurrency=ONE_AT_A_TIME)
async def sync_transactions(ctx: Context[SyncTable, Ledgers]) -> Result:
    """Bring one destination's transactions up to date."""
    return await _sync(ctx, "transactions")


@function("example-default-update", on="plaid/transactions.default_update")
async def default_update(ctx: Context[BankEvent, Ledgers]) -> dict[str, str]:
    """Accounts, then transactions, for every connected destination at once; a failure stops its own chain only."""
    connection_id = ctx.event.data.connection_id
    destinations = await ctx.step.run("destinations", ctx.utils.connected_destinations, connection_id)

    async def chain(destination_id: str) -> str:
        asked = SyncTable(destination_id, connection_id)
        try:
            await ctx.step.invoke(f"accounts@{destination_id}", sync_accounts, asked)
            await ctx.step.invoke(f"transactions@{destination_id}", sync_transactions, asked)
        except InvokeFailed as error:
            return error.message
        return "done"

    ends = await asyncio.gather(*(chain(destination_id) for destination_id in destinations))
    return dict(zip(destinations, ends, strict=True))
