"""Everything that is kept encrypted, and the rotation of the key it is encrypted with."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from counterfoil.errors import BadSettings
from counterfoil.lib.secrets import Vault, sealed_with
from counterfoil.store.database import Database
from counterfoil.store.schema import (
    candidates,
    channels,
    connections,
    consents,
    destinations,
    idempotency_keys,
    users,
    visits,
)

BATCH: Final = 50  # rows re-encrypted in one transaction, which holds up other writers


@dataclass(frozen=True, slots=True)
class Sealed:
    """One encrypted column. A cell is bound to its row: the table's name and the row's key, joined by colons."""

    column: sa.Column[Any]

    @property
    def key(self) -> tuple[sa.Column[Any], ...]:
        """The columns of the row's key."""
        return tuple(c for c in self.column.table.columns if c.primary_key)

    def bound_to(self, key: Sequence[str]) -> str:
        """Give what a cell of the row of that key is bound to."""
        return ":".join((str(self.column.table.name), *key))

    def says(self, key: Sequence[str], error: BadSettings) -> str:
        """Say why a cell cannot be opened."""
        return f"{self.column.table.name}.{self.column.name} of {':'.join(key)}: {error}"


SEALED: Final = tuple(
    Sealed(column)
    for column in (
        connections.c.credential,
        destinations.c.credential,
        users.c.totp_secret,
        visits.c.reference,
        candidates.c.credential,
        consents.c.verifier,
        consents.c.credential,
        idempotency_keys.c.answer,
        channels.c.target,
    )
)


@dataclass(slots=True)
class Census:
    """With which keys (by id) cells are encrypted, and what cannot be opened, as `table.column of row: why`."""

    keys: Counter[str] = field(default_factory=Counter)
    shut: list[str] = field(default_factory=list)


def census(tx: sa.Connection, vault: Vault) -> Census:
    """Open every encrypted cell and throw its content away."""
    found = Census()
    for sealed in SEALED:
        for key, cell in _cells(tx, sealed):
            found.keys[sealed_with(cell)] += 1
            try:
                vault.open(cell, bound_to=sealed.bound_to(key))
            except BadSettings as error:
                found.shut.append(sealed.says(key, error))
    return found


def count_keys(tx: sa.Connection) -> Mapping[str, int]:
    """Give how many cells each key (by id) has encrypted."""
    return Counter(sealed_with(cell) for sealed in SEALED for _, cell in _cells(tx, sealed))


@dataclass(slots=True)
class Rotation:
    """What a rotation has done."""

    renewed: int = 0
    shut: list[str] = field(default_factory=list)  # what no known key opens; left as it is


def rotate(db: Database, vault: Vault) -> Rotation:
    """Encrypt every cell with the current key, a few in each transaction.

    Safe to repeat, and beside processes that work: a cell that somebody replaces meanwhile keeps what they wrote.
    """
    rotation = Rotation()
    for sealed in SEALED:
        with db.reading() as tx:
            stale = [key for key, cell in _cells(tx, sealed) if sealed_with(cell) != vault.current]
        for start in range(0, len(stale), BATCH):
            with db.begin() as tx:
                for key in stale[start : start + BATCH]:
                    _renew(tx, vault, sealed, key, rotation)
    return rotation


def _renew(tx: sa.Connection, vault: Vault, sealed: Sealed, key: Sequence[str], rotation: Rotation) -> None:
    mine = sa.and_(*(column == value for column, value in zip(sealed.key, key, strict=True)))
    # Read again under the row's lock: since the list was made, a token may have been replaced.
    cell = tx.execute(sa.select(sealed.column).where(mine).with_for_update()).scalar()
    if not cell or sealed_with(cell) == vault.current:
        return
    bound_to = sealed.bound_to(key)
    try:
        plain = vault.open(cell, bound_to=bound_to)
    except BadSettings as error:
        rotation.shut.append(sealed.says(key, error))
        return
    values = {sealed.column.name: vault.seal(plain, bound_to=bound_to)}
    tx.execute(sa.update(sealed.column.table).where(mine).values(values))
    rotation.renewed += 1


def _cells(tx: sa.Connection, sealed: Sealed) -> Iterator[tuple[tuple[str, ...], bytes]]:
    query = sa.select(*sealed.key, sealed.column).where(sealed.column.is_not(None)).order_by(*sealed.key)
    for *key, cell in tx.execute(query.execution_options(yield_per=500)):
        if cell:  # an erased one is empty
            yield tuple(key), cell
