"""Pairs: two transactions that look like one movement between own accounts, and what the user says to them."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa

from counterfoil.errors import BadRequest
from counterfoil.lib.ids import new_id
from counterfoil.money import plain
from counterfoil.pairing import EARLY, LATE, Proposal, Side, propose, words_of
from counterfoil.store import history, schema
from counterfoil.store.needle import needle
from counterfoil.store.saying import Place
from counterfoil.store.schema import pairings, pairs
from counterfoil.store.upsert import insert
from counterfoil.store.versions import Versions

OPEN: Final = "open"
CONFIRMED: Final = "confirmed"
DECLINED: Final = "declined"
STATES: Final = (OPEN, CONFIRMED, DECLINED)
_CHUNK: Final = 250  # rows whose counterparts are looked for at once
_PLACES: Final = 4  # digits after the point with which banks may write the same amount
_PAYOUT: Final = "payout"  # the type of a payment provider's payouts
_rows: Final = schema.rows["transactions"]
_accounts: Final = schema.rows["accounts"]
_out, _into = _rows.alias("out_row"), _rows.alias("in_row")


@dataclass(frozen=True, slots=True)
class Half:
    """One side of a pair, for people."""

    key: str
    connection_id: str
    date: dt.date
    amount: Decimal
    currency: str
    account: str
    account_name: str
    summary: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A proposal, or what became of it."""

    id: str
    kind: str  # transfer | payout
    state: str
    sure: bool
    out: Half
    into: Half


def look(tx: sa.Connection, workspace_id: str, *, limit: int) -> bool:
    """Propose pairs among the next rows that have changed, and those near to them; give whether there is more.

    Pairs of which one side has gone or has another amount by now are given up.
    """
    watermark = _watermark(tx, workspace_id)
    newest = sa.select(sa.func.max(_rows.c.version)).where(_rows.c.workspace_id == workspace_id)
    if (tx.execute(newest).scalar() or 0) <= watermark:
        return False
    versions = Versions(tx, workspace_id)
    watermark = _watermark(tx, workspace_id)  # another sync may have looked until this one got the lock
    query = sa.select(*_sides).where(_rows.c.workspace_id == workspace_id, _rows.c.version > watermark)
    changed = tx.execute(query.order_by(_rows.c.version).limit(limit)).all()
    if not changed:
        return False
    _give_up(tx, workspace_id, [row.key for row in changed], versions)
    accounts = _names(tx, workspace_id)
    fresh = sorted((row for row in changed if _may_pair(row)), key=lambda row: (row.date, row.key))
    for start in range(0, len(fresh), _CHUNK):
        _propose(tx, workspace_id, fresh[start : start + _CHUNK], accounts)
    versions.finish()
    _set_watermark(tx, workspace_id, changed[-1].version)
    return len(changed) == limit


def page(tx: sa.Connection, workspace_id: str, state: str, *, after: str | None = None, limit: int) -> list[Pair]:
    """Give a workspace's pairs in a state, the latest found first, from the one that follows the id of the last one."""
    query = _shown.where(pairs.c.workspace_id == workspace_id, pairs.c.state == state)
    if after is not None:
        query = query.where(pairs.c.id < after)
    found = tx.execute(query.order_by(pairs.c.id.desc()).limit(limit)).mappings().all()
    accounts = _names(tx, workspace_id) if found else {}
    return [_pair(row, accounts) for row in found]


def counts(tx: sa.Connection, workspace_id: str) -> dict[str, int]:
    """Count a workspace's pairs by state."""
    query = sa.select(pairs.c.state, sa.func.count()).where(pairs.c.workspace_id == workspace_id)
    found = tx.execute(query.group_by(pairs.c.state))
    return dict.fromkeys(STATES, 0) | {row[0]: row[1] for row in found}


def decide(tx: sa.Connection, workspace_id: str, pair_ids: Collection[str], state: str) -> int:
    """Keep what the user says to pairs, mark or unmark their rows, and give how many have changed.

    Raises `BadRequest` where a row is a side of another confirmed pair already.
    """
    versions = Versions(tx, workspace_id)
    accounts = _names(tx, workspace_id)
    asked = pairs.c.id.in_(pair_ids) & (pairs.c.workspace_id == workspace_id) & (pairs.c.state != state)
    found = [_pair(row, accounts) for row in tx.execute(_shown.where(asked)).mappings()]
    for pair in found:
        if state == CONFIRMED:
            _mark(tx, workspace_id, versions, pair)
        elif pair.state == CONFIRMED:
            _write(tx, workspace_id, versions, {_place(half): None for half in (pair.out, pair.into)})
        values = {"state": state, "decided_at": None if state == OPEN else dt.datetime.now(dt.UTC)}
        tx.execute(sa.update(pairs).where(pairs.c.id == pair.id).values(**values))
    versions.finish()
    return len(found)


def carry(tx: sa.Connection, workspace_id: str, heirs: Mapping[Place, Place]) -> None:
    """Let pairs of rows that were replaced be pairs of those that took their place."""
    places = list(heirs)
    for end in ("out", "in"):
        holder, key = pairs.c[f"{end}_connection_id"], pairs.c[f"{end}_key"]
        for start in range(0, len(places), _CHUNK):
            theirs = key.in_([old_key for _, old_key in places[start : start + _CHUNK]])
            query = sa.select(pairs.c.id, holder, key).where(pairs.c.workspace_id == workspace_id, theirs)
            for pair_id, old_holder, old_key in tx.execute(query).all():
                if (heir := heirs.get((old_holder, old_key))) is not None:
                    values = {holder.name: heir[0], key.name: heir[1]}
                    tx.execute(sa.update(pairs).where(pairs.c.id == pair_id).values(**values))


def _watermark(tx: sa.Connection, workspace_id: str) -> int:
    query = sa.select(pairings.c.version).where(pairings.c.workspace_id == workspace_id)
    return tx.execute(query).scalar() or 0


def _set_watermark(tx: sa.Connection, workspace_id: str, version: int) -> None:
    new = insert(tx, pairings).values(workspace_id=workspace_id, version=version)
    tx.execute(new.on_conflict_do_update(index_elements=["workspace_id"], set_={"version": version}))


def _may_pair(row: sa.Row[Any]) -> bool:
    live = not row.removed and row.replaced_by is None and not row.pending
    return live and row.transfer is None and bool(row.amount)


def _give_up(tx: sa.Connection, workspace_id: str, keys: Sequence[str], versions: Versions) -> None:
    for start in range(0, len(keys), _CHUNK):
        some = keys[start : start + _CHUNK]
        touched = pairs.c.out_key.in_(some) | pairs.c.in_key.in_(some)
        kept = pairs.c.state.in_((OPEN, CONFIRMED))
        for row in tx.execute(_shown.where(pairs.c.workspace_id == workspace_id, kept, touched)).mappings():
            if not row["out_removed"] and not row["in_removed"] and row["out_amount"] == row["in_amount"].copy_negate():
                continue
            pair = _pair(row, {})
            if pair.state == CONFIRMED:
                _write(tx, workspace_id, versions, {_place(half): None for half in (pair.out, pair.into)})
            tx.execute(sa.delete(pairs).where(pairs.c.id == pair.id))


def _propose(
    tx: sa.Connection, workspace_id: str, fresh: Sequence[sa.Row[Any]], accounts: Mapping[str, tuple[str, str]]
) -> None:
    near = (_rows.c.date >= fresh[0].date - dt.timedelta(days=LATE)) & (
        _rows.c.date <= fresh[-1].date + dt.timedelta(days=LATE + EARLY)
    )
    amounts = [spelling for amount in {row.amount.copy_negate() for row in fresh} for spelling in _spellings(amount)]
    query = sa.select(*_sides).where(_rows.c.workspace_id == workspace_id, near, _rows.c.amount.in_(amounts))
    there = {row.key: row for row in tx.execute(query) if _may_pair(row)}
    mine = {row.key for row in fresh}
    there.update((row.key, row) for row in fresh)
    known = _known(tx, workspace_id, list(there))
    taken = {key for keys, state in known.items() if state != DECLINED for key in keys}
    categories = _categories(tx, workspace_id)
    sides = [_side(row, accounts, categories) for row in there.values() if row.key not in taken]
    declined = {keys for keys, state in known.items() if state == DECLINED}
    found = [one for one in propose(sides, declined) if {one.out.key, one.into.key} & mine]
    if found:
        tx.execute(pairs.insert(), [_values(workspace_id, one) for one in found])


def _spellings(amount: Decimal) -> list[Decimal]:
    """Give the ways to write an amount: SQLite compares it as text."""
    whole, _, digits = plain(amount).partition(".")
    places = range(len(digits), max(len(digits), _PLACES) + 1)
    return [Decimal(f"{whole}.{digits:0<{place}}" if place else whole) for place in places]


def _known(tx: sa.Connection, workspace_id: str, keys: Sequence[str]) -> dict[tuple[str, str], str]:
    known: dict[tuple[str, str], str] = {}
    for start in range(0, len(keys), _CHUNK):
        some = keys[start : start + _CHUNK]
        for key in (pairs.c.out_key, pairs.c.in_key):
            query = sa.select(pairs.c.out_key, pairs.c.in_key, pairs.c.state)
            found = tx.execute(query.where(pairs.c.workspace_id == workspace_id, key.in_(some)))
            known.update(((out, into), state) for out, into, state in found)
    return known


def _names(tx: sa.Connection, workspace_id: str) -> dict[str, tuple[str, str]]:
    """Give each account's name, and all words by which a bank's text may name it."""
    institutions = schema.rows["institutions"]
    query = sa.select(institutions.c.key, institutions.c.name).where(institutions.c.workspace_id == workspace_id)
    names: dict[str, str] = {row.key: row.name for row in tx.execute(query)}
    c = _accounts.c
    found = tx.execute(
        sa.select(c.key, c.name, c.official_name, c.mask, c.institution).where(c.workspace_id == workspace_id)
    )
    return {row.key: (row.name, " ".join(filter(None, (*row[1:4], names.get(row.institution or ""))))) for row in found}


def _categories(tx: sa.Connection, workspace_id: str) -> dict[str, str]:
    c = schema.rows["categories"].c
    found = tx.execute(sa.select(c.key, c.name, c.group).where(c.workspace_id == workspace_id))
    return {key: f"{name} {group or ''}" for key, name, group in found}


def _side(row: sa.Row[Any], accounts: Mapping[str, tuple[str, str]], categories: Mapping[str, str]) -> Side:
    told = (row.summary, row.merchant, row.original_text, categories.get(row.category or ""))
    return Side(
        connection_id=row.connection_id,
        key=row.key,
        account=row.account,
        date=row.date,
        amount=row.amount,
        currency=row.currency,
        text=" ".join(text for text in told if text).casefold(),
        names=words_of(accounts.get(row.account, ("", ""))[1]),
        payout=row.type == _PAYOUT and row.amount < 0,
    )


def _values(workspace_id: str, one: Proposal) -> dict[str, Any]:
    return {
        "id": new_id(),
        "workspace_id": workspace_id,
        "kind": one.kind.value,
        "out_connection_id": one.out.connection_id,
        "out_key": one.out.key,
        "in_connection_id": one.into.connection_id,
        "in_key": one.into.key,
        "sure": one.sure,
        "state": OPEN,
        "found_at": dt.datetime.now(dt.UTC),
    }


def _mark(tx: sa.Connection, workspace_id: str, versions: Versions, pair: Pair) -> None:
    word = "Payout" if pair.kind == _PAYOUT else "Transfer"
    _write(
        tx,
        workspace_id,
        versions,
        {
            _place(pair.out): f"{word} to {pair.into.account_name}",
            _place(pair.into): f"{word} from {pair.out.account_name}",
        },
    )


def _write(tx: sa.Connection, workspace_id: str, versions: Versions, transfers: Mapping[Place, str | None]) -> None:
    """Mark rows, or unmark them. Raises `BadRequest` where one has another mark."""
    for (connection_id, key), transfer in transfers.items():
        here = (_rows.c.connection_id == connection_id) & (_rows.c.key == key)
        row = tx.execute(sa.select(_rows).where(here)).mappings().one()
        if transfer is not None and row["transfer"] is not None:
            raise BadRequest(
                f"“{row['summary']}” is one side of another transfer.", remedy="Undo that one first, or decline this."
            )
        version = versions.next()
        words = needle(row["said_summary"], row["tags"], transfer) or None
        tx.execute(sa.update(_rows).where(here).values(transfer=transfer, said_needle=words, version=version))
        cells = {"transfer": (row["transfer"], transfer)}
        change = history.Change(connection_id, key, row["version"], version, cells)
        history.note(tx, workspace_id, history.YOU, [change])


def _place(half: Half) -> Place:
    return half.connection_id, half.key


def _pair(row: sa.RowMapping, accounts: Mapping[str, tuple[str, str]]) -> Pair:
    halves = [
        Half(
            row[f"{end}_key"],
            row[f"{end}_connection_id"],
            row[f"{end}_date"],
            row[f"{end}_amount"],
            row[f"{end}_currency"],
            row[f"{end}_account"],
            accounts.get(row[f"{end}_account"], ("another account", ""))[0],
            row[f"{end}_said"] or row[f"{end}_summary"],
        )
        for end in ("out", "in")
    ]
    return Pair(row["id"], row["kind"], row["state"], row["sure"], *halves)


_sides: Final = tuple(
    _rows.c[name]
    for name in (
        *("connection_id", "key", "version", "removed", "replaced_by", "pending", "transfer", "account", "date"),
        *("amount", "currency", "summary", "merchant", "original_text", "category", "type"),
    )
)
_shown: Final = (
    sa.select(
        pairs,
        *(
            row.c[column].label(f"{end}_{name}")
            for end, row in (("out", _out), ("in", _into))
            for column, name in (
                ("date", "date"),
                ("amount", "amount"),
                ("currency", "currency"),
                ("account", "account"),
                ("summary", "summary"),
                ("said_summary", "said"),
                ("removed", "removed"),
            )
        ),
    )
    .join(_out, (_out.c.connection_id == pairs.c.out_connection_id) & (_out.c.key == pairs.c.out_key))
    .join(_into, (_into.c.connection_id == pairs.c.in_connection_id) & (_into.c.key == pairs.c.in_key))
)
