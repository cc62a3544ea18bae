"""Connections: the user's authorised logins at providers, with their credentials and cursors."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from counterfoil.errors import ActionRequired, BadRequest, NotThere
from counterfoil.lib.ids import new_id
from counterfoil.lib.secrets import Vault
from counterfoil.ports import Identity, Notice
from counterfoil.store.schema import connections, cursors, pages, requests
from counterfoil.store.upsert import insert

_VISIBLE: Final = [c for c in connections.c if c.name != "credential"]


@dataclass(frozen=True, slots=True)
class Problem:
    """What a person must mend, in plain words."""

    code: str
    message: str
    remedy: str

    @classmethod
    def of(cls, error: ActionRequired) -> "Problem":
        return cls(error.code, str(error), error.remedy)


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection, without its credential."""

    id: str
    workspace_id: str
    provider: str
    remote_id: str
    label: str
    live: bool
    state: str
    problem: Problem | None
    created_at: dt.datetime
    fetched_at: dt.datetime | None
    notice: Notice | None = None  # worth knowing; nothing stops for it


def add(
    tx: sa.Connection,
    vault: Vault,
    *,
    workspace_id: str,
    provider: str,
    identity: Identity,
    credential: bytes,
    state: str = "active",
) -> Connection:
    """Add a connection, or take the new credential for one that is there already, even where it was removed."""
    connection_id = new_id()
    new = insert(tx, connections).values(
        id=connection_id,
        workspace_id=workspace_id,
        provider=provider,
        remote_id=identity.remote_id,
        label=identity.label,
        live=identity.live,
        state=state,
        credential=vault.seal(credential, bound_to=f"connections:{connection_id}"),
        created_at=dt.datetime.now(dt.UTC),
    )
    # Not looked for first: on Postgres somebody else may be adding it in this moment.
    if tx.execute(new.on_conflict_do_nothing().returning(connections.c.id)).first() is None:
        connection_id = tx.execute(
            sa.select(connections.c.id).where(
                connections.c.workspace_id == workspace_id,
                connections.c.provider == provider,
                connections.c.remote_id == identity.remote_id,
            )
        ).scalar_one()
        replace_credential(tx, vault, connection_id, credential)
        set_state(tx, connection_id, "active")
        set_problem(tx, connection_id, None)
        set_notice(tx, connection_id, None)
        set_state(tx, connection_id, state)
    return get(tx, connection_id)


def get(tx: sa.Connection, connection_id: str) -> Connection:
    """Give one connection. Raises `BadRequest` where there is none."""
    row = tx.execute(sa.select(*_VISIBLE).where(connections.c.id == connection_id)).mappings().first()
    if row is None:
        raise BadRequest(f"There is no connection {connection_id}.", remedy="List them: counterfoil connections")
    return _connection(row)


def find(tx: sa.Connection, workspace_id: str, connection_id: str) -> Connection:
    """Give one connection of a workspace. Raises `NotThere`, also for somebody else's."""
    mine = (connections.c.workspace_id == workspace_id) & (connections.c.id == connection_id)
    row = tx.execute(sa.select(*_VISIBLE).where(mine)).mappings().first()
    if row is None:
        raise NotThere(f"There is no connection {connection_id}.", remedy="List them: counterfoil connections")
    return _connection(row)


def lock(tx: sa.Connection, connection_id: str) -> None:
    """Let nobody else ask for a sync of the connection, or claim what was asked, until the transaction ends."""
    tx.execute(sa.select(connections.c.id).where(connections.c.id == connection_id).with_for_update(key_share=True))


def of_workspace(tx: sa.Connection, workspace_id: str, *, removed: bool = False) -> list[Connection]:
    """Give a workspace's connections, oldest first, without those that were removed unless they are asked for."""
    query = sa.select(*_VISIBLE).where(connections.c.workspace_id == workspace_id).order_by(connections.c.id)
    if not removed:
        query = query.where(connections.c.state != "removed")
    return [_connection(row) for row in tx.execute(query).mappings()]


def by_remote_id(tx: sa.Connection, provider: str, remote_id: str | None) -> list[Connection]:
    """Give the connections that a webhook about `remote_id` concerns; a login may stand in several workspaces.

    None concerns every connection of the provider: the vendor does not say which.
    """
    query = sa.select(*_VISIBLE).where(connections.c.provider == provider, connections.c.state != "removed")
    if remote_id is not None:
        query = query.where(connections.c.remote_id == remote_id)
    return [_connection(row) for row in tx.execute(query).mappings()]


def credential(tx: sa.Connection, vault: Vault, connection_id: str) -> bytes:
    """Give the decrypted settings, as the JSON of the provider's settings model.

    Raises `BadSettings`, and `NotThere` where the connection was removed and its credential erased.
    """
    sealed = tx.execute(sa.select(connections.c.credential).where(connections.c.id == connection_id)).scalar_one()
    if not sealed:
        raise NotThere("This connection was removed.", remedy="Connect it again: counterfoil connect")
    return vault.open(sealed, bound_to=f"connections:{connection_id}")


def replace_credential(tx: sa.Connection, vault: Vault, connection_id: str, credential: bytes) -> None:
    """Keep new settings: a rotated token, a repaired login."""
    sealed = vault.seal(credential, bound_to=f"connections:{connection_id}")
    tx.execute(sa.update(connections).where(connections.c.id == connection_id).values(credential=sealed))


def set_problem(tx: sa.Connection, connection_id: str, problem: Problem | None) -> bool:
    """Pause the connection for a problem, or clear it; give whether that is new."""
    now = tx.execute(sa.select(connections.c.problem_code).where(connections.c.id == connection_id)).scalar()
    values: dict[str, str | None] = {"state": "active", "problem_code": None, "problem": None, "remedy": None}
    if problem is not None:
        values = {
            "state": "action_required",
            "problem_code": problem.code,
            "problem": problem.message,
            "remedy": problem.remedy,
        }
    mends = connections.c.state.in_(["active", "action_required"])
    tx.execute(sa.update(connections).where(connections.c.id == connection_id, mends).values(**values))
    return now != (problem.code if problem else None)


def mend(tx: sa.Connection, connection_id: str) -> None:
    """Clear what was wrong with the login and what was to be known of it; a paused connection stays paused."""
    cleared = dict.fromkeys(("problem_code", "problem", "remedy", "notice_code", "notice", "notice_remedy"))
    mine = connections.c.id == connection_id
    tx.execute(sa.update(connections).where(mine).values(**cleared))
    set_again = connections.c.state == "action_required"
    tx.execute(sa.update(connections).where(mine, set_again).values(state="active"))


def note_problem(tx: sa.Connection, connection_id: str, problem: Problem) -> None:
    """Keep what a person should mend, whatever the connection's state."""
    values = {"problem_code": problem.code, "problem": problem.message, "remedy": problem.remedy}
    tx.execute(sa.update(connections).where(connections.c.id == connection_id).values(**values))


def set_notice(tx: sa.Connection, connection_id: str, notice: Notice | None) -> bool:
    """Keep what a person should know about the connection, or clear it; give whether that is new."""
    now = tx.execute(sa.select(connections.c.notice_code).where(connections.c.id == connection_id)).scalar()
    tx.execute(
        sa.update(connections)
        .where(connections.c.id == connection_id)
        .values(
            notice_code=notice and notice.code,
            notice=notice and notice.message,
            notice_remedy=notice and notice.remedy,
        )
    )
    return now != (notice and notice.code)


def set_state(tx: sa.Connection, connection_id: str, state: str) -> None:
    """Put the connection into a state: active, paused or removed; an active one with a problem needs action still."""
    waits = (connections.c.problem_code.is_not(None), "action_required")
    value = sa.case(waits, else_=state) if state == "active" else sa.literal(state)
    tx.execute(sa.update(connections).where(connections.c.id == connection_id).values(state=value))


def forget_progress(tx: sa.Connection, connection_id: str) -> None:
    """Drop cursors, pages under way and waiting requests: whoever connects it again begins at the beginning."""
    tx.execute(sa.delete(cursors).where(cursors.c.connection_id == connection_id))
    tx.execute(sa.delete(pages).where(pages.c.connection_id == connection_id, pages.c.committed_at.is_(None)))
    tx.execute(sa.delete(requests).where(requests.c.connection_id == connection_id, requests.c.sync_id.is_(None)))


def erase_credential(tx: sa.Connection, connection_id: str) -> None:
    """Forget the credential for good."""
    tx.execute(sa.update(connections).where(connections.c.id == connection_id).values(credential=b""))


def cursor(tx: sa.Connection, connection_id: str, stream: str) -> bytes | None:
    """Give where the stream's next loop starts, None for the beginning."""
    where = (cursors.c.connection_id == connection_id) & (cursors.c.stream == stream)
    return tx.execute(sa.select(cursors.c.cursor).where(where)).scalar()


def save_cursor(
    tx: sa.Connection, connection_id: str, stream: str, cursor: bytes | None, *, offered: bool = True
) -> None:
    """Keep where the next loop starts; `offered` False says that this connection has no such stream."""
    now = dt.datetime.now(dt.UTC)
    where = (cursors.c.connection_id == connection_id) & (cursors.c.stream == stream)
    values = {"cursor": cursor, "fetched_at": now, "offered": offered}
    if tx.execute(sa.update(cursors).where(where).values(**values)).rowcount == 0:
        tx.execute(cursors.insert().values(connection_id=connection_id, stream=stream, **values))
    tx.execute(sa.update(connections).where(connections.c.id == connection_id).values(fetched_at=now))


def not_offered(tx: sa.Connection, connection_id: str, streams: Iterable[str]) -> set[str]:
    """Give which of the streams the connection is known not to have."""
    query = sa.select(cursors.c.stream).where(
        cursors.c.connection_id == connection_id, cursors.c.stream.in_(list(streams)), cursors.c.offered.is_(False)
    )
    return set(tx.execute(query).scalars())


def _connection(row: sa.RowMapping) -> Connection:
    return Connection(
        id=row["id"],
        workspace_id=row["workspace_id"],
        provider=row["provider"],
        remote_id=row["remote_id"],
        label=row["label"],
        live=row["live"],
        state=row["state"],
        problem=problem_of(row),
        created_at=row["created_at"],
        fetched_at=row["fetched_at"],
        notice=row["notice_code"] and Notice(row["notice_code"], row["notice"] or "", row["notice_remedy"] or ""),
    )


def problem_of(row: sa.RowMapping) -> Problem | None:
    """Give the problem that a row's three columns tell of."""
    if row["problem_code"] is None:
        return None
    return Problem(row["problem_code"], row["problem"] or "", row["remedy"] or "")
