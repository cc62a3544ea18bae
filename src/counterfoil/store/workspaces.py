"""Workspaces and the users who belong to them."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from counterfoil.errors import NotThere
from counterfoil.lib.ids import new_id
from counterfoil.store.schema import connections, destinations, members, relinks, syncs, users, visits, workspaces

AMOUNTS: Final = ("symbol", "code")  # $1.00 or 1.00 USD
# how digits are written -> (between thousands, before the fraction)
DIGITS: Final = {"point": (",", "."), "comma": (".", ","), "space": ("\u202f", ","), "quote": ("’", ".")}


@dataclass(frozen=True, slots=True)
class Display:
    """How amounts are shown."""

    currency: str | None = None  # shown first; None: the one that most accounts are in
    amounts: str = "symbol"
    digits: str = "point"


@dataclass(frozen=True, slots=True)
class Workspace:
    """What everything else belongs to."""

    id: str
    name: str
    display: Display = Display()


# For a query that joins workspaces; `read` reads its rows.
VISIBLE: Final = tuple(
    workspaces.c[name].label(f"workspace_{name}") for name in ("id", "name", "currency", "amounts", "digits")
)
_LIVES: Final = workspaces.c.leaving_at.is_(None)


def read(row: sa.RowMapping) -> Workspace:
    """Read a workspace from a row that holds `VISIBLE`."""
    shown = Display(row["workspace_currency"], row["workspace_amounts"], row["workspace_digits"])
    return Workspace(row["workspace_id"], row["workspace_name"], shown)


def find(tx: sa.Connection, workspace_id: str) -> Workspace:
    """Give a workspace that is there. Raises `NotThere` for one that is not, or that is being deleted."""
    query = sa.select(*VISIBLE).where(workspaces.c.id == workspace_id, _LIVES)
    row = tx.execute(query).mappings().first()
    if row is None:
        raise NotThere("This workspace was deleted.", remedy="Begin again with a new one.")
    return read(row)


def hold(tx: sa.Connection, workspace_id: str) -> None:
    """Let nobody else hold the workspace, or give its rows versions, until the transaction ends.

    What is counted or looked for before something is added stays true then. Before any other lock: `store.versions`
    takes the same one first, so that nobody waits in a circle.
    """
    held = sa.select(workspaces.c.id).where(workspaces.c.id == workspace_id)
    tx.execute(held.with_for_update(key_share=True))


def change(tx: sa.Connection, workspace_id: str, *, name: str, display: Display) -> None:
    """Keep the name and how amounts are shown."""
    values: dict[str, Any] = {"name": name, "currency": display.currency}
    values |= {"amounts": display.amounts, "digits": display.digits}
    tx.execute(sa.update(workspaces).where(workspaces.c.id == workspace_id).values(**values))


def create(tx: sa.Connection, name: str) -> Workspace:
    """Make a workspace."""
    workspace = Workspace(new_id(), name)
    tx.execute(workspaces.insert().values(id=workspace.id, name=name, created_at=dt.datetime.now(dt.UTC)))
    return workspace


def add_user(tx: sa.Connection, workspace_id: str, *, email: str, name: str, role: str = "owner") -> str:
    """Make a user, or find the one of that e-mail address, as a member of the workspace; give the user's id."""
    user_id = tx.execute(sa.select(users.c.id).where(users.c.email == email.lower())).scalar()
    if user_id is None:
        user_id = new_id()
        now = dt.datetime.now(dt.UTC)
        tx.execute(users.insert().values(id=user_id, email=email.lower(), name=name, created_at=now))
    is_member = (members.c.workspace_id == workspace_id) & (members.c.user_id == user_id)
    if tx.execute(sa.select(members.c.role).where(is_member)).scalar() is None:
        tx.execute(members.insert().values(workspace_id=workspace_id, user_id=user_id, role=role))
    return str(user_id)


def every(tx: sa.Connection) -> list[Workspace]:
    """Give all workspaces, oldest first, without those that are being deleted."""
    query = sa.select(*VISIBLE).where(_LIVES).order_by(workspaces.c.id)
    return [read(row) for row in tx.execute(query).mappings()]


def owned(tx: sa.Connection, workspace_id: str, ids: Collection[str]) -> set[str]:
    """Give which of the ids name the workspace, or something that belongs to it."""
    found = {workspace_id} & set(ids)
    for table in (connections, destinations, syncs, visits, relinks):
        query = sa.select(table.c.id).where(table.c.workspace_id == workspace_id, table.c.id.in_(ids))
        found.update(tx.execute(query).scalars())
    return found


def first(tx: sa.Connection) -> Workspace:
    """Give the oldest workspace, made where there is none: the one that the command line speaks of."""
    known = every(tx)
    if not known and tx.dialect.name == "postgresql":
        # Two at once on a new installation: the second waits here, and then finds what the first has made.
        tx.execute(sa.text("LOCK TABLE workspaces IN SHARE ROW EXCLUSIVE MODE"))
        known = every(tx)
    return known[0] if known else create(tx, "Home")
