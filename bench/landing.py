"""Landing: how fast, and in how much memory, a bank's transactions get from staged pages into canonical rows.

Fetching is not measured. Each measurement reads, decodes, maps and lands 100,000 transactions in a process of its own,
on a fresh copy of the staged pages.
"""

import asyncio
import json
import shutil
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from pydantic import BaseModel

from _bank import bank
from _measure import alone, at_least, at_most, middle, peak_mb
from counterfoil.lib.budget import LocalBudgets
from counterfoil.lib.http import Http
from counterfoil.lib.secrets import Vault, new_key
from counterfoil.ports import Access, Identity
from counterfoil.providers.plaid import SPEC
from counterfoil.rules import Comparison, Span, Then, When, Words
from counterfoil.store import Database, Tx, connections, pages, rules, schema, workspaces
from counterfoil.store.schema import pages as staged

ROWS: Final = 100_000
RATE: Final = 20_000  # rows per second of CPU
MEMORY: Final = 250  # MB
TIMES: Final = 3
RULES: Final = 20
STREAM: Final = "transactions"
_rows = schema.rows["transactions"]
UNLIMITED: Final = 1e6  # times the vendor's limits


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="counterfoil-bench-") as folder:
        source = Path(folder) / "staged.db"
        told = alone(__file__, "stage", str(source))
        found = [alone(__file__, "land", str(_copied(source, number)), "0") for number in range(TIMES)]
        ruled = [alone(__file__, "land", str(_copied(source, number)), str(RULES)) for number in range(TIMES)]
    print(
        f"Landing {ROWS:,} Plaid transactions ({told['pages']} pages, {told['mb']:.0f} MB of JSON), median of {TIMES}:"
    )
    seconds = middle([one["first"] for one in found])
    print(at_least("read, decode, map, land", ROWS / seconds, RATE, "rows/s"))
    print(at_most("memory at the peak", middle([one["peak"] for one in found]), MEMORY, "MB"))
    decode, again = middle([one["decode"] for one in found]), middle([one["again"] for one in found])
    print(f"  of {1e6 * seconds / ROWS:.1f} µs a row, decoding and mapping take {1e6 * decode / ROWS:.1f}")
    with_rules, spoken = middle([one["first"] for one in ruled]), ruled[0]["spoken"]
    print(f"  with {RULES} rules that hold for {spoken:,} rows: {ROWS / with_rules:,.0f} rows/s")
    print(f"  the same pages again, nothing changed: {ROWS / again:,.0f} rows/s")


def _copied(source: Path, number: int) -> Path:
    copy = source.with_name(f"run-{number}.db")
    shutil.copy(source, copy)
    return copy


async def _stage(path: Path) -> None:
    """Fetch the pages from the emulator as a sync does, and stage them."""
    db, http = Database.open(path), Http(budgets=LocalBudgets(UNLIMITED))
    db.migrate()
    with bank() as source:
        source.act("bulk", count=ROWS)
        connection_id = await db.run(_add_connection, source.login.item_id)
        provider = SPEC.open(Access(http, source.app, source.login, _keep))
        cursor, number, size, more = None, 0, 0, True
        while more:
            page = await provider.fetch(STREAM, cursor)
            await db.run(pages.stage, connection_id, STREAM, number, page)
            cursor, more, number, size = page.cursor, page.has_more, number + 1, size + len(page.body)
    await http.aclose()
    db.close()
    print(json.dumps({"pages": number, "mb": size / 1024**2}))


async def _keep(_settings: BaseModel) -> None:
    raise AssertionError("Plaid's tokens do not rotate")


def _add_connection(tx: Tx, remote_id: str) -> str:
    workspace = workspaces.create(tx, "Bench")
    identity, vault = Identity(remote_id, "Bank"), Vault.of(new_key())
    added = connections.add(
        tx, vault, workspace_id=workspace.id, provider=SPEC.slug, identity=identity, credential=b"{}"
    )
    return added.id


def _add_rules(tx: Tx, workspace_id: str, count: int) -> None:
    """Keep rules of which the last few hold for rows: all the others are tried for every row."""
    for number in range(count):
        text = f"shop {number}" if number < count - 2 else "a"
        place = When(merchant=Words(Comparison.CONTAINS, text), size=Span(least=Decimal(50)))
        rules.add(tx, workspace_id, name=f"Rule {number}", when=place, then=Then(tags=("shop",)))


def _land(path: Path, count: int) -> None:
    """Land what is staged, then the same once more; measure both, and decoding and mapping by themselves."""
    db = Database.open(path)
    with db.begin() as tx:
        [connection] = connections.of_workspace(tx, workspaces.first(tx).id)
        _add_rules(tx, connection.workspace_id, count)
    before = time.process_time()
    with db.begin() as tx:
        landed = pages.commit(tx, connection.id, SPEC.stream(STREAM), SPEC.land)
    first, peak = time.process_time() - before, peak_mb()
    assert landed.changed >= ROWS
    with db.begin() as tx:
        tx.execute(sa.update(staged).values(committed_at=None))
        spoken = tx.execute(sa.select(sa.func.count()).where(_rows.c.rule_id.is_not(None))).scalar_one()
    before = time.process_time()
    with db.begin() as tx:
        pages.commit(tx, connection.id, SPEC.stream(STREAM), SPEC.land)
    again = time.process_time() - before
    with db.reading() as tx:
        bodies = list(tx.execute(sa.select(staged.c.body)).scalars())
    before = time.process_time()
    for body in bodies:
        SPEC.land(STREAM, body)
    decode = time.process_time() - before
    print(json.dumps({"first": first, "again": again, "decode": decode, "peak": peak, "spoken": spoken}))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["stage", path]:
            asyncio.run(_stage(Path(path)))
        case ["land", path, count]:
            _land(Path(path), int(count))
        case _:
            main()
