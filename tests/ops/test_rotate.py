"""Credentials are encrypted anew with the current key: all of them, safely beside others, as often as one likes."""

import datetime as dt
from collections.abc import Sequence

import pytest
import sqlalchemy as sa

from counterfoil.lib.secrets import Vault, new_key
from counterfoil.ports import Identity
from counterfoil.store import (
    Database,
    Tx,
    channels,
    connections,
    destinations,
    idempotency,
    sealed,
    users,
    visits,
    workspaces,
)
from counterfoil.store.destinations import Selection
from counterfoil.store.schema import metadata
from counterfoil.store.visits import Candidate, Visit

NOW = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
# Bytes that are no secret, or that nobody could turn back into one.
OPEN = {
    "api_tokens.token_hash",
    "challenges.challenge_hash",
    "consents.state_hash",
    "cursors.cursor",
    "idempotency_keys.asked",
    "invitations.token_hash",
    "mirror.prints",
    "pages.body",
    "pages.cursor",
    "passkeys.credential_id",
    "passkeys.public_key",
    "resets.token_hash",
    "sessions.token_hash",
    *(f"{table.name}.digest" for table in metadata.tables.values() if "digest" in table.c),
}


def fill(tx: Tx, vault: Vault) -> str:
    """Keep one of everything that is encrypted; give the workspace."""
    workspace = workspaces.create(tx, "Home").id
    who = Identity("there", "There")
    bank = connections.add(tx, vault, workspace_id=workspace, provider="bank", identity=who, credential=b"bank")
    destinations.add(
        tx, vault, workspace_id=workspace, kind="ledger", identity=who, credential=b"ledger", selection=Selection()
    )
    user = users.make(tx, email="a@example.com", name="A", password_hash="x")
    users.set_totp(tx, vault, user, b"totp")
    visit = Visit("visit", workspace, "bank", "connect", None, None, "open", None, NOW, NOW)
    visits.add(tx, vault, visit, b"reference")
    visits.keep(tx, vault, "visit", Candidate("one", "One", (), "accepted", None, None), b"candidate")
    idempotency.begin(tx, vault, workspace, "key", b"a" * 32)
    idempotency.finish(tx, vault, workspace, "key", 201, b"answer")
    rhythm = channels.Rhythm(None, "UTC", None, NOW)
    hook = channels.Target(address="https://x.test", secret="whsec_")
    channels.add(tx, vault, workspace, kind="webhook", label="x", target=hook, kinds=["weekly"], rhythm=rhythm)
    connections.erase_credential(
        tx,
        connections.add(
            tx, vault, workspace_id=workspace, provider="bank", identity=Identity("old", "Old"), credential=b"gone"
        ).id,
    )
    assert bank.state == "active"
    return workspace


def read(tx: Tx, vault: Vault, workspace: str) -> Sequence[bytes | None]:
    """Read what `fill` has kept, as the product reads it."""
    [bank, *_] = connections.of_workspace(tx, workspace)
    [ledger] = destinations.of_workspace(tx, workspace)
    user = users.lock_of(tx, "a@example.com")
    known = idempotency.begin(tx, vault, workspace, "key", b"a" * 32)
    assert user is not None and known is not None
    return (
        connections.credential(tx, vault, bank.id),
        destinations.credential(tx, vault, ledger.id),
        users.totp_secret(tx, vault, user.user_id),
        visits.reference(tx, vault, "visit"),
        visits.credential(tx, vault, "visit", "one"),
        known.answer,
        channels.target(tx, vault, channels.of_workspace(tx, workspace)[0].id).address.encode(),
    )


def test_after_a_rotation_the_new_key_opens_everything_alone(db: Database) -> None:
    old, new = new_key(), new_key()
    with db.begin() as tx:
        workspace = fill(tx, Vault.of(old))
    both = Vault.of(new, old)
    assert sealed.rotate(db, both) == sealed.Rotation(renewed=7)
    with db.begin() as tx:
        assert read(tx, Vault.of(new), workspace) == (
            b"bank",
            b"ledger",
            b"totp",
            b"reference",
            b"candidate",
            b"answer",
            b"https://x.test",
        )
        assert dict(sealed.count_keys(tx)) == {both.current: 7}
    assert sealed.rotate(db, both) == sealed.Rotation()


def test_a_cell_that_no_key_opens_is_named_and_left_and_the_rest_goes_on(db: Database) -> None:
    old, lost, new = new_key(), new_key(), new_key()
    with db.begin() as tx:
        workspace = fill(tx, Vault.of(old))
        [bank, *_] = connections.of_workspace(tx, workspace)
        connections.replace_credential(tx, Vault.of(lost), bank.id, b"bank")
    rotation = sealed.rotate(db, Vault.of(new, old))
    assert rotation.renewed == 6
    [told] = rotation.shut
    assert told.startswith(f"connections.credential of {bank.id}: ")
    with db.reading() as tx:
        assert connections.credential(tx, Vault.of(lost), bank.id) == b"bank"


def test_what_a_worker_writes_meanwhile_is_kept(db: Database) -> None:
    old, new = new_key(), new_key()
    with db.begin() as tx:
        workspace = fill(tx, Vault.of(old))
        [bank, *_] = connections.of_workspace(tx, workspace)

    vault = Vault.of(new, old)
    listed = 0

    @sa.event.listens_for(db.engine, "begin")
    def replace(connection: sa.Connection) -> None:
        nonlocal listed
        listed += 1
        if listed == 2:  # the first transaction has made the list, this one is the first that writes
            connections.replace_credential(connection, vault, bank.id, b"fresh")

    sealed.rotate(db, vault)
    sa.event.remove(db.engine, "begin", replace)
    with db.reading() as tx:
        assert connections.credential(tx, Vault.of(new), bank.id) == b"fresh"


def test_a_census_opens_everything_and_tells_of_what_is_shut(db: Database) -> None:
    key = new_key()
    with db.begin() as tx:
        fill(tx, Vault.of(key))
    with db.reading() as tx:
        mine = sealed.census(tx, Vault.of(key))
        assert (mine.keys.total(), mine.shut) == (7, [])
        assert len(sealed.census(tx, Vault.of(new_key())).shut) == 7


@pytest.mark.parametrize("table", metadata.tables.values(), ids=str)
def test_every_column_of_bytes_is_either_rotated_or_known_to_be_open(table: sa.Table) -> None:
    rotated = {f"{one.column.table.name}.{one.column.name}" for one in sealed.SEALED}
    of_bytes = {f"{table.name}.{c.name}" for c in table.c if isinstance(c.type, sa.LargeBinary)}
    assert of_bytes <= rotated | OPEN, "add the column to store.sealed.SEALED, or to OPEN here"
