"""Deleting a workspace: it is nobody's at once, then goes part by part; a line stays that says what is left to do."""

import datetime as dt
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import msgspec
import sqlalchemy as sa

from counterfoil.errors import NotThere
from counterfoil.store import destinations as stored_destinations
from counterfoil.store.schema import (
    api_tokens,
    candidates,
    channels,
    connections,
    deletions,
    destinations,
    idempotency_keys,
    invitations,
    members,
    metadata,
    sessions,
    users,
    visits,
    workspaces,
)
from counterfoil.store.upsert import insert

PART: Final = 5_000  # rows deleted in one transaction, which holds up other writers
KEPT: Final = dt.timedelta(days=30)  # for which the last line can be read
# What lets people and programs in: it goes at once.
_KEYS: Final = (sessions, api_tokens, invitations, channels, idempotency_keys, members)


@dataclass(frozen=True, slots=True)
class Deletion:
    """How a deletion stands. `remains` are sentences: what could not be ended at a vendor, and who can."""

    id: str
    workspace_id: str
    asked_at: dt.datetime
    finished_at: dt.datetime | None
    remains: tuple[str, ...]


class Login(msgspec.Struct, frozen=True):
    """A login that stands at a vendor: a connection's, a destination's, or of a visit that is no connection yet."""

    connection_id: str | None = None
    destination_id: str | None = None
    visit_id: str | None = None
    candidate_id: str | None = None


def name_of(word: str) -> str:
    """Give the id of the deletion whose word this is; only whoever asked knows the word."""
    return sha256(word.encode("utf-8", "replace")).hexdigest()


def begin(tx: sa.Connection, workspace_id: str, deletion_id: str) -> None:
    """Close the workspace for everybody: nobody signs in, nothing is read or written any more. Safe to repeat."""
    now = dt.datetime.now(dt.UTC)
    values = {"id": deletion_id, "workspace_id": workspace_id, "asked_at": now, "remains": "[]"}
    tx.execute(
        insert(tx, deletions).values(**values).on_conflict_do_nothing()
    )  # whoever asks and the run that does it come at once
    tx.execute(sa.update(workspaces).where(workspaces.c.id == workspace_id).values(leaving_at=now))
    mine = connections.c.workspace_id == workspace_id
    tx.execute(sa.update(connections).where(mine).values(state="removed"))
    for destination_id in tx.execute(sa.select(destinations.c.id).where(destinations.c.workspace_id == workspace_id)):
        stored_destinations.raise_editions(tx, destination_id[0])
    mine = destinations.c.workspace_id == workspace_id
    tx.execute(sa.update(destinations).where(mine).values(state="removed"))
    people = set(tx.execute(sa.select(members.c.user_id).where(members.c.workspace_id == workspace_id)).scalars())
    for table in _KEYS:
        tx.execute(sa.delete(table).where(table.c.workspace_id == workspace_id))
    # Whoever joins another workspace in this moment is waited for, and then seen to belong there.
    tx.execute(sa.select(users.c.id).where(users.c.id.in_(people)).order_by(users.c.id).with_for_update())
    elsewhere = sa.select(members.c.user_id)
    tx.execute(sa.delete(users).where(users.c.id.in_(people), users.c.id.not_in(elsewhere)))


def only_here(tx: sa.Connection, workspace_id: str) -> list[str]:
    """Give the names of those who belong to no other workspace: their accounts go with it."""
    here = sa.select(members.c.user_id).where(members.c.workspace_id == workspace_id)
    elsewhere = sa.select(members.c.user_id).where(members.c.workspace_id != workspace_id)
    query = sa.select(users.c.name).where(users.c.id.in_(here), users.c.id.not_in(elsewhere))
    return list(tx.execute(query.order_by(users.c.id)).scalars())


def logins(tx: sa.Connection, workspace_id: str) -> list[Login]:
    """Give the logins whose credentials are still here."""
    bound = sa.select(connections.c.id).where(
        connections.c.workspace_id == workspace_id, sa.func.length(connections.c.credential) > 0
    )
    found = [Login(connection_id=one) for one in tx.execute(bound.order_by(connections.c.id)).scalars()]
    places = sa.select(destinations.c.id).where(
        destinations.c.workspace_id == workspace_id, sa.func.length(destinations.c.credential) > 0
    )
    found += [Login(destination_id=one) for one in tx.execute(places.order_by(destinations.c.id)).scalars()]
    left = sa.select(candidates.c.visit_id, candidates.c.id).join(visits)
    left = left.where(visits.c.workspace_id == workspace_id, candidates.c.credential.is_not(None))
    return found + [Login(visit_id=visit_id, candidate_id=id) for visit_id, id in tx.execute(left)]


def names(tx: sa.Connection, workspace_id: str) -> set[str]:
    """Give the ids by which events and runs may name the workspace or something of it."""
    found = {workspace_id}
    for table in metadata.tables.values():
        mine = _of(table, workspace_id)
        if mine is not None and "id" in table.c:
            found.update(tx.execute(sa.select(table.c.id).where(mine)).scalars())
    return found


def erase_part(tx: sa.Connection, workspace_id: str) -> bool:
    """Delete up to `PART` rows of each table; give whether there are more."""
    for table in reversed(metadata.sorted_tables):
        mine = _of(table, workspace_id)
        if mine is not None and _erase(tx, table, mine) == PART:
            return True
    return False


def _of(table: sa.Table, workspace_id: str) -> sa.ColumnElement[bool] | None:
    """Say which rows of a table are the workspace's; None where none of its columns tells: they go with others."""
    if table in (deletions, workspaces):
        return None
    if "workspace_id" in table.c:
        return table.c.workspace_id == workspace_id
    for column, owner in (("connection_id", connections), ("destination_id", destinations), ("channel_id", channels)):
        if column in table.c:
            return table.c[column].in_(sa.select(owner.c.id).where(owner.c.workspace_id == workspace_id))
    return None


def _erase(tx: sa.Connection, table: sa.Table, mine: sa.ColumnElement[bool]) -> int:
    key = tuple(table.primary_key.columns)
    part = sa.select(*key).where(mine).limit(PART)
    return tx.execute(sa.delete(table).where(sa.tuple_(*key).in_(part))).rowcount


def finish(tx: sa.Connection, workspace_id: str) -> None:
    """Delete the workspace itself with whatever hangs on it, and say that it is done."""
    tx.execute(sa.delete(workspaces).where(workspaces.c.id == workspace_id))
    now = dt.datetime.now(dt.UTC)
    tx.execute(sa.update(deletions).where(deletions.c.workspace_id == workspace_id).values(finished_at=now))


def note(tx: sa.Connection, workspace_id: str, sentence: str) -> None:
    """Keep what is left for the person to do."""
    mine = deletions.c.workspace_id == workspace_id
    tx.execute(sa.select(deletions.c.id).where(mine).with_for_update())  # several logins end at once
    found = _read(tx, mine)
    if found is not None and sentence not in found.remains:
        remains = msgspec.json.encode([*found.remains, sentence]).decode()
        tx.execute(sa.update(deletions).where(deletions.c.id == found.id).values(remains=remains))


def find(tx: sa.Connection, word: str) -> Deletion:
    """Give how the deletion of that word stands. Raises `NotThere`."""
    found = _read(tx, deletions.c.id == name_of(word))
    if found is None:
        raise NotThere("There is no such deletion.", remedy="Its page is kept for 30 days.")
    return found


def prune(tx: sa.Connection) -> None:
    """Forget deletions that were finished long ago."""
    old = dt.datetime.now(dt.UTC) - KEPT
    tx.execute(sa.delete(deletions).where(deletions.c.finished_at < old))


def _read(tx: sa.Connection, where: sa.ColumnElement[bool]) -> Deletion | None:
    row = tx.execute(sa.select(deletions).where(where)).mappings().first()
    if row is None:
        return None
    remains = msgspec.json.decode(row["remains"], type=tuple[str, ...])
    return Deletion(row["id"], row["workspace_id"], row["asked_at"], row["finished_at"], remains)
