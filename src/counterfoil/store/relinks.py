"""Re-links: a bank linked a second time, the pairs of accounts found, and what the user said to them."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa

from counterfoil.errors import NotThere
from counterfoil.lib.ids import new_id
from counterfoil.linking import AccountMark, AccountMatch
from counterfoil.store import schema
from counterfoil.store.schema import relinks

_accounts = schema.rows["accounts"]


@dataclass(frozen=True, slots=True)
class Pair(AccountMatch):
    """Two accounts that are taken for one, with the name by which the user knows it."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class Relink:
    """A proposal that accounts of a new connection are those of an old one; confirmed, rows keep their places."""

    id: str
    workspace_id: str
    old_id: str
    new_id: str
    pairs: tuple[Pair, ...]
    state: str  # open | confirmed | declined
    created_at: dt.datetime
    decided_at: dt.datetime | None


def propose(tx: sa.Connection, *, workspace_id: str, old_id: str, connection_id: str, pairs: Sequence[Pair]) -> str:
    """Keep a proposal about a new connection; a repeat finds the one that is there. Give its id."""
    same = (relinks.c.new_id == connection_id) & (relinks.c.old_id == old_id)
    known: str | None = tx.execute(sa.select(relinks.c.id).where(same)).scalar()
    if known is not None:
        return known
    relink_id = new_id()
    tx.execute(
        relinks.insert().values(
            id=relink_id,
            workspace_id=workspace_id,
            old_id=old_id,
            new_id=connection_id,
            pairs=msgspec.json.encode(pairs).decode(),
            state="open",
            created_at=dt.datetime.now(dt.UTC),
        )
    )
    return relink_id


def find(tx: sa.Connection, workspace_id: str, relink_id: str) -> Relink:
    """Give one proposal of a workspace. Raises `NotThere`."""
    query = sa.select(relinks).where(relinks.c.id == relink_id, relinks.c.workspace_id == workspace_id)
    row = tx.execute(query).mappings().first()
    if row is None:
        raise NotThere(f"There is no re-link {relink_id}.", remedy="List them: counterfoil relink")
    return _relink(row)


def waiting(tx: sa.Connection, workspace_id: str, connection_id: str | None = None) -> list[Relink]:
    """Give the proposals of a workspace, or about one new connection, that wait for an answer; oldest first."""
    query = sa.select(relinks).where(relinks.c.workspace_id == workspace_id, relinks.c.state == "open")
    if connection_id is not None:
        query = query.where(relinks.c.new_id == connection_id)
    return [_relink(row) for row in tx.execute(query.order_by(relinks.c.id)).mappings()]


def confirmed(tx: sa.Connection, connection_id: str, since: dt.datetime) -> list[Relink]:
    """Give what a connection takes over, as far as that was decided after a moment."""
    mine = (relinks.c.new_id == connection_id) & (relinks.c.state == "confirmed") & (relinks.c.decided_at > since)
    return [_relink(row) for row in tx.execute(sa.select(relinks).where(mine)).mappings()]


def decide(tx: sa.Connection, relink_id: str, state: str) -> bool:
    """Keep the user's answer; give whether there was none yet."""
    undecided = (relinks.c.id == relink_id) & (relinks.c.state == "open")
    values = {"state": state, "decided_at": dt.datetime.now(dt.UTC)}
    return tx.execute(sa.update(relinks).where(undecided).values(**values)).rowcount == 1


def withdraw(tx: sa.Connection, connection_id: str) -> None:
    """Ask no more about a new connection."""
    mine = (relinks.c.new_id == connection_id) & (relinks.c.state == "open")
    tx.execute(sa.update(relinks).where(mine).values(state="declined", decided_at=dt.datetime.now(dt.UTC)))


def marks(tx: sa.Connection, connection_id: str, *, closed: bool = False) -> list[AccountMark]:
    """Give the accounts of a connection as they are known; with `closed` those that it had until it was removed."""
    query = sa.select(_accounts).where(_accounts.c.connection_id == connection_id, _accounts.c.replaced_by.is_(None))
    if not closed:
        query = query.where(_accounts.c.removed.is_(False))
    return [
        AccountMark(
            row["key"],
            row["institution"],
            row["name"],
            row["type"],
            row["subtype"],
            row["mask"],
            row["persistent_id"],
        )
        for row in tx.execute(query).mappings()
    ]


def _relink(row: sa.RowMapping) -> Relink:
    return Relink(
        id=row["id"],
        workspace_id=row["workspace_id"],
        old_id=row["old_id"],
        new_id=row["new_id"],
        pairs=msgspec.json.decode(row["pairs"], type=tuple[Pair, ...]),
        state=row["state"],
        created_at=row["created_at"],
        decided_at=row["decided_at"],
    )
