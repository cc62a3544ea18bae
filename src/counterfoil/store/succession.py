"""Succession: rows of a bank that was linked again take the places that its old rows have at the destinations."""

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from counterfoil.linking import AccountMatch, RowMark, match_rows
from counterfoil.store import destinations, history, relinks, rules, saying, schema
from counterfoil.store import pairs as halves
from counterfoil.store.history import Change
from counterfoil.store.landing import Lander
from counterfoil.store.relinks import Relink

SETTLES: Final = dt.timedelta(days=30)  # after the user's answer; a bank gives its history within hours
_CHUNK: Final = 500
_accounts: Final = schema.rows["accounts"]


@dataclass(frozen=True, slots=True)
class _Kind:
    """How rows of a table are recognised. `window`: what the new link does not show of its own days is gone."""

    mark: Callable[[sa.RowMapping], tuple[dt.date | None, Decimal | None, str]]
    window: bool = True


_KINDS: Final = {
    "transactions": _Kind(lambda row: (row["date"], row["amount"], row["original_text"] or row["summary"])),
    "balances": _Kind(lambda row: (row["date"], None, ""), window=False),
    "holdings": _Kind(lambda row: (None, None, row["security"] or row["name"])),
    "investment_transactions": _Kind(lambda row: (row["date"], row["amount"], row["name"])),
}


def take_over(tx: sa.Connection, lander: Lander, connection_id: str, snapshot: Collection[str]) -> None:
    """Let the rows that just landed take over from those of an earlier link, as far as the user has confirmed that.

    Works in the transaction of the landing: no sync ever sees the new rows without their claim. History that the new
    link does not reach stays where it is, as rows of the accounts that took over.
    """
    confirmed = relinks.confirmed(tx, connection_id, dt.datetime.now(dt.UTC) - SETTLES)
    if not confirmed:
        return
    for relink in confirmed:
        for pair in relink.pairs:
            _take_over_account(tx, lander, relink, pair)
    heirs = [pair.new for relink in confirmed for pair in relink.pairs]
    for table, kind in _KINDS.items():
        if lander.fresh[table] or table in snapshot:
            _take_over_rows(tx, lander, connection_id, table, kind, heirs, whole=table in snapshot)


def is_settled(tx: sa.Connection, relink: Relink) -> bool:
    """Say whether every account of a confirmed re-link that the bank still shows has taken over."""
    query = sa.select(sa.func.count()).where(
        _accounts.c.connection_id == relink.old_id,
        _accounts.c.key.in_([pair.old for pair in relink.pairs]),
        _accounts.c.replaced_by.is_(None),
    )
    return tx.execute(query).scalar_one() == 0


def _take_over_account(tx: sa.Connection, lander: Lander, relink: Relink, pair: AccountMatch) -> None:
    heir = (_accounts.c.connection_id == relink.new_id) & (_accounts.c.key == pair.new)
    there = heir & _accounts.c.removed.is_(False) & _accounts.c.replaces.is_(None)
    version = lander.next_version()
    if not tx.execute(sa.update(_accounts).where(there).values(replaces=pair.old, version=version)).rowcount:
        return
    old = (_accounts.c.connection_id == relink.old_id) & (_accounts.c.key == pair.old)
    tx.execute(sa.update(_accounts).where(old).values(replaced_by=pair.new, removed=True))
    for table in _KINDS:
        rows = schema.rows[table]
        its = (rows.c.workspace_id == relink.workspace_id) & (rows.c.account == pair.old)
        tx.execute(sa.update(rows).where(its, rows.c.removed.is_(True)).values(account=pair.new))
        # The live ones get new versions, since their link to the account is to be written anew.
        live = tx.execute(sa.select(rows.c.connection_id, rows.c.key, rows.c.version).where(its)).all()
        moved = [Change(c, k, was, lander.next_version(), {"account": (pair.old, pair.new)}) for c, k, was in live]
        _update(tx, rows, [(m.connection_id, m.key, {"account": pair.new, "version": m.version}) for m in moved])
        if table == history.TABLE:
            history.note(tx, relink.workspace_id, history.BANK, moved)
    _choose(tx, relink.workspace_id, pair)


def _choose(tx: sa.Connection, workspace_id: str, pair: AccountMatch) -> None:
    """Where the user has chosen the old account, for a destination or in a rule, choose the new one."""
    rules.rename_account(tx, workspace_id, pair.old, pair.new)
    for destination in destinations.of_workspace(tx, workspace_id):
        selection = destination.selection
        if selection.accounts is not None and pair.old in selection.accounts:
            chosen = tuple(pair.new if key == pair.old else key for key in selection.accounts)
            kept = msgspec.structs.replace(selection, accounts=chosen)
            destinations.save_selection(tx, destination.id, kept)
            # A sync at work knows the old choice, by which all these rows would have to go.
            destinations.raise_editions(tx, destination.id)


def _take_over_rows(
    tx: sa.Connection,
    lander: Lander,
    connection_id: str,
    table: str,
    kind: _Kind,
    heirs: Sequence[str],
    *,
    whole: bool,
) -> None:
    rows = schema.rows[table]
    theirs = rows.c.account.in_(heirs) & rows.c.replaced_by.is_(None) & (rows.c.connection_id != connection_id)
    query = rows.select().where(theirs).order_by(rows.c.removed, rows.c.key)  # what is live is matched first
    old = tx.execute(query).mappings().all()
    if not old:
        return
    new: list[RowMark] = []
    keys = sorted(lander.fresh[table])
    for start in range(0, len(keys), _CHUNK):
        mine = (rows.c.connection_id == connection_id) & rows.c.key.in_(keys[start : start + _CHUNK])
        fresh = rows.select().where(
            mine, rows.c.account.in_(heirs), rows.c.removed.is_(False), rows.c.replaces.is_(None)
        )
        new += [_mark(kind, row) for row in tx.execute(fresh.order_by(rows.c.key)).mappings()]
    pairs = dict(match_rows([_mark(kind, row) for row in old], new))
    holder = {row["key"]: row["connection_id"] for row in old}
    _update(tx, rows, [(holder[o], o, {"replaced_by": n, "removed": True}) for o, n in pairs.items()])
    _update(tx, rows, [(connection_id, n, {"replaces": o}) for o, n in pairs.items()])
    if table == "transactions":
        heirs_of = {(holder[o], o): (connection_id, n) for o, n in pairs.items()}
        saying.inherit(tx, heirs_of.items())
        halves.carry(tx, old[0]["workspace_id"], heirs_of)
    if kind.window:
        reach = _reach(new)
        left = [row for row in old if row["key"] not in pairs and not row["removed"]]
        gone = [row for row in left if whole or _is_missing(row, reach)]
        lander.close(table, [(row["connection_id"], row["key"]) for row in gone])


def _reach(new: Sequence[RowMark]) -> Mapping[str, dt.date]:
    """Give the first day that the new link shows of each account."""
    reach: dict[str, dt.date] = {}
    for mark in new:
        if mark.date is not None:
            reach[mark.account] = min(mark.date, reach.get(mark.account, mark.date))
    return reach


def _is_missing(row: sa.RowMapping, reach: Mapping[str, dt.date]) -> bool:
    """Say whether the new link would show the row if the bank still had it."""
    first = reach.get(row["account"])
    return first is not None and "date" in row and (row["date"] > first or bool(row.get("pending")))


def _mark(kind: _Kind, row: sa.RowMapping) -> RowMark:
    date, amount, name = kind.mark(row)
    return RowMark(row["key"], row["account"], date, amount, name)


def _update(tx: sa.Connection, rows: sa.Table, changes: Sequence[tuple[str, str, dict[str, Any]]]) -> None:
    if not changes:
        return
    names = changes[0][2].keys()
    tx.execute(
        sa.update(rows)
        .where(rows.c.connection_id == sa.bindparam("of_connection"), rows.c.key == sa.bindparam("of_key"))
        .values({name: sa.bindparam(f"to_{name}") for name in names}),
        [
            {"of_connection": connection_id, "of_key": key} | {f"to_{name}": value for name, value in values.items()}
            for connection_id, key, values in changes
        ],
    )
