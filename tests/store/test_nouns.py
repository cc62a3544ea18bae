"""Credentials, problems, cursors, requests, log and mirror, on both databases."""

import datetime as dt

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from counterfoil.errors import BadRequest, BadSettings
from counterfoil.lib.secrets import Vault, new_key
from counterfoil.plan import Entry, State
from counterfoil.ports import Identity
from counterfoil.store import connections, destinations, mirror, requests, schema, syncs
from counterfoil.store.connections import Problem
from counterfoil.store.syncs import Counts
from store.conftest import Home


def test_the_migrations_make_the_schema_that_the_code_speaks_of(home: Home) -> None:
    with home.db.reading() as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": False})
        strange = [
            change
            for change in compare_metadata(context, schema.metadata)
            # the engine's own tables may share the database
            if not (change[0] in ("remove_table", "remove_index") and "dbos" in str(change))
        ]
    assert strange == []


def test_a_credential_is_encrypted_and_bound_to_its_row(home: Home) -> None:
    with home.db.begin() as tx:
        raw = tx.execute(sa.select(schema.destinations.c.credential)).scalar_one()
        assert b"secret" not in raw
        assert destinations.credential(tx, home.vault, home.destination) == b'{"token": "secret"}'
        # moved to another row by somebody who can write to the database
        tx.execute(sa.update(schema.connections).where(schema.connections.c.id == home.first).values(credential=raw))
        with pytest.raises(BadSettings, match="does not belong to its row"):
            connections.credential(tx, home.vault, home.first)
        with pytest.raises(BadSettings, match="key that is not here"):
            destinations.credential(tx, Vault.of(new_key()), home.destination)


def test_connecting_the_same_login_again_takes_the_new_credential(home: Home) -> None:
    with home.db.begin() as tx:
        connections.set_problem(tx, home.first, Problem("login", "Sign in.", "There."))
        again = connections.add(
            tx,
            home.vault,
            workspace_id=home.workspace_id,
            provider="bank",
            identity=Identity("first", "first"),
            credential=b"new",
        )
        assert (again.id, again.problem, again.state) == (home.first, None, "active")
        assert connections.credential(tx, home.vault, home.first) == b"new"


def test_a_problem_is_new_once_and_again_after_it_was_mended(home: Home) -> None:
    problem = Problem("login", "Sign in.", "There.")
    with home.db.begin() as tx:
        told = [connections.set_problem(tx, home.first, p) for p in (problem, problem, None, None, problem)]
    assert told == [True, False, True, False, True]


def test_what_is_not_there_is_named_with_a_remedy(home: Home) -> None:
    with home.db.reading() as tx:
        with pytest.raises(BadRequest, match="no connection nowhere"):
            connections.get(tx, "nowhere")
        with pytest.raises(BadRequest, match="no destination nowhere"):
            destinations.get(tx, "nowhere")


def test_waiting_requests_are_claimed_once(home: Home) -> None:
    with home.db.begin() as tx:
        for event_id in ("e1", "e2", "e1"):
            requests.ask(tx, home.first, event_id, "bank/news")
        requests.ask(tx, home.second, "e1", "bank/news")
        one, two = (
            syncs.start(tx, workspace_id=home.workspace_id, connection_id=home.first, cause="x", run_id=run)
            for run in ("r1", "r2")
        )
        assert len(requests.claim(tx, home.first, one)) == 2
        assert requests.claim(tx, home.first, two) == []
        assert len(requests.claim(tx, home.first, one)) == 2  # the step was repeated
        assert requests.done_by(tx, home.first, "e2") == one
        assert requests.done_by(tx, home.second, "e1") is None


def test_a_repeated_step_opens_one_log(home: Home) -> None:
    with home.db.begin() as tx:
        opened = {
            syncs.start(tx, workspace_id=home.workspace_id, connection_id=None, cause="x", run_id="r") for _ in range(3)
        }
        [sync_id] = opened
        syncs.add_counts(tx, sync_id, home.destination, "accounts", Counts(created=2))
        syncs.add_counts(tx, sync_id, home.destination, "accounts", Counts(created=1, updated=4))
        [line] = syncs.lines(tx, sync_id)
    assert line.counts == Counts(created=3, updated=4)


def test_the_mirror_keeps_entries_and_finds_those_left_open(home: Home) -> None:
    prints = {"amount": b"12345678", "empty": b""}
    kept = [
        Entry("a", State.SYNCED, "r1", prints),
        Entry("b", State.IN_FLIGHT, None, {}, was_key="p"),
        Entry("c", State.SYNCED, "r3", prints, again=True),
        Entry("d", State.LEAVING, "r4"),
        Entry("e", State.REJECTED, None, {}, reason="too odd"),
    ]
    with home.db.begin() as tx:
        mirror.save(tx, home.destination, "accounts", kept)
        assert mirror.entries(tx, home.destination, "accounts", list("abcdez")) == {e.key: e for e in kept}
        assert mirror.open_keys(tx, home.destination, "accounts", after="", limit=9) == ["b", "c", "d"]
        assert mirror.open_keys(tx, home.destination, "accounts", after="b", limit=1) == ["c"]
        assert [row.reason for row in mirror.refused(tx, home.destination)] == ["too odd"]
        mirror.save(tx, home.destination, "accounts", [Entry("b", State.SYNCED, "r2", prints)], gone=["c", "d"])
        assert mirror.open_keys(tx, home.destination, "accounts", after="", limit=9) == []
        assert mirror.standing(tx, home.destination) == 2


def test_moments_keep_their_microseconds_and_their_zone(home: Home) -> None:
    with home.db.begin() as tx:
        connections.save_cursor(tx, home.first, "transactions", b"c")
        fetched = connections.get(tx, home.first).fetched_at
    assert fetched is not None and fetched.tzinfo == dt.UTC
    assert dt.datetime.now(dt.UTC) - fetched < dt.timedelta(minutes=1)
