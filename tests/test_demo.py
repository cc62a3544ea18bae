"""The two commands to play with: the demonstration fills every destination, the sandbox serves the vendors' SDKs."""

import json
import os
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import plaid
import pyairtable
import pytest
import stripe
from google.oauth2.service_account import Credentials
from googleapiclient.discovery import build  # type: ignore[import-untyped]
from notion_client import Client as NotionClient
from plaid.api.plaid_api import PlaidApi
from plaid.model.country_code import CountryCode
from plaid.model.institutions_get_by_id_request import InstitutionsGetByIdRequest

from counterfoil.model import TABLES
from counterfoil.store import Database, destinations, mirror, rows, workspaces

pytestmark = pytest.mark.timeout(900)  # a whole demonstration, on however busy a machine

DESTINATIONS = ("notion", "airtable", "coda", "google_sheets")
VENDORS = ("plaid", "stripe", "notion", "airtable", "coda", "google")  # in the order of their ports


def command(*arguments: str) -> tuple[list[str], dict[str, str]]:
    """Give the command and an environment without settings of whoever runs the tests."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERFOIL_")}
    return [sys.executable, "-m", "counterfoil", *arguments], environment


# --- demo --once --json ---


@dataclass(frozen=True)
class Shown:
    """What the demonstration printed, and the store that it left."""

    printed: dict[str, Any]
    rows: Mapping[str, int]
    sums: Mapping[str, Decimal]
    refused: list[mirror.Refused]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """Run the demonstration once, for all tests."""
    folder = tmp_path_factory.mktemp("demo")
    arguments, environment = command("demo", "--once", "--json", "--data-dir", str(folder))
    done = subprocess.run(arguments, env=environment, stdout=subprocess.PIPE, timeout=850, check=True, text=True)
    return look(json.loads(done.stdout), folder)


def look(printed: dict[str, Any], folder: Path) -> Shown:
    """Open the store that the product has left."""
    db = Database.open(folder / "counterfoil.db")
    try:
        with db.reading() as tx:
            [workspace] = workspaces.every(tx)
            sums: dict[str, Decimal] = defaultdict(Decimal)
            for currency, amount in rows.amounts(tx, workspace.id):
                sums[currency] += amount
            places = destinations.of_workspace(tx, workspace.id)
            refused = [one for place in places for one in mirror.refused(tx, place.id)]
            return Shown(printed, rows.counts(tx, workspace.id), sums, refused)
    finally:
        db.close()


def test_the_demo_prints_destinations_syncs_and_seconds(shown: Shown) -> None:
    printed = shown.printed
    assert {"destinations", "syncs", "seconds"} <= set(printed)
    assert isinstance(printed["seconds"], int | float)
    assert tuple(printed["destinations"]) == DESTINATIONS
    for place in printed["destinations"].values():
        assert set(place["tables"]) == set(TABLES)
        for counts in place["tables"].values():
            assert set(counts) >= {"rows", "created", "updated", "deleted"}
            assert all(isinstance(count, int) for count in counts.values())


def test_every_destination_holds_exactly_the_rows_of_the_store(shown: Shown) -> None:
    assert shown.rows["transactions"] > 2_000
    assert all(shown.rows[table] > 0 for table in TABLES)
    for place in shown.printed["destinations"].values():
        assert {table: counts["rows"] for table, counts in place["tables"].items()} == dict(shown.rows)


def test_what_the_syncs_say_they_did_is_what_stands_there(shown: Shown) -> None:
    for place in shown.printed["destinations"].values():
        for table, counts in place["tables"].items():
            assert counts["created"] - counts["deleted"] == counts["rows"], table


def test_sums_agree_to_the_last_digit_at_providers_store_and_destinations(shown: Shown) -> None:
    sums = shown.printed["sums"]
    assert set(sums) == {"providers", "store", *DESTINATIONS}
    assert len(shown.sums) > 1
    for place, found in sums.items():
        assert {currency: Decimal(text) for currency, text in found.items()} == shown.sums, place
    assert shown.printed["sums_agree"] is True


def test_every_sync_of_the_demo_is_done_and_no_row_was_rejected(shown: Shown) -> None:
    assert shown.printed["syncs"]
    assert {sync["state"] for sync in shown.printed["syncs"]} == {"done"}
    assert shown.refused == []


# --- sandbox --json ---


@pytest.fixture(scope="module")
def sandbox() -> Iterator[dict[str, Any]]:
    """Serve the sandbox as people do; give what it printed."""
    for _ in range(20):
        arguments, environment = command("sandbox", "--json", "--port", str(random.randrange(20_000, 32_000, 10)))
        served = subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert served.stdout is not None
        line = served.stdout.readline()
        if line:
            break
        served.communicate()  # one of the ports was taken
    try:
        yield json.loads(line)
    finally:
        served.terminate()
        served.communicate(timeout=30)


def test_the_six_vendors_stand_on_ports_in_a_row(sandbox: dict[str, Any]) -> None:
    assert tuple(sandbox) == VENDORS
    first = httpx2.URL(sandbox["plaid"]["url"]).port
    assert first is not None
    assert [vendor["url"] for vendor in sandbox.values()] == [f"http://127.0.0.1:{first + n}" for n in range(6)]


def test_the_sandbox_prints_ready_credentials(sandbox: dict[str, Any]) -> None:
    wanted = {
        "plaid": {"client_id", "secret"},
        "stripe": {"api_key", "webhook_secret"},
        "notion": {"token", "page_id"},
        "airtable": {"token", "base_id"},
        "coda": {"token", "doc_id"},
        "google": {"service_account", "spreadsheet_id"},
    }
    for vendor, names in wanted.items():
        assert {"url", *names} <= set(sandbox[vendor])
        assert all(sandbox[vendor][name] for name in names)
    assert sandbox["google"]["service_account"]["token_uri"].startswith(sandbox["google"]["url"])


def test_plaid_s_sdk_takes_the_credentials(sandbox: dict[str, Any]) -> None:
    own = sandbox["plaid"]
    keys = {"clientId": own["client_id"], "secret": own["secret"]}
    api = PlaidApi(plaid.ApiClient(plaid.Configuration(host=own["url"], api_key=keys)))
    asked = InstitutionsGetByIdRequest(institution_id="ins_109508", country_codes=[CountryCode("US")])
    assert api.institutions_get_by_id(asked)["institution"]["institution_id"] == "ins_109508"


def test_stripe_s_sdk_takes_the_credentials(sandbox: dict[str, Any]) -> None:
    own = sandbox["stripe"]
    client = stripe.StripeClient(own["api_key"], base_addresses={"api": own["url"]})
    assert client.v1.balance.retrieve().available
    assert own["webhook_secret"].startswith("whsec_")


def test_notion_s_sdk_takes_the_credentials(sandbox: dict[str, Any]) -> None:
    own = sandbox["notion"]
    client = NotionClient(auth=own["token"], base_url=own["url"], notion_version="2026-03-11")
    page: Any = client.pages.retrieve(own["page_id"])
    assert page["id"] == own["page_id"]


def test_pyairtable_takes_the_credentials(sandbox: dict[str, Any]) -> None:
    own = sandbox["airtable"]
    base = pyairtable.Api(own["token"], endpoint_url=own["url"]).base(own["base_id"])
    assert base.schema().tables is not None


def test_google_s_sdk_takes_the_credentials(sandbox: dict[str, Any]) -> None:
    own = sandbox["google"]
    signer: Any = Credentials  # its methods have no types
    credentials = signer.from_service_account_info(
        own["service_account"], scopes=["https://www.googleapis.com/auth/spreadsheets"]
    )
    options = {"api_endpoint": own["url"]}
    with build("sheets", "v4", static_discovery=True, credentials=credentials, client_options=options) as service:
        found = service.spreadsheets().get(spreadsheetId=own["spreadsheet_id"]).execute()
    assert found["spreadsheetId"] == own["spreadsheet_id"]


def test_coda_takes_the_credentials(sandbox: dict[str, Any]) -> None:
    own = sandbox["coda"]
    bearer = {"authorization": f"Bearer {own['token']}"}
    doc = httpx2.get(f"{own['url']}/apis/v1/docs/{own['doc_id']}", headers=bearer).raise_for_status()
    assert doc.json()["id"] == own["doc_id"]
