"""What people are told: once for each incident, when it is over too, by mail and webhook, at once or gathered."""

import datetime as dt
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from counterfoil.errors import ActionRequired, BadRequest, NotThere, RetryLater
from counterfoil.model import Account, Transaction
from counterfoil.ports import Landing
from counterfoil.store import channels, connections, notices, workspaces
from counterfoil.sync.telling.acts import Channels
from counterfoil.sync.telling.facts import note_attention
from counterfoil.sync.telling.ways import Outward
from receiver import CUT
from sync.telling_stage import LOGIN_LOST, PUBLIC, Stage, stage

pytestmark = pytest.mark.anyio


@pytest.fixture
async def on(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as made:
        yield made


# --- once for each incident ------------------------------------------------------------------------------


async def test_a_need_is_told_once_however_often_it_is_met(on: Stage) -> None:
    await on.mail()
    bank = await on.connect()
    on.bank.raises["accounts"] = [LOGIN_LOST] * 3
    for _ in range(3):
        await on.sync(bank)
    [letter] = on.box.letters
    assert letter["Subject"] == "Bank of first needs you" and letter["To"] == "ada@example.org"
    assert "asks you to sign in again" in on.box.text() and "Repair it." in on.box.text()
    assert f"{PUBLIC}/connections/{bank}" in on.box.text()


async def test_that_it_is_over_is_told_once_and_the_next_need_anew(on: Stage) -> None:
    await on.mail()
    bank = await on.connect()
    on.bank.raises["accounts"] = [LOGIN_LOST]
    await on.sync(bank)
    await on.sync(bank)
    await on.sync(bank)
    on.bank.raises["accounts"] = [LOGIN_LOST]
    await on.sync(bank)
    assert [letter["Subject"] for letter in on.box.letters] == [
        "Bank of first needs you",
        "Bank of first works again",
        "Bank of first needs you",
    ]


async def test_a_mending_that_no_sync_saw_is_noticed_all_the_same(on: Stage) -> None:
    await on.mail()
    bank = await on.connect()
    on.bank.raises["accounts"] = [LOGIN_LOST]
    await on.sync(bank)
    await on.product.db.run(connections.mend, bank)
    now = dt.datetime.now(dt.UTC)
    await on.clock(now)
    await on.clock(now + dt.timedelta(minutes=5))
    assert [letter["Subject"] for letter in on.box.letters][1:] == ["Bank of first works again"]


async def test_whoever_removes_a_broken_connection_is_not_told_that_it_works(on: Stage) -> None:
    await on.mail()
    bank = await on.connect()
    on.bank.raises["accounts"] = [LOGIN_LOST]
    await on.sync(bank)
    await on.product.upkeep.remove(await on.product.db.read(connections.get, bank))
    await on.site.settle()
    await on.product.db.run(connections.mend, bank)
    await on.clock(dt.datetime.now(dt.UTC))
    assert len(on.box.letters) == 1


async def test_a_need_of_a_destination_names_it(on: Stage) -> None:
    hook = await on.webhook()
    ledger = await on.add_ledger()
    ledger.broken = ActionRequired("unauthorized", "The key is refused.", remedy="Give another key.")
    await on.connect()
    [got] = on.hook.got
    assert hook.secret is not None
    told = got.verified(hook.secret)
    [notice] = told["data"]["notices"]
    assert told["type"] == "attention.required" and notice["code"] == "unauthorized"
    assert notice["destination_id"] and notice["url"] == f"{PUBLIC}/destinations/{notice['destination_id']}"
    assert notice["title"] == "Ledger book needs you" and notice["remedy"] == "Give another key."


async def test_two_tables_with_the_same_need_are_one_incident(on: Stage) -> None:
    await on.mail()
    ledger = await on.add_ledger()
    bank = await on.connect()
    ledger.missing = {("accounts", "current"), ("transactions", "amount")}
    bought = Transaction(
        key="t1", summary="Bread", date=dt.date(2026, 1, 5), amount=Decimal(-3), currency="USD", account="acc"
    )
    on.bank.add("accounts", Landing([Account(key="acc", name="Renamed", currency="USD", current=Decimal(7))]))
    on.bank.add("transactions", Landing([bought]))
    await on.sync(bank)
    assert len(await on.product.engine.events(name="app/attention.required")) == 2
    assert [letter["Subject"] for letter in on.box.letters] == ["Ledger book needs you"]


async def test_a_step_that_is_repeated_tells_nothing_twice(on: Stage) -> None:
    await on.mail()
    bank = await on.connect()
    await on.product.db.run(connections.set_problem, bank, connections.Problem("gone", "It is gone.", "Look."))
    first = await on.product.db.run(note_attention, "event", "gone", bank, None)
    assert len(first) == 1 and await on.product.db.run(note_attention, "event", "gone", bank, None) == first
    assert await on.product.db.run(note_attention, "another", "gone", bank, None) == []


async def test_a_sync_that_fails_by_itself_is_told_once_until_one_is_done(on: Stage) -> None:
    await on.mail()
    bank = await on.connect()
    late = BadRequest("The bank's answer makes no sense.", remedy="Wait.")
    on.bank.raises["accounts"], on.bank.raises["transactions"] = [late, late], [late, late]
    for _ in range(3):
        await on.sync(bank)
    assert [letter["Subject"] for letter in on.box.letters] == [
        "A sync of Bank of first failed",
        "Bank of first works again",
    ]
    assert "makes no sense" in on.box.text(0)


async def test_only_the_kinds_that_a_channel_wants_go_there(on: Stage) -> None:
    await on.mail(["mended"])
    await on.webhook(["attention"])
    bank = await on.connect()
    on.bank.raises["accounts"] = [LOGIN_LOST]
    await on.sync(bank)
    await on.sync(bank)
    assert [letter["Subject"] for letter in on.box.letters] == ["Bank of first works again"]
    assert [got.told["type"] for got in on.hook.got] == ["attention.required"]


async def test_nobody_hears_of_another_workspace(on: Stage) -> None:
    other = await on.product.db.run(workspaces.create, "Next door")
    await on.product.channels.add(other.id, "webhook", on.hook.url, ["attention"], hour=None, timezone="UTC")
    bank = await on.connect()
    on.bank.raises["accounts"] = [LOGIN_LOST]
    await on.sync(bank)
    assert on.hook.got == []


# --- delivery --------------------------------------------------------------------------------------------


async def test_a_delivery_that_was_cut_is_repeated_as_the_same_message(on: Stage) -> None:
    hook = await on.webhook(["attention"])
    on.hook.answers = [CUT, 503]
    bank = await on.connect()
    on.bank.raises["accounts"] = [LOGIN_LOST]
    await on.sync(bank)
    assert len(on.hook.got) == 3
    assert len({got.id for got in on.hook.got}) == 1 and len({got.body for got in on.hook.got}) == 1
    assert hook.secret is not None
    for got in on.hook.got:
        got.verified(hook.secret)
    [message] = await on.product.db.read(notices.page, hook.channel.id)
    assert (message.state, message.tries, message.reason) == ("sent", 3, None)


async def test_a_letter_that_the_server_put_off_is_the_same_letter_later(on: Stage) -> None:
    added = await on.mail(["attention"])
    on.box.answers = ["451 later"]
    bank = await on.connect()
    on.bank.raises["accounts"] = [LOGIN_LOST]
    await on.sync(bank)
    [message] = await on.product.db.read(notices.page, added.channel.id)
    [letter] = on.box.letters
    assert message.tries == 2 and str(letter["Message-ID"]).startswith(f"<{message.id}@")


async def test_a_channel_that_refuses_is_shown_and_holds_up_neither_syncs_nor_others(on: Stage) -> None:
    hook = await on.webhook(["attention"])
    await on.mail(["attention"])
    on.hook.answers = [403]
    bank = await on.connect()
    on.bank.raises["accounts"] = [LOGIN_LOST]
    await on.sync(bank)
    assert len(on.hook.got) == 1 and len(on.box.letters) == 1
    shown = await on.product.db.read(channels.find, on.workspace_id, hook.channel.id)
    assert shown.problem is not None and "403" in shown.problem.message
    [message] = await on.product.db.read(notices.page, hook.channel.id)
    assert message.state == "failed"
    tested = await on.product.channels.test(on.workspace_id, hook.channel.id)
    assert tested.state == "sent"
    assert (await on.product.db.read(channels.find, on.workspace_id, hook.channel.id)).problem is None


async def test_messages_leave_in_their_order_and_each_once(on: Stage) -> None:
    await on.webhook()
    bank = await on.connect()
    on.hook.answers = [503, 503]
    on.bank.raises["accounts"] = [LOGIN_LOST]
    await on.sync(bank)
    await on.sync(bank)
    accepted = list({got.id: got.told["type"] for got in on.hook.got}.values())
    assert accepted == ["attention.required", "attention.mended"]


async def test_after_a_rotation_both_secrets_sign_for_a_day(on: Stage) -> None:
    hook = await on.webhook()
    fresh = await on.product.channels.rotate(on.workspace_id, hook.channel.id)
    await on.product.channels.test(on.workspace_id, hook.channel.id)
    [got] = on.hook.got
    assert hook.secret is not None and fresh != hook.secret
    assert got.verified(fresh) == got.verified(hook.secret)


async def test_a_message_of_a_channel_that_is_gone_is_sent_nowhere(on: Stage) -> None:
    hook = await on.webhook()
    waiting = await on.product.db.run(notices.test, hook.channel.id)
    await on.product.db.run(channels.remove, on.workspace_id, hook.channel.id)
    from counterfoil.sync.telling.functions import waits

    accepted = await on.product.engine.send(waits(waiting))
    assert (await on.product.engine.result(accepted.runs[0])).state == "gone"
    assert on.hook.got == []


# --- gathered --------------------------------------------------------------------------------------------


async def test_a_digest_gathers_the_day_and_goes_out_at_its_hour_where_the_user_is(on: Stage) -> None:
    await on.mail(["attention", "mended"], hour=8, timezone="Asia/Tokyo")
    bank = await on.connect()
    on.bank.raises["accounts"] = [LOGIN_LOST]
    await on.sync(bank)
    await on.sync(bank)
    assert on.box.letters == []
    [channel] = await on.product.db.read(channels.of_workspace, on.workspace_id)
    due = channel.rhythm.digest_at
    assert due is not None and due.astimezone(dt.timezone(dt.timedelta(hours=9))).hour == 8
    await on.clock(due - dt.timedelta(minutes=5))
    assert on.box.letters == []
    await on.clock(due)
    await on.clock(due)
    [letter] = on.box.letters
    assert letter["Subject"] == "2 notices from Counterfoil"
    assert "needs you" in on.box.text() and "works again" in on.box.text()
    await on.clock(due + dt.timedelta(days=1))
    assert len(on.box.letters) == 1


async def test_whoever_gives_up_the_digest_hears_at_once_what_waited_for_it(on: Stage) -> None:
    added = await on.mail(["attention"], hour=8)
    bank = await on.connect()
    on.bank.raises["accounts"] = [LOGIN_LOST]
    await on.sync(bank)
    await on.product.channels.change(on.workspace_id, added.channel.id, ["attention"], hour=None, timezone="UTC")
    await on.site.settle()
    assert [letter["Subject"] for letter in on.box.letters] == ["Bank of first needs you"]


async def test_the_week_is_told_in_numbers_once(on: Stage) -> None:
    added = await on.mail(["weekly"])
    await on.add_ledger()
    await on.connect()
    monday = added.channel.rhythm.weekly_at
    assert monday.weekday() == 0 and monday.hour == 8
    moment = dt.datetime.now(dt.UTC).replace(microsecond=0)
    await on.product.db.run(channels.set_rhythm, added.channel.id, channels.Rhythm(None, "UTC", None, moment))
    await on.clock(moment)
    await on.clock(moment)
    [letter] = on.box.letters
    assert letter["Subject"] == "Your week with Counterfoil"
    assert "1 created" in on.box.text() and "Checking" not in on.box.text()


# --- channels --------------------------------------------------------------------------------------------


async def test_what_a_message_holds_never_is_a_row_or_a_secret(on: Stage) -> None:
    hook = await on.webhook()
    await on.add_ledger()
    bank = await on.connect()
    on.bank.raises["accounts"] = [LOGIN_LOST]
    await on.sync(bank)
    assert hook.secret is not None and on.hook.got
    for got in on.hook.got:
        for word in ("Checking", "10.00", hook.secret, "s3cret"):
            assert word not in got.body.decode()


async def test_a_webhook_into_the_servers_own_network_is_refused(on: Stage) -> None:
    product = on.product
    strict = Channels(product.doors, product.engine, Outward(product.doors.http))
    for address in ("https://127.0.0.1/x", "https://localhost/x", "https://169.254.169.254/latest"):
        with pytest.raises(BadRequest, match="in the network of this server"):
            await strict.add(on.workspace_id, "webhook", address, ["attention"], hour=None, timezone="UTC")


@pytest.mark.parametrize(
    ("kind", "kinds", "hour", "timezone"),
    [
        ("pigeon", ["attention"], None, "UTC"),
        ("email", [], None, "UTC"),
        ("email", ["gossip"], None, "UTC"),
        ("email", ["attention"], 24, "UTC"),
        ("email", ["attention"], 8, "Mars/Olympus"),
    ],
)
async def test_a_channel_that_cannot_be_says_why(
    on: Stage, kind: str, kinds: list[str], hour: int | None, timezone: str
) -> None:
    with pytest.raises(BadRequest):
        await on.product.channels.add(on.workspace_id, kind, "a@b.org", kinds, hour=hour, timezone=timezone)


async def test_a_channel_belongs_to_its_workspace(on: Stage) -> None:
    hook = await on.webhook()
    other = await on.product.db.run(workspaces.create, "Next door")
    with pytest.raises(NotThere):
        await on.product.channels.rotate(other.id, hook.channel.id)
    with pytest.raises(NotThere):
        await on.product.channels.test(other.id, hook.channel.id)


# --- apprise ---------------------------------------------------------------------------------------------


async def test_apprise_sends_to_what_it_knows(on: Stage) -> None:
    address = on.hook.url.replace("http://", "json://")
    added = await on.product.channels.add(on.workspace_id, "apprise", address, ["attention"], hour=None, timezone="UTC")
    assert added.channel.label == "json" and added.secret is None
    sent = await on.product.channels.test(on.workspace_id, added.channel.id)
    assert sent.state == "sent"
    assert on.hook.got[-1].told["title"] == "A test from Counterfoil"


@pytest.mark.parametrize("url", ["json://127.0.0.1/x", "gotify://localhost/key", "syslog://"])
async def test_apprise_is_not_led_into_the_servers_own_network(on: Stage, url: str) -> None:
    strict = Channels(on.product.doors, on.product.engine, Outward(on.product.doors.http))
    with pytest.raises(BadRequest, match="network of this server"):
        await strict.add(on.workspace_id, "apprise", url, ["attention"], hour=None, timezone="UTC")


async def test_without_apprise_the_remedy_is_to_install_it(on: Stage) -> None:
    def missing() -> object:
        raise ActionRequired("apprise_missing", "Not installed.", remedy="pip install it")

    bare = Channels(on.product.doors, on.product.engine, Outward(on.product.doors.http, apprise=missing))
    with pytest.raises(BadRequest) as refused:
        await bare.add(on.workspace_id, "apprise", "ntfy://x", ["attention"], hour=None, timezone="UTC")
    assert refused.value.remedy == "pip install it"


async def test_a_name_that_nobody_knows_is_refused_as_an_address(on: Stage) -> None:
    async def unknown(host: str, port: int) -> list[str]:
        raise RetryLater(f"Nobody knows the address of {host}.", after=1)

    channel = Channels(on.product.doors, on.product.engine, Outward(on.product.doors.http, resolve=unknown))
    with pytest.raises(BadRequest, match="Nobody knows"):
        await channel.add(on.workspace_id, "webhook", "https://x.test/", ["attention"], hour=None, timezone="UTC")
