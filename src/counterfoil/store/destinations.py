"""Destinations: the user's places, what goes there, and how far each table has come."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from counterfoil.errors import BadRequest, NotThere
from counterfoil.lib.ids import new_id
from counterfoil.lib.secrets import Vault
from counterfoil.plan import Removal
from counterfoil.ports import Identity, TableMapping
from counterfoil.store.connections import Problem, problem_of
from counterfoil.store.schema import destination_tables, destinations, mirror
from counterfoil.store.upsert import insert

_VISIBLE: Final = [c for c in destinations.c if c.name != "credential"]


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What of the user's rows goes to a destination."""

    accounts: tuple[str, ...] | None = None  # None: every account, those of later connections too
    since: dt.date | None = None  # dated rows from this day on
    removal: Removal = Removal.DELETE
    schedule: str | None = None  # a name of `sync.schedule.NAMED` or a cron expression
    timezone: str = "UTC"  # the user's, for the schedule


@dataclass(frozen=True, slots=True)
class Destination:
    """One destination, without its credential."""

    id: str
    workspace_id: str
    kind: str
    remote_id: str
    label: str
    state: str
    problem: Problem | None
    selection: Selection
    created_at: dt.datetime
    due_at: dt.datetime | None
    reconciled_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Target:
    """One canonical table's way to one destination."""

    destination_id: str
    table: str
    mapping: TableMapping
    enabled: bool
    prepared: bool  # every table and field of the mapping has been made or found
    watermark: int  # rows up to this version have been planned
    adopted: bool  # what stood there before us, or was changed while a field was not ours, has been looked at
    edition: int  # raised with every change of what is to be done
    problem: Problem | None


def add(
    tx: sa.Connection,
    vault: Vault,
    *,
    workspace_id: str,
    kind: str,
    identity: Identity,
    credential: bytes,
    selection: Selection,
    state: str = "active",
) -> Destination:
    """Add a destination, or take the new credential for one that is there already; one that was removed comes back."""
    destination_id = new_id()
    new = insert(tx, destinations).values(
        id=destination_id,
        workspace_id=workspace_id,
        kind=kind,
        remote_id=identity.remote_id,
        label=identity.label,
        state=state,
        credential=vault.seal(credential, bound_to=f"destinations:{destination_id}"),
        selection=_text(selection),
        created_at=dt.datetime.now(dt.UTC),
    )
    # Not looked for first: on Postgres somebody else may be adding it in this moment.
    if tx.execute(new.on_conflict_do_nothing().returning(destinations.c.id)).first() is None:
        destination_id = tx.execute(
            sa.select(destinations.c.id).where(
                destinations.c.workspace_id == workspace_id,
                destinations.c.kind == kind,
                destinations.c.remote_id == identity.remote_id,
            )
        ).scalar_one()
        replace_credential(tx, vault, destination_id, credential)
        set_problem(tx, destination_id, None)
        _bring_back(tx, destination_id, selection, state)
    return get(tx, destination_id)


def _bring_back(tx: sa.Connection, destination_id: str, selection: Selection, state: str) -> None:
    was_removed = (destinations.c.id == destination_id) & (destinations.c.state == "removed")
    tx.execute(sa.update(destinations).where(was_removed).values(state=state, selection=_text(selection), due_at=None))


def _text(selection: Selection) -> str:
    return msgspec.json.encode(selection).decode()


def get(tx: sa.Connection, destination_id: str) -> Destination:
    """Give one destination. Raises `BadRequest` where there is none."""
    row = tx.execute(sa.select(*_VISIBLE).where(destinations.c.id == destination_id)).mappings().first()
    if row is None:
        raise BadRequest(f"There is no destination {destination_id}.", remedy="List them: counterfoil destinations")
    return _destination(row)


def find(tx: sa.Connection, workspace_id: str, destination_id: str) -> Destination:
    """Give one destination of a workspace. Raises `NotThere`, also for somebody else's."""
    mine = (destinations.c.workspace_id == workspace_id) & (destinations.c.id == destination_id)
    mine &= destinations.c.state != "removed"
    row = tx.execute(sa.select(*_VISIBLE).where(mine)).mappings().first()
    if row is None:
        raise NotThere(f"There is no destination {destination_id}.", remedy="List them: counterfoil destinations")
    return _destination(row)


def of_workspace(tx: sa.Connection, workspace_id: str) -> list[Destination]:
    """Give a workspace's destinations, oldest first, without those that were removed."""
    there = (destinations.c.workspace_id == workspace_id) & (destinations.c.state != "removed")
    query = sa.select(*_VISIBLE).where(there).order_by(destinations.c.id)
    return [_destination(row) for row in tx.execute(query).mappings()]


def credential(tx: sa.Connection, vault: Vault, destination_id: str) -> bytes:
    """Give the decrypted settings, as the JSON of the kind's settings model.

    Raises `BadSettings`, and `NotThere` where the destination was removed and its credential erased.
    """
    sealed = tx.execute(sa.select(destinations.c.credential).where(destinations.c.id == destination_id)).scalar_one()
    if not sealed:
        raise NotThere("This destination was removed.", remedy="Add it again: counterfoil destinations add")
    return vault.open(sealed, bound_to=f"destinations:{destination_id}")


def replace_credential(tx: sa.Connection, vault: Vault, destination_id: str, credential: bytes) -> None:
    """Keep new settings: a rotated token, a repaired login."""
    sealed = vault.seal(credential, bound_to=f"destinations:{destination_id}")
    tx.execute(sa.update(destinations).where(destinations.c.id == destination_id).values(credential=sealed))


def set_problem(tx: sa.Connection, destination_id: str, problem: Problem | None) -> bool:
    """Pause the destination for a problem, or clear it; give whether that is new."""
    now = tx.execute(sa.select(destinations.c.problem_code).where(destinations.c.id == destination_id)).scalar()
    state = "active" if problem is None else "action_required"
    mends = destinations.c.state.in_(["active", "action_required"])
    tx.execute(
        sa.update(destinations)
        .where(destinations.c.id == destination_id, mends)
        .values(state=state, **_columns(problem))
    )
    return now != (problem.code if problem else None)


def set_state(tx: sa.Connection, destination_id: str, state: str) -> None:
    """Pause a destination or let it go on; a sync that is at work stops after its batch."""
    values = {"state": state} | (_columns(None) if state == "active" else {})
    tx.execute(sa.update(destinations).where(destinations.c.id == destination_id).values(**values))
    raise_editions(tx, destination_id)


def remove(tx: sa.Connection, destination_id: str, *, keeps_credential: bool = False) -> None:
    """Forget the mappings, the mirror and the credential, unless that is still needed; the log keeps the name."""
    tx.execute(sa.delete(mirror).where(mirror.c.destination_id == destination_id))
    tx.execute(sa.delete(destination_tables).where(destination_tables.c.destination_id == destination_id))
    values: dict[str, Any] = {"state": "removed", "due_at": None, **_columns(None)}
    tx.execute(sa.update(destinations).where(destinations.c.id == destination_id).values(**values))
    if not keeps_credential:
        erase_credential(tx, destination_id)


def erase_credential(tx: sa.Connection, destination_id: str) -> None:
    """Forget the credential of a removed destination for good; one that is in use again keeps it."""
    gone = (destinations.c.id == destination_id) & (destinations.c.state == "removed")
    tx.execute(sa.update(destinations).where(gone).values(credential=b""))


def targets(tx: sa.Connection, destination_id: str) -> dict[str, Target]:
    """Give every table's way to the destination, by canonical name."""
    query = sa.select(destination_tables).where(destination_tables.c.destination_id == destination_id)
    return {row["name"]: _target(row) for row in tx.execute(query).mappings()}


def target(tx: sa.Connection, destination_id: str, table: str) -> Target | None:
    """Give one table's way to the destination."""
    row = tx.execute(sa.select(destination_tables).where(_table(destination_id, table))).mappings().first()
    return None if row is None else _target(row)


def targets_of_table(tx: sa.Connection, workspace_id: str, table: str) -> dict[str, Target]:
    """Give one table's way to each destination of a workspace."""
    query = sa.select(destination_tables).join(destinations, destinations.c.id == destination_tables.c.destination_id)
    mine = (destinations.c.workspace_id == workspace_id) & (destination_tables.c.name == table)
    return {row["destination_id"]: _target(row) for row in tx.execute(query.where(mine)).mappings()}


def change_target(
    tx: sa.Connection,
    destination_id: str,
    mapping: TableMapping,
    *,
    enabled: bool,
    prepare: bool = False,
    compare: bool = False,
    look_back: bool = False,
) -> None:
    """Keep a new or changed mapping.

    With `prepare` the user's table is completed first; with `look_back` it is read; with `compare` every row is
    compared with the mirror again, and only what differs travels. A new mapping begins with all three.
    """
    values: dict[str, Any] = {
        "mapping": msgspec.json.encode(mapping).decode(),
        "enabled": enabled,
        "edition": destination_tables.c.edition + 1,
        **_columns(None),
    }
    if prepare:
        values["prepared"] = False
    if compare:
        values["watermark"] = 0
    if look_back:
        values["adopted"] = False
    new = values | {"edition": 0, "prepared": False, "adopted": False}
    tx.execute(
        insert(tx, destination_tables)
        .values(destination_id=destination_id, name=mapping.table, **new)
        .on_conflict_do_update(index_elements=["destination_id", "name"], set_=values)
    )


def bind(tx: sa.Connection, destination_id: str, mappings: Sequence[TableMapping], editions: Mapping[str, int]) -> bool:
    """Keep mappings that now know the vendor's ids; give whether that was done.

    Where something was changed since the editions were read nothing is kept: what was prepared is no longer asked for.
    """
    its_tables = destination_tables.c.destination_id == destination_id
    tx.execute(sa.select(destination_tables.c.name).where(its_tables).with_for_update())  # or Postgres lets others in
    now = targets(tx, destination_id)
    if any(name not in now or now[name].edition != edition for name, edition in editions.items()):
        return False
    for mapping in mappings:
        values = {"mapping": msgspec.json.encode(mapping).decode(), "prepared": True, **_columns(None)}
        tx.execute(sa.update(destination_tables).where(_table(destination_id, mapping.table)).values(**values))
    return True


def save_selection(tx: sa.Connection, destination_id: str, selection: Selection) -> None:
    """Keep what goes to the destination; whoever changes which rows that are has every table compared again."""
    where = destinations.c.id == destination_id
    tx.execute(sa.update(destinations).where(where).values(selection=_text(selection)))


def raise_editions(tx: sa.Connection, destination_id: str) -> None:
    """Have a sync that is at work stop after its batch: what it was told to do no longer holds."""
    its_tables = destination_tables.c.destination_id == destination_id
    raised = destination_tables.c.edition + 1
    tx.execute(sa.update(destination_tables).where(its_tables).values(edition=raised))


def set_watermark(tx: sa.Connection, destination_id: str, table: str, version: int, edition: int) -> bool:
    """Say that the rows up to a version have been planned; False where that was under an older edition."""
    where = _table(destination_id, table) & (destination_tables.c.edition == edition)
    values = {"watermark": version, **_columns(None)}
    return tx.execute(sa.update(destination_tables).where(where).values(**values)).rowcount == 1


def set_due(tx: sa.Connection, destination_id: str, due_at: dt.datetime | None) -> None:
    """Keep when the destination's schedule is due next."""
    tx.execute(sa.update(destinations).where(destinations.c.id == destination_id).values(due_at=due_at))


def set_reconciled(tx: sa.Connection, destination_id: str, at: dt.datetime) -> None:
    """Keep when the destination was asked to be read back in full."""
    tx.execute(sa.update(destinations).where(destinations.c.id == destination_id).values(reconciled_at=at))


def set_adopted(tx: sa.Connection, destination_id: str, table: str) -> None:
    """Say that what stands there has been looked at."""
    tx.execute(sa.update(destination_tables).where(_table(destination_id, table)).values(adopted=True))


def set_table_problem(tx: sa.Connection, destination_id: str, table: str, problem: Problem | None) -> bool:
    """Note a problem of one table only, or clear it; give whether that is new."""
    where = _table(destination_id, table)
    now = tx.execute(sa.select(destination_tables.c.problem_code).where(where)).scalar()
    tx.execute(sa.update(destination_tables).where(where).values(**_columns(problem)))
    return now != (problem.code if problem else None)


def _table(destination_id: str, table: str) -> sa.ColumnElement[bool]:
    return (destination_tables.c.destination_id == destination_id) & (destination_tables.c.name == table)


def _columns(problem: Problem | None) -> dict[str, str | None]:
    return {
        "problem_code": problem.code if problem else None,
        "problem": problem.message if problem else None,
        "remedy": problem.remedy if problem else None,
    }


def _destination(row: sa.RowMapping) -> Destination:
    return Destination(
        id=row["id"],
        workspace_id=row["workspace_id"],
        kind=row["kind"],
        remote_id=row["remote_id"],
        label=row["label"],
        state=row["state"],
        problem=problem_of(row),
        selection=msgspec.json.decode(row["selection"], type=Selection),
        created_at=row["created_at"],
        due_at=row["due_at"],
        reconciled_at=row["reconciled_at"],
    )


def _target(row: sa.RowMapping) -> Target:
    return Target(
        destination_id=row["destination_id"],
        table=row["name"],
        mapping=msgspec.json.decode(row["mapping"], type=TableMapping),
        enabled=row["enabled"],
        prepared=row["prepared"],
        watermark=row["watermark"],
        adopted=row["adopted"],
        edition=row["edition"],
        problem=problem_of(row),
    )
