"""Channels, notices, the log and deletions, on both databases."""

import datetime as dt

import pytest
import sqlalchemy as sa

from counterfoil.errors import NotThere
from counterfoil.store import Tx, audit, channels, deletions, notices, schema, syncs, users, workspaces
from counterfoil.store.channels import Channel, Rhythm, Target
from counterfoil.store.notices import Notice
from counterfoil.store.syncs import Counts
from counterfoil.store.workspaces import Display
from store.conftest import Home

NOW = dt.datetime(2026, 1, 7, 12, tzinfo=dt.UTC)


def channel(tx: Tx, home: Home, hour: int | None = None, kinds: tuple[str, ...] = ("attention", "mended")) -> Channel:
    digest_at = None if hour is None else NOW
    return channels.add(
        tx,
        home.vault,
        home.workspace_id,
        kind="webhook",
        label="x.test",
        target=Target(address="https://x.test", secret="whsec_"),
        kinds=kinds,
        rhythm=Rhythm(hour, "UTC", digest_at, NOW + dt.timedelta(days=5)),
    )


def need(home: Home, incident: str = "one", kind: str = "attention") -> Notice:
    return Notice(
        home.workspace_id,
        kind,
        incident,
        "Bank needs you",
        "Sign in.",
        code="login",
        connection_id=home.first,
        lasts=True,
    )


def test_a_notice_is_one_message_to_each_channel_that_wants_it(home: Home) -> None:
    with home.db.begin() as tx:
        both = [channel(tx, home), channel(tx, home, kinds=("weekly",))]
        [waiting] = notices.tell(tx, need(home), both)
        assert waiting.channel_id == both[0].id
        assert notices.tell(tx, need(home), both) == [waiting]
        assert [one.title for one in notices.content(tx, waiting.message_id)] == ["Bank needs you"]
        assert notices.titles(tx, [waiting.message_id]) == {waiting.message_id: ["Bank needs you"]}


def test_a_digest_takes_what_waits_once(home: Home) -> None:
    with home.db.begin() as tx:
        daily = channel(tx, home, hour=8)
        assert notices.tell(tx, need(home), [daily]) == [] and notices.tell(tx, need(home, "two"), [daily]) == []
        gathered = notices.gather(tx, daily.id)
        assert gathered is not None and notices.gather(tx, daily.id) is None
        assert [one.incident for one in notices.content(tx, gathered.message_id)] == ["one", "two"]
        assert [one.id for one in channels.due(tx, [home.workspace_id], NOW)] == [daily.id]
        assert channels.due(tx, [], NOW) == [] == channels.due(tx, [home.workspace_id], NOW - dt.timedelta(hours=1))


def test_a_message_tells_of_its_tries_and_its_end(home: Home) -> None:
    with home.db.begin() as tx:
        [waiting] = notices.tell(tx, need(home), [channel(tx, home)])
        assert notices.count_try(tx, waiting.message_id) == 1
        assert notices.set_reason(tx, waiting.message_id, "busy", final=False)
        assert notices.count_try(tx, waiting.message_id) == 2
        notices.set_sent(tx, waiting.message_id)
        assert not notices.set_reason(tx, waiting.message_id, "too late", final=True)
        [logged] = notices.page(tx, waiting.channel_id)
        assert (logged.state, logged.tries, logged.reason) == ("sent", 2, None)
        assert notices.latest(tx, home.workspace_id) == {waiting.channel_id: logged}
        assert notices.page(tx, waiting.channel_id, before=logged.id) == []


def test_a_message_that_nobody_sends_any_more_is_given_up(home: Home) -> None:
    with home.db.begin() as tx:
        [waiting] = notices.tell(tx, need(home), [channel(tx, home)])
        now = dt.datetime.now(dt.UTC)
        notices.give_up(tx, now - dt.timedelta(hours=1))
        assert [one.state for one in notices.page(tx, waiting.channel_id)] == ["waiting"]
        notices.give_up(tx, now + dt.timedelta(seconds=1))
        [logged] = notices.page(tx, waiting.channel_id)
        assert logged.state == "failed" and logged.reason == "Its sending was stopped."


def test_what_is_old_is_forgotten_but_for_what_waits_or_lasts(home: Home) -> None:
    with home.db.begin() as tx:
        [waiting] = notices.tell(tx, need(home), [channel(tx, home)])
        soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1)
        assert notices.prune(tx, soon) == 0
        notices.set_sent(tx, waiting.message_id)
        assert notices.prune(tx, soon) == 1
        [lasting] = notices.open_ones(tx, home.workspace_id)
        notices.end(tx, lasting.id)
        notices.prune(tx, soon)
        assert tx.execute(sa.select(sa.func.count()).select_from(schema.notices)).scalar_one() == 0


def test_a_week_is_counted_by_its_syncs(home: Home) -> None:
    with home.db.begin() as tx:
        for number, state in enumerate(("done", "failed")):
            sync = syncs.start(
                tx, workspace_id=home.workspace_id, connection_id=home.first, cause="x", run_id=f"r{number}"
            )
            syncs.add_counts(tx, sync, home.destination, "accounts", Counts(created=3, updated=number))
            syncs.finish(tx, sync, state)
        now = dt.datetime.now(dt.UTC)
        week = notices.week(tx, home.workspace_id, now)
        assert (week.syncs, week.failed, dict(week.rows)) == (2, 1, {"created": 6, "updated": 1, "deleted": 0})
        later = notices.week(tx, home.workspace_id, now + dt.timedelta(days=8))
        assert (later.syncs, later.failed, dict(later.rows)) == (0, 0, {"created": 0, "updated": 0, "deleted": 0})


def test_a_channel_that_is_not_ones_own_is_not_there(home: Home) -> None:
    with home.db.begin() as tx:
        mine = channel(tx, home)
        other = workspaces.create(tx, "Next door")
        for act in (channels.find, channels.remove):
            with pytest.raises(NotThere):
                act(tx, other.id, mine.id)
        assert b"x.test" not in tx.execute(sa.select(schema.channels.c.target)).scalar_one()
        assert channels.target(tx, home.vault, mine.id).address == "https://x.test"


def test_the_log_is_asked_by_act_and_person(home: Home) -> None:
    with home.db.begin() as tx:
        ada = users.make(tx, email="ada@example.org", name="Ada", password_hash="x")
        audit.note(tx, home.workspace_id, "token.created", user_id=ada, subject="one")
        audit.note(tx, home.workspace_id, "token.revoked", user_id=None, subject="two")
        assert audit.acts(tx, home.workspace_id) == ["token.created", "token.revoked"]
        assert audit.people(tx, home.workspace_id) == ["ada@example.org"]
        [by_ada] = audit.of_workspace(tx, home.workspace_id, by="Ada@example.org")
        [revoked] = audit.of_workspace(tx, home.workspace_id, act="token.revoked")
        assert (by_ada.subject, revoked.subject, revoked.by) == ("one", "two", None)


def test_a_workspace_keeps_how_it_shows_amounts(home: Home) -> None:
    with home.db.begin() as tx:
        assert workspaces.find(tx, home.workspace_id).display == Display()
        workspaces.change(tx, home.workspace_id, name="Ours", display=Display("EUR", "code", "comma"))
        [found] = workspaces.every(tx)
        assert (found.name, found.display) == ("Ours", Display("EUR", "code", "comma"))


def test_a_deletion_closes_at_once_and_leaves_nothing(home: Home) -> None:
    with home.db.begin() as tx:
        workspaces.add_user(tx, home.workspace_id, email="ada@example.org", name="Ada")
        notices.tell(tx, need(home), [channel(tx, home)])
        assert deletions.only_here(tx, home.workspace_id) == ["Ada"]
        assert {home.workspace_id, home.first, home.destination} <= deletions.names(tx, home.workspace_id)
        deletions.begin(tx, home.workspace_id, deletions.name_of("word"))
        deletions.begin(tx, home.workspace_id, "a second one changes nothing")
        whose = {login.connection_id or login.destination_id for login in deletions.logins(tx, home.workspace_id)}
        assert workspaces.every(tx) == [] and whose == {home.first, home.second, home.destination}
        with pytest.raises(NotThere):
            workspaces.find(tx, home.workspace_id)
    with home.db.begin() as tx:
        deletions.note(tx, home.workspace_id, "Do this.")
        deletions.note(tx, home.workspace_id, "Do this.")
        assert not deletions.erase_part(tx, home.workspace_id)
        deletions.finish(tx, home.workspace_id)
        stands = deletions.find(tx, "word")
        assert stands.finished_at is not None and stands.remains == ("Do this.",)
        left = {
            table.name: number
            for table in schema.metadata.sorted_tables
            if (number := tx.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
        }
        assert left == {"deletions": 1}
