"""What people see of their money: lists that are searched and paged, one transaction with its history, files."""

import csv
import datetime as dt
import io
import json
import re
import zipfile
from decimal import Decimal

import msgspec
import pytest
import sqlalchemy as sa

from counterfoil.model import Account, Category, Holding, InvestmentTransaction, Record, Security
from counterfoil.ports import Landing
from counterfoil.store import connections, schema, workspaces
from counterfoil.sync.triggers import REFRESH
from web.site import Browser, Site, filled, transaction

pytestmark = pytest.mark.anyio
DAY = dt.date(2026, 1, 5)


async def bring(site: Site, stream: str, *records: Record, removed: tuple[str, ...] = ()) -> None:
    """Let the bank tell, and wait until it is read and written."""
    gone = [("transactions", key) for key in removed]
    site.bank.add(stream, Landing(records, gone))
    home = await site.product.db.read(workspaces.first)
    [connection] = await site.product.db.read(connections.of_workspace, home.id)
    await site.product.intake.request_sync(connection.id, REFRESH)
    await site.settle()


def links(owner: Browser, name: str) -> list[str]:
    return [address.replace("&amp;", "&") for address in re.findall(rf'href="([^"]*)"[^>]*>{name}</a>', owner.page)]


async def test_the_list_shows_amount_account_and_what_is_pending(started: Site) -> None:
    owner = await filled(started)
    await bring(
        started,
        "transactions",
        msgspec.structs.replace(transaction("pay", dt.date(2026, 1, 7)), amount=Decimal("1234.5"), pending=True),
    )
    await owner.open("/transactions")
    assert "7 Jan 2026 Purchase pay Pending Checking – $1,234.50" in owner.text
    assert "5 Jan 2026 Purchase t1 Checking – −$1.00" in owner.text


async def test_a_search_and_filters_narrow_the_list_and_stay_as_typed(started: Site) -> None:
    owner = await filled(started)
    await owner.open("/transactions", params={"words": "PURCHASE t3"})
    assert "Purchase t3" in owner.text and "Purchase t1" not in owner.text and 'value="PURCHASE t3"' in owner.page
    await owner.open("/transactions", params={"direction": "in"})
    assert "Nothing fits" in owner.text and '<details class="more" open>' in owner.page
    await owner.open("/transactions", params={"account": "acc", "least": "1,00", "most": "1.00", "since": "2026-01-05"})
    assert "Purchase t1" in owner.text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"since": "soon"}, "soon is no day. Write it like 2026-01-31."),
        ({"least": "much"}, "much is no amount. Write it like 12.50."),
        ({"state": "odd"}, "There are: live, pending"),
        ({"after": "abc"}, "The cursor is not one of this list."),
        ({"words": "a\0b"}, "too long to look for"),
    ],
)
async def test_what_cannot_be_looked_for_is_named(started: Site, given: dict[str, str], said: str) -> None:
    owner = await filled(started)
    await owner.open("/transactions", params=given)
    assert owner.status == 400 and said in owner.text


async def test_pages_lead_to_the_end_and_back(started: Site) -> None:
    owner = await filled(started)
    many = [transaction(f"m{n:03}", DAY + dt.timedelta(days=n)) for n in range(100)]
    await bring(started, "transactions", *many)
    await owner.open("/transactions")
    assert "Purchase m099" in owner.text and not links(owner, "Newer")
    await owner.open(links(owner, "Older")[0])
    assert "Purchase m049" in owner.text and "Purchase m050" not in owner.text
    await owner.open(links(owner, "Oldest")[0])
    assert "Purchase t0" in owner.text and "Purchase m044" in owner.text and not links(owner, "Older")
    await owner.open(links(owner, "Newer")[0])
    assert "Purchase m094" in owner.text and "Purchase m095" not in owner.text
    await owner.open(links(owner, "Newer")[0])
    assert not links(owner, "Newer") and "Purchase m099" in owner.text


async def test_a_transaction_tells_its_history_and_where_it_was_written(started: Site) -> None:
    owner = await filled(started)
    changed = msgspec.structs.replace(transaction("t1"), amount=Decimal("-2.50"))
    await bring(started, "transactions", changed)
    await owner.open("/transactions/t1")
    assert "−$2.50" in owner.text and "Checking" in owner.text
    assert "Ledger one Ledger Stands there" in owner.text
    assert "Changed · Bank of first" in owner.text and "Amount: −$1.00 → −$2.50" in owner.text
    assert "First seen · Bank of first" in owner.text


async def test_a_refused_row_says_so_with_the_reason(started: Site) -> None:
    owner = await filled(started)
    started.ledgers["one"].rejects = lambda change: "That is too odd." if change.key == "odd" else None
    await bring(started, "transactions", transaction("odd"))
    await owner.open("/transactions/odd")
    assert "Refused That is too odd." in owner.text


async def test_a_posted_transaction_goes_on_with_the_pending_ones_history(started: Site) -> None:
    owner = await filled(started)
    pending = msgspec.structs.replace(transaction("hold"), pending=True)
    posted = msgspec.structs.replace(transaction("done"), replaces="hold", amount=Decimal("-1.20"))
    await bring(started, "transactions", pending)
    await bring(started, "transactions", posted, removed=("hold",))
    await owner.open("/transactions/done")
    assert re.search(r"Posted · .* Amount: −\$1\.00 → −\$1\.20 .*First seen, pending", owner.text)
    await owner.open("/transactions/hold")
    assert "Another row took its place." in owner.text and links(owner, "Show that one") == ["/transactions/done"]


async def test_what_the_bank_took_back_is_told(started: Site) -> None:
    owner = await filled(started)
    await bring(started, "transactions", removed=("t1",))
    await owner.open("/transactions")
    assert "Purchase t1" not in owner.text
    await owner.open("/transactions", params={"state": "removed"})
    assert "Purchase t1 Taken back" in owner.text
    await owner.open("/transactions/t1")
    assert "The bank has taken it back." in owner.text and "Taken back · Bank of first" in owner.text


async def test_a_strangers_key_is_not_found(started: Site) -> None:
    owner = await filled(started)
    for path in ("/transactions/none", "/accounts/none"):
        await owner.open(path)
        assert owner.status == 404


async def test_accounts_lead_to_one_with_its_facts_and_what_moved(started: Site) -> None:
    owner = await filled(started)
    card = Account(
        key="card",
        name="Card",
        currency="USD",
        type="credit",
        mask="4242",
        current=Decimal("12.30"),
        limit=Decimal(500),
    )
    await bring(started, "accounts", card)
    await owner.open("/accounts")
    assert "Card •••• 4242" in owner.text and "$12.30 owed" in owner.text
    await owner.open("/accounts", params={"words": "4242"})
    assert "Card" in owner.text and "Checking" not in owner.text
    await owner.open("/accounts/card")
    assert "Limit $500.00" in owner.text and "There are none." in owner.text
    await owner.open("/accounts/acc")
    assert "Purchase t1" in owner.text and links(owner, "All of them") == ["/transactions?account=acc"]


async def test_investments_are_shown_in_three_tabs(started: Site) -> None:
    owner = await filled(started)
    await bring(
        started,
        "accounts",
        Security(key="vti", name="Vanguard Total", ticker="VTI", price=Decimal("212.3456"), currency="USD"),
        Holding(
            key="h", name="VTI", account="acc", security="vti", quantity=Decimal("2.500"), currency="USD",
            price=Decimal("212.3456"), value=Decimal("530.86"), cost_basis=Decimal(500),
        ),
        InvestmentTransaction(key="i", name="BUY VTI", date=DAY, account="acc", amount=Decimal(-500), currency="USD"),
    )  # fmt: skip
    await owner.open("/investments")
    assert "VTI" in owner.text and "2.5 $212.3456 $530.86 +$30.86" in owner.text
    await owner.open("/investments/trades", params={"words": "buy"})
    assert "5 Jan 2026 BUY VTI Checking" in owner.text and "−$500.00" in owner.text
    await owner.open("/investments/securities", params={"words": "vti"})
    assert "Vanguard Total VTI" in owner.text and "$212.3456" in owner.text


async def test_what_a_filter_finds_is_saved_as_csv_and_json_with_names(started: Site) -> None:
    owner = await filled(started)
    await bring(
        started, "transactions",
        Category(key="food", name="Food"),
        msgspec.structs.replace(transaction("t9"), summary="=1+1", category="food"),
    )  # fmt: skip
    await owner.open("/transactions", params={"category": "food"})
    [as_csv], [as_json] = links(owner, "CSV"), links(owner, "JSON")
    await owner.open(as_csv)
    [row] = csv.DictReader(io.StringIO(owner.page))
    assert row["key"] == "t9" and row["summary"] == "'=1+1" and row["amount"] == "-1.00"
    assert (row["account_name"], row["category_name"]) == ("Checking", "Food")
    await owner.open(as_json)
    [told] = json.loads(owner.page)
    assert told["key"] == "t9" and told["amount"] == "-1.00" and told["pending"] is False
    await owner.open("/transactions.json", params={"words": "nothing like it"})
    assert json.loads(owner.page) == []


async def test_everything_is_saved_as_a_zip_and_that_is_noted(started: Site) -> None:
    owner = await filled(started)
    saved = await owner.client.get("/everything.zip")
    assert saved.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(saved.content)) as archive:
        assert archive.testzip() is None
        assert len(json.loads(archive.read("transactions.json"))) == 5
        assert json.loads(archive.read("history.json")) == []
    with started.product.db.reading() as tx:
        assert "rows.exported" in tx.execute(sa.select(schema.audit.c.act)).scalars().all()


async def test_files_are_for_people_who_are_signed_in(started: Site) -> None:
    await filled(started)
    stranger = started.browser("192.0.2.9")
    for path in ("/transactions.csv", "/everything.zip", "/transactions/t1"):
        await stranger.open(path)
        assert stranger.path in ("/sign-in", "/welcome")
