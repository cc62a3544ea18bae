"""Categories: those that providers tell, and the workspace's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import msgspec
import sqlalchemy as sa

from counterfoil.errors import BadRequest, NotThere
from counterfoil.lib.ids import new_id
from counterfoil.model import Category
from counterfoil.store import schema, workspaces
from counterfoil.store.versions import Versions

LONGEST: Final = 100  # characters of a name
MOST: Final = 500  # own categories of a workspace
_rows: Final = schema.rows["categories"]
_transactions: Final = schema.rows["transactions"]


@dataclass(frozen=True, slots=True)
class Choice:
    """A category that can be chosen. `own`: made here, and not told by a provider."""

    key: str
    name: str
    group: str | None
    own: bool


def choices(tx: sa.Connection, workspace_id: str) -> list[Choice]:
    """Give a workspace's categories by name; one that several connections tell is one."""
    live = (_rows.c.workspace_id == workspace_id) & _rows.c.removed.is_(False)
    found: dict[str, Choice] = {}
    for row in tx.execute(sa.select(_rows).where(live)).mappings():
        own = row["connection_id"] == workspace_id
        found[row["key"]] = Choice(row["key"], row["name"], row["group"], own)
    return sorted(found.values(), key=lambda one: (one.name.casefold(), one.key))


def names(tx: sa.Connection, workspace_id: str) -> Mapping[str, str]:
    """Give the name of each category by key, those among them that are no longer told."""
    # Fifty connections to one provider tell the same hundred categories.
    query = sa.select(_rows.c.key, sa.func.max(_rows.c.name)).where(_rows.c.workspace_id == workspace_id)
    return {row.key: row[1] for row in tx.execute(query.group_by(_rows.c.key))}


def named(tx: sa.Connection, workspace_id: str, name: str) -> str:
    """Give the key of the category of that name, made where there is none. Raises `BadRequest`."""
    name = " ".join(name.split())
    if not name or len(name) > LONGEST or "\0" in name:
        raise BadRequest("The category's name cannot be used.", remedy=f"Give it 1 to {LONGEST} characters.")
    versions = Versions(tx, workspace_id)  # before the look: another may make it in this moment
    known = choices(tx, workspace_id)
    same = [one for one in known if one.name.casefold() == name.casefold()]
    if same:
        return next((one.key for one in same if one.own), same[0].key)
    if sum(one.own for one in known) >= MOST:
        raise BadRequest(f"There are {MOST} categories of your own.", remedy="Remove some that nothing uses.")
    category = Category(key=f"own:{new_id()}", name=name)
    tx.execute(
        _rows.insert().values(
            key=category.key,
            connection_id=workspace_id,  # the workspace itself has brought it, and keeps it when banks leave
            workspace_id=workspace_id,
            version=versions.next(),
            removed=False,
            digest=blake2b(msgspec.msgpack.encode(category), digest_size=8).digest(),
            name=category.name,
        )
    )
    versions.finish()
    return category.key


def known(tx: sa.Connection, workspace_id: str, key: str) -> str:
    """Give the key back; the category stays until the transaction ends. Raises `BadRequest` where there is none."""
    workspaces.hold(tx, workspace_id)
    mine = (_rows.c.workspace_id == workspace_id) & (_rows.c.key == key) & _rows.c.removed.is_(False)
    if tx.execute(sa.select(_rows.c.key).where(mine).limit(1)).first() is None:
        raise BadRequest(f"There is no category {key}.", remedy="Take a key of the list, or name a new category.")
    return key


def remove(tx: sa.Connection, workspace_id: str, key: str) -> str:
    """Remove a category of the workspace's own and give its name.

    Raises `NotThere`, and `BadRequest` while a rule or a transaction still has it.
    """
    versions = Versions(tx, workspace_id)  # before the look: a rule or a person may be about to give it
    own = (_rows.c.workspace_id == workspace_id) & (_rows.c.connection_id == workspace_id) & (_rows.c.key == key)
    name: str | None = tx.execute(sa.select(_rows.c.name).where(own, _rows.c.removed.is_(False))).scalar()
    if name is None:
        raise NotThere("There is no such category of your own.", remedy="Those of a bank come and go with it.")
    used = (_transactions.c.workspace_id == workspace_id) & (_transactions.c.said_category == key)
    by_rule = schema.rules.c.workspace_id == workspace_id
    thens = tx.execute(sa.select(schema.rules.c.then).where(by_rule)).scalars()
    if tx.execute(sa.select(_transactions.c.key).where(used).limit(1)).first() or any(key in then for then in thens):
        raise BadRequest(
            f"“{name}” is still used.", remedy="Change the rules that give it, and apply them to existing rows first."
        )
    tx.execute(sa.update(_rows).where(own).values(removed=True, version=versions.next()))
    versions.finish()
    return name
