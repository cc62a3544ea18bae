"""Each of the doctor's checks, one by one."""

import datetime as dt
from collections import Counter
from dataclasses import replace
from typing import Any, Final

import pytest

from counterfoil.ops import checks
from counterfoil.ops.checks import Chosen, Finding, Folder, Verdict, Visit
from counterfoil.store.sealed import Census

CHOSEN: Final = Chosen(
    current_key=None, old_keys=(), key_file="k1", on_postgres=False, store_file=True, proxies=("127.0.0.1",)
)
FOLDER: Final = Folder(path="/srv/data", exists=True, writable=True, mode=0o700, free=10**10, key_mode=0o600)
OK, ATTENTION, BROKEN = Verdict.OK, Verdict.ATTENTION, Verdict.BROKEN


def said(findings: list[Finding]) -> list[tuple[Verdict, str]]:
    """Give verdicts and texts, and see that whatever is not well comes with a remedy."""
    assert all(bool(finding.remedy) == (finding.verdict is not OK) for finding in findings)
    return [(finding.verdict, finding.text) for finding in findings]


@pytest.mark.parametrize(
    ("changes", "verdict", "told"),
    [
        ({}, OK, "every name is known"),
        ({"current_key": "k1", "old_keys": ("k0",)}, OK, ""),
        ({"old_keys": ("k1",)}, ATTENTION, "holds the current key too"),
        ({"current_key": "k2"}, ATTENTION, "secret.key in the data directory holds another key"),
        ({"current_key": "k2", "old_keys": ("k1",)}, OK, ""),
        ({"on_postgres": True}, ATTENTION, "holds a SQLite database that is not"),
        ({"on_postgres": True, "store_file": False}, OK, ""),
        ({"proxies": ("*",)}, ATTENTION, "trusts everybody"),
    ],
)
def test_settings_that_contradict_one_another_are_noticed(changes: dict[str, Any], verdict: Verdict, told: str) -> None:
    [(found, text)] = said(checks.check_settings(replace(CHOSEN, **changes)))
    assert found is verdict and told in text


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, []),
        ({"client_id": "a", "secret": "b"}, []),
        ({"secret": "b"}, [(ATTENTION, "X_SECRET is set without the id that it belongs to.")]),
        (
            {"client_secret": "b"},
            [(ATTENTION, "X_CLIENT_SECRET is set without the id that it belongs to.")],
        ),
        ({"url": "vendor.example"}, [(BROKEN, "X_URL is no address.")]),
    ],
)
def test_a_registration_by_halves_is_noticed(given: dict[str, str], told: list[tuple[Verdict, str]]) -> None:
    found = checks.check_app("x", {"url": "https://vendor.example", **given}, "X_")
    assert said(found) == told


@pytest.mark.parametrize(
    ("changes", "verdict", "told"),
    [
        ({}, OK, "/srv/data, 10,000 MB free"),
        ({"exists": False, "mode": 0o755}, OK, "made at the first start"),
        ({"writable": False}, BROKEN, "cannot be written"),
        ({"free": 5 * 10**8}, ATTENTION, "only 500 MB free"),
        ({"free": 5 * 10**7}, BROKEN, "only 50 MB free"),
        ({"mode": 0o750}, ATTENTION, "open to other users"),
        ({"key_mode": 0o644}, ATTENTION, "secret.key is open to other users"),
        ({"key_mode": None}, OK, ""),
    ],
)
def test_a_directory_that_cannot_be_used_or_is_open_to_others_is_noticed(
    changes: dict[str, Any], verdict: Verdict, told: str
) -> None:
    [(found, text)] = said(checks.check_folder(replace(FOLDER, **changes)))
    assert found is verdict and told in text


@pytest.mark.parametrize(
    ("library", "mode", "verdict"),
    [
        ((3, 51, 3), "wal", OK),
        ((3, 51, 3), None, OK),
        ((3, 53, 0), "delete", ATTENTION),
        ((3, 40, 1), "delete", ATTENTION),
        ((3, 40, 1), "wal", ATTENTION),
    ],
)
def test_an_old_sqlite_or_a_slow_journal_is_noticed(
    library: tuple[int, ...], mode: str | None, verdict: Verdict
) -> None:
    [(found, text)] = said([checks.check_sqlite(library, mode, (3, 51, 3))])
    assert found is verdict and ".".join(map(str, library)) in text


@pytest.mark.parametrize(("standing", "verdict"), [("0002", OK), (None, OK), ("0001", ATTENTION), ("0003", BROKEN)])
def test_a_schema_that_is_older_or_newer_than_the_code_is_noticed(standing: str | None, verdict: Verdict) -> None:
    [(found, _)] = said([checks.check_schema("store.db", standing, "0002")])
    assert found is verdict


@pytest.mark.parametrize(
    ("census", "old", "verdict", "told"),
    [
        (Census(Counter(k2=3)), [], OK, "opens all 3"),
        (Census(), [], OK, "opens all 0"),
        (Census(Counter(k2=3, k1=2)), ["k1"], ATTENTION, "2 credentials are encrypted with an old key"),
        (Census(Counter(k2=3)), ["k1"], ATTENTION, "no old key is needed any more (k1)"),
        (Census(Counter(k0=1), ["connections.credential of c1: no"]), [], BROKEN, "the first: connections.credential"),
    ],
)
def test_credentials_that_the_keys_do_not_open_are_noticed(
    census: Census, old: list[str], verdict: Verdict, told: str
) -> None:
    [(found, text)] = said(checks.check_keys(census, "k2", old))
    assert found is verdict and told in text


def test_a_host_that_does_not_answer_is_noticed() -> None:
    [(found, _)] = said([checks.check_host(Visit("x", "vendor.example", 0.12))])
    assert found is OK
    [(found, text)] = said([checks.check_host(Visit("x", "vendor.example", None))])
    assert found is BROKEN and "vendor.example cannot be reached" in text


@pytest.mark.parametrize(
    ("skews", "verdict"),
    [([], OK), ([None], OK), ([0.4, -3.0], OK), ([0.0, 1.0, 5000.0], OK), ([61.0], BROKEN), ([-90.0, -91.0], BROKEN)],
)
def test_a_clock_that_is_off_is_noticed_by_the_middle_vendor(skews: list[float | None], verdict: Verdict) -> None:
    [(found, _)] = said([checks.check_clock([Visit("x", "vendor.example", 0.1, skew) for skew in skews])])
    assert found is verdict


def test_the_skew_is_taken_from_the_date_header() -> None:
    now = dt.datetime(2026, 1, 5, 12, 1, 40, 500_000, tzinfo=dt.UTC)
    assert checks.skew_of("Mon, 05 Jan 2026 12:00:00 GMT", now) == 100.0
    assert checks.skew_of("yesterday", now) is None
    assert checks.skew_of("", now) is None


@pytest.mark.parametrize(
    ("url", "verdict", "told"),
    [
        ("https://money.example.com/webhooks/plaid", OK, "expected at money.example.com"),
        (None, OK, "no webhook address"),
        ("http://money.example.com/webhooks/plaid", BROKEN, "is not https"),
        ("https://192.168.1.5/webhooks/plaid", BROKEN, "no host that the internet knows"),
        ("https://server/webhooks/plaid", BROKEN, "no host that the internet knows"),
        ("https://localhost:4000/webhooks/plaid", BROKEN, "no host that the internet knows"),
        ("https://money.example.com/", BROKEN, "does not end with /webhooks/plaid"),
    ],
)
def test_a_webhook_address_that_no_vendor_can_reach_is_noticed(url: str | None, verdict: Verdict, told: str) -> None:
    found = checks.check_webhook("plaid", url, "https://production.plaid.com")
    assert found is not None
    [(judged, text)] = said([found])
    assert judged is verdict and told in text


def test_a_local_emulator_may_be_told_any_address() -> None:
    assert checks.check_webhook("plaid", "http://127.0.0.1:4000/", "http://127.0.0.1:4010") is None
