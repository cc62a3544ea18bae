"""What each page says: when there is nothing yet, when all is well, and when something is wrong."""

import asyncio
import re
import time

import pytest

from counterfoil.errors import ActionRequired
from counterfoil.lib import totp
from counterfoil.ports import Landing
from counterfoil.store import connections, destinations, visits, workspaces
from counterfoil.store import pulse as pulses
from counterfoil.store.connections import Problem
from counterfoil.web import stream
from counterfoil.web.overview import Tally
from fakes import Ledger, Login
from web.site import Forms, Site, filled, own_ids, transaction

pytestmark = pytest.mark.anyio

EMPTY = {
    "/": "Nothing is connected yet.",
    "/transactions": "No transaction yet",
    "/accounts": "No account yet",
    "/investments": "No holding yet",
    "/investments/trades": "No trade yet",
    "/investments/securities": "No security yet",
    "/connections": "Nothing is connected yet",
    "/destinations": "No destination yet",
    "/rules": "No rule yet",
    "/transfers": "Nothing to answer",
    "/syncs": "No sync yet",
    "/events": "No event yet",
    "/functions": "sync-connection",
    "/members": "Invite somebody",
    "/settings/workspace": "Currency shown first",
    "/settings/notifications": "Nobody is told yet",
    "/settings/tokens": "No tokens yet",
    "/settings/audit": "Installation claimed",
    "/settings/export": "Download everything",
    "/settings/delete": "It begins at once and cannot be taken back.",
    "/account": "Where you are signed in",
    "/connections/new": "What would you like to connect?",
    "/destinations/new": "Where shall the rows go?",
}


async def test_a_page_says_what_is_missing_and_leads_on(started: Site) -> None:
    owner = await started.owner()
    for path, said in EMPTY.items():
        await owner.open(path)
        assert owner.status == 200 and said in owner.text
        assert 'aria-current="page"' in owner.page, path


async def test_every_input_has_a_label_and_every_page_one_heading(started: Site) -> None:
    owner = await started.owner()
    for path in EMPTY:
        page = await owner.open(path)
        assert page.count("<h1") == 1 and "<title>" in page and 'lang="en"' in page
        labelled = set(re.findall(r'<label for="([^"]+)"', page))
        for tag in re.findall(r"<(?:input|select|textarea)\b[^>]*>", page):
            if 'type="hidden"' not in tag:
                [ident] = re.findall(r'\sid="([^"]+)"', tag)
                assert ident in labelled, tag


async def test_home_says_that_all_is_well_with_money_and_syncs(started: Site) -> None:
    owner = await filled(started)
    await owner.open("/")
    assert "Ledger one is up to date, last change" in owner.text
    assert "Net worth $10.00" in owner.text and "As a table" in owner.text
    assert "Bank of first" in owner.text and 'hx-sse:connect="/stream?seen=' in owner.page


async def test_home_names_what_is_wrong_with_its_remedy_as_a_button(started: Site) -> None:
    owner = await filled(started)
    ids = await own_ids(started)
    wrong = Problem("item_login_required", "The bank asks you to sign in again.", "Sign in at the bank.")
    await started.product.db.run(connections.set_problem, ids["connection_id"], wrong)
    await owner.open("/")
    assert "Bank of first needs you" in owner.text and "The bank asks you to sign in again." in owner.text
    assert any(form["action"] == f"/connections/{ids['connection_id']}/repair" for form in Forms(owner.page).found)
    await owner.open("/connections")
    assert "Needs you" in owner.text


async def test_home_of_a_bank_without_destination_asks_for_one(started: Site) -> None:
    owner = await filled(started)
    ids = await own_ids(started)
    await started.product.db.run(destinations.remove, ids["destination_id"])
    await owner.open("/")
    assert "No destination is connected yet." in owner.text and "/destinations/new" in owner.page


class SlowClock:
    """A clock by which everything takes a second."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


async def test_every_destination_is_counted_anew_and_its_syncs_bear_its_name(started: Site) -> None:
    owner = await filled(started)
    workspace = await started.product.db.read(workspaces.first)
    for name in ("two", "three"):
        started.ledgers[name] = Ledger()
        await started.product.intake.add_destination(
            workspace.id, "ledger", Login(name=name), tables=("accounts", "transactions")
        )
    clock = SlowClock()
    started.app.state.tally = Tally(clock)
    await owner.open("/destinations")  # counts them before they are filled
    await started.settle()
    clock.now += 1000  # it has rested
    await owner.open("/destinations")
    assert owner.text.count("Up to date Ledger · 6 rows") == 3
    await owner.open("/syncs")
    assert "Ledger two A destination was added" in owner.text


async def test_a_sync_shows_its_counts_and_the_timeline_of_its_run(started: Site) -> None:
    owner = await filled(started)
    await owner.open("/syncs")
    [link, *_] = re.findall(r'href="(/syncs/[\w-]+)"', owner.page)
    await owner.open(link)
    assert "Sync of Bank of first" in owner.text and "fetch transactions" in owner.text
    assert "transactions, Ledger one" in owner.text and "Transactions 5 0 0 0" in owner.text
    await owner.open(re.findall(r'href="(/runs/[\w-]+)"', owner.page)[0])
    assert owner.status == 200 and "Timeline" in owner.text and "bank rows" not in owner.text


async def test_refused_rows_are_shown_with_reason_and_can_be_tried_again(started: Site) -> None:
    owner = await filled(started)
    ids = await own_ids(started)
    ledger = started.ledgers["one"]
    ledger.rejects = lambda change: "That summary is too long." if change.key == "t9" else None
    started.bank.add("transactions", Landing([transaction("t9")]))
    await owner.open(f"/connections/{ids['connection_id']}")
    await owner.submit(f"/connections/{ids['connection_id']}/sync")
    await started.settle()
    await owner.open("/")
    assert "1 row was refused" in owner.text
    await owner.open(f"/destinations/{ids['destination_id']}/refused")
    assert "Purchase t9" in owner.text and "That summary is too long." in owner.text
    ledger.rejects = lambda _change: None
    await owner.submit(f"/destinations/{ids['destination_id']}/retry")
    await started.settle()
    assert "t9" in ledger.rows("transactions")
    await owner.open(f"/destinations/{ids['destination_id']}/refused")
    assert "No row is refused" in owner.text


async def test_filters_of_syncs_keep_what_was_asked_for(started: Site) -> None:
    owner = await filled(started)
    await owner.open("/syncs", params={"state": "failed"})
    assert "No such sync" in owner.text and '<option value="failed" selected>' in owner.page
    await owner.open("/syncs", params={"before": "yesterday"})
    assert owner.status == 400 and "Begin with the newest" in owner.text


async def test_a_connection_is_paused_resumed_and_removed_with_a_warning(started: Site) -> None:
    owner = await filled(started)
    ids = await own_ids(started)
    here = f"/connections/{ids['connection_id']}"
    await owner.open(here)
    assert "Checking" in owner.text and "$10.00" in owner.text and f'href="{here}/remove"' in owner.page
    await owner.open(f"{here}/remove")
    assert "Ledger one: 6 rows will be deleted" in owner.text
    await owner.open(here)
    await owner.submit(f"{here}/pause")
    assert "Its rows stay where they are" in owner.text and "Paused" in owner.text
    await owner.submit(f"{here}/resume")
    await started.settle()  # the bank of this test shows its account once only: what is read now is without it
    await owner.open(f"{here}/remove")
    await owner.submit(f"{here}/remove")
    await started.settle()
    assert "is being removed" in owner.text
    await owner.open("/connections")
    assert "Nothing is connected yet" in owner.text
    assert started.ledgers["one"].rows("transactions") == {}


async def test_a_connection_is_made_by_a_key_that_is_tried_first(started: Site) -> None:
    owner = await started.owner()
    await owner.open("/connections/new/plaid")
    await owner.submit("/connections/new/plaid", name="")
    assert owner.status == 422 and "is missing" in owner.text
    await owner.submit("/connections/new/plaid", name="mine")
    await started.settle()
    assert "Bank of mine is connected" in owner.text


async def test_the_wizard_leads_from_the_key_to_rows_that_stand_there(started: Site) -> None:
    owner = await filled(started)
    started.ledgers["two"] = Ledger()
    await owner.open("/destinations/new/ledger")
    await owner.submit("/destinations/new/ledger", name="two")
    assert owner.path.endswith("/tables") and "Which table goes where?" in owner.text
    here = owner.path.removesuffix("/tables")
    left_out = ("securities", "holdings", "investment_transactions", "balances")
    off: dict[str, list[str]] = {f"on.{name}": [] for name in left_out}
    await owner.submit(owner.path, off)
    assert owner.path == f"{here}/rows"
    await owner.submit(owner.path, since="2026-01-05")
    assert owner.path == f"{here}/preview" and "6 rows would be written to Ledger two" in owner.text
    assert "Purchase t1" in owner.text and not started.ledgers["two"].writes
    await owner.submit(f"{here}/resume")
    await started.settle()
    await owner.open(here)
    assert "Up to date" in owner.text
    assert len(started.ledgers["two"].rows("transactions")) == 5
    assert "holdings" not in started.ledgers["two"].tables


async def test_a_day_that_is_none_and_no_account_at_all_are_named(started: Site) -> None:
    owner = await filled(started)
    ids = await own_ids(started)
    here = f"/destinations/{ids['destination_id']}/rows"
    await owner.open(here)
    await owner.submit(here, since="soon")
    assert owner.status == 422 and "soon is no day" in owner.text
    await owner.open(here)
    await owner.submit(here, accounts="some", account=[])
    assert owner.status == 422 and "No account is chosen" in owner.text


async def test_a_destination_that_needs_somebody_says_so_on_its_pages(started: Site) -> None:
    owner = await filled(started)
    ids = await own_ids(started)
    started.ledgers["one"].broken = ActionRequired("token_revoked", "The key was revoked.", remedy="Make a new key.")
    here = f"/destinations/{ids['destination_id']}"
    await owner.open(f"{here}/tables")
    assert owner.status == 422 and "The key was revoked. Make a new key." in owner.text
    await owner.open(f"{here}/preview")
    assert owner.status == 409 and "Make a new key." in owner.text


async def test_removing_a_destination_leaves_its_rows(started: Site) -> None:
    owner = await filled(started)
    ids = await own_ids(started)
    here = f"/destinations/{ids['destination_id']}"
    await owner.open(here)
    assert "6 rows stay where they are and are yours" in owner.text
    await owner.submit(f"{here}/remove")
    assert owner.path == "/destinations" and "No destination yet" in owner.text
    assert len(started.ledgers["one"].rows("transactions")) == 5


async def test_functions_pause_and_resume(started: Site) -> None:
    owner = await started.owner()
    await owner.open("/functions/tidy")
    await owner.submit("/functions/tidy/pause")
    assert "What comes in waits" in owner.text and "Paused" in owner.text
    await owner.submit("/functions/tidy/resume")
    assert "Ready" in owner.text
    await owner.open("/functions/no-such")
    assert owner.status == 404 and "There is no function no-such." in owner.text


async def test_what_is_typed_is_shown_as_text_never_as_markup(started: Site) -> None:
    owner = await started.owner()
    await owner.open("/account")
    await owner.submit("/account/profile", name="<script>alert(1)</script>", timezone="Europe/Berlin")
    assert "Saved." in owner.text and "<script>alert" not in owner.page and "&lt;script&gt;" in owner.page


async def test_a_new_password_ends_other_sessions(started: Site) -> None:
    owner = await started.owner()
    other = started.browser()
    await other.open("/sign-in")
    await other.submit("/sign-in", email="ada@example.com", password="three words in a row")
    await owner.open("/account")
    await owner.submit("/account/password", current="wrong words", password="another good phrase")
    assert owner.status == 422 and "not your current password" in owner.text
    await owner.submit("/account/password", current="three words in a row", password="another good phrase")
    assert "The password is changed" in owner.text
    await other.open("/")
    assert other.path == "/sign-in"


async def test_a_session_elsewhere_is_ended_by_a_button(started: Site) -> None:
    owner = await started.owner()
    other = started.browser("198.51.100.4")
    await other.open("/sign-in")
    await other.submit("/sign-in", email="ada@example.com", password="three words in a row")
    await owner.open("/account")
    assert "198.51.100.4" in owner.text
    [act] = re.findall(r'action="(/account/sessions/[\w-]{36}/end)"', owner.page)
    await owner.submit(act)
    await other.open("/")
    assert other.path == "/sign-in"


async def test_an_open_page_is_told_of_a_change_and_of_nothing_else(started: Site) -> None:
    await started.owner()
    pulse = stream.Pulse(started.product.db, look=0.01)
    workspace = await started.product.db.read(workspaces.first)
    seen = await started.product.db.read(pulses.of_workspace, workspace.id)
    lines = stream.lines(pulse, workspace.id, seen, age=5.0)
    assert await anext(lines) == b"retry: 1000\n\n"
    following = asyncio.ensure_future(anext(lines))
    await pulse.looked()
    await pulse.looked()
    assert not following.done()
    await filled_again(started)
    assert b"event: changed" in await asyncio.wait_for(following, 5)
    await lines.aclose()
    await pulse.aclose()


async def test_a_page_is_told_of_what_changed_before_it_could_listen(started: Site) -> None:
    owner = await started.owner()
    await owner.open("/")
    [seen] = re.findall(r"/stream\?seen=(\w+)", owner.page)
    await filled_again(started)
    workspace = await started.product.db.read(workspaces.first)
    pulse = stream.Pulse(started.product.db, look=0.01)
    lines = stream.lines(pulse, workspace.id, seen, age=5.0)
    await anext(lines)
    told = await asyncio.wait_for(anext(lines), 5)
    now = await started.product.db.read(pulses.of_workspace, workspace.id)
    assert told.decode() == f"id: {now}\nevent: changed\ndata: .\n\n" and now != seen
    await lines.aclose()
    await pulse.aclose()


async def filled_again(started: Site) -> None:
    """Add a destination: the smallest of changes."""
    workspace = await started.product.db.read(workspaces.first)
    started.ledgers["three"] = Ledger()
    await started.product.intake.add_destination(workspace.id, "ledger", Login(name="three"))


async def test_a_visit_says_how_it_stands_and_what_it_brought(started: Site) -> None:
    owner = await filled(started)
    ids = await own_ids(started)
    db, vault = started.product.db, started.product.doors.vault
    here = f"/visits/{ids['visit_id']}"
    await owner.open(here)
    assert "Waiting for you to finish there" in owner.text and "hx-sse:connect" in owner.page
    found = visits.Candidate("c1", "Quillstone Bank", (), "refused", None, "It has no accounts.")
    await db.run(visits.keep, vault, ids["visit_id"], found, None)
    await db.run(visits.set_state, ids["visit_id"], "done")
    await owner.open(here)
    assert "Quillstone Bank Not connected It has no accounts." in owner.text and "hx-sse:connect" not in owner.page


async def test_codes_are_set_up_by_typing_one(started: Site) -> None:
    owner = await started.owner()
    await owner.open("/account/codes")
    [secret] = re.findall(r'name="secret" value="([A-Z2-7]+)"', owner.page)
    await owner.submit("/account/codes", code="000000", current="three words in a row")
    assert owner.status == 422 and secret in owner.page
    code = totp.code(totp.unspelled(secret), int(time.time()) // totp.PERIOD)
    await owner.submit("/account/codes", code=code, current="three words in a row")
    assert "signing in takes a code as well" in owner.text
    await owner.submit("/account/codes/stop", current="three words in a row")
    assert "takes the password alone" in owner.text
