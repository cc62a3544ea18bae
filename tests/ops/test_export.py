"""An export holds every row that counts, to the last digit, harms no spreadsheet, and tells no secret."""

import csv
import datetime as dt
import io
import json
import tracemalloc
import zipfile
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.errors import BadRequest
from counterfoil.lib.secrets import Vault, new_key
from counterfoil.model import TABLES, Account, Record, Transaction
from counterfoil.ops.export import cell, export, text_of, write_csv, write_json
from counterfoil.ports import Identity, Landing
from counterfoil.rules import Comparison, Rule, Span, Then, When, Words
from counterfoil.store import Database, Tx, categories, connections, rules, saying, workspaces
from counterfoil.store.landing import Lander

NASTY = Transaction(
    key="=t1",
    summary='=HYPERLINK("http://evil.example";"Click, \n"now"")',
    date=dt.date(2026, 1, 5),
    amount=Decimal("-12345678901234567890.0000001"),
    currency="USD",
    account="acc",
    fee=Decimal("0.0000001"),
    pending=False,
    merchant="'t Hoekje 🍕",
    original_text="-1+cmd|' /C calc'!A0",
)


def land(db: Database, *rows: Record, removed: tuple[tuple[str, str], ...] = ()) -> str:
    with db.begin() as tx:
        workspace = workspaces.first(tx).id
        who = Identity("there", "There")
        secret = b'{"token": "very-secret"}'
        bank = connections.add(
            tx, Vault.of(new_key()), workspace_id=workspace, provider="bank", identity=who, credential=secret
        )
        lander = Lander(tx, bank.id, workspace)
        lander.apply(Landing(rows))
        lander.apply(Landing(removed=removed))
        lander.finish()
    return workspace


def read_back(table: str, written: Mapping[str, bytes]) -> list[Record]:
    """Make rows of both files and see that they say the same."""
    parsed = csv.DictReader(io.StringIO(written[f"{table}.csv"].decode(), newline=""))
    of_csv = [{name: text_of(text) if text else None for name, text in row.items()} for row in parsed]
    of_json: list[dict[str, Any]] = json.loads(written[f"{table}.json"])
    shape = TABLES[table]
    made = [msgspec.convert(row, shape, strict=False) for row in of_json]
    assert [msgspec.convert(row, shape, strict=False) for row in of_csv] == made
    return made


def files_of(target: Path) -> dict[str, bytes]:
    if target.is_dir():
        return {path.name: path.read_bytes() for path in target.iterdir()}
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("name", ["folder", "all.zip"])
def test_what_is_exported_reads_back_as_it_was(db: Database, tmp_path: Path, name: str) -> None:
    account = Account(key="acc", name="@home", currency="USD", current=Decimal("-0.10"), overdue=True)
    workspace = land(db, NASTY, account)
    counts = export(db, workspace, tmp_path / name)
    assert {table: count for table, count in counts.items() if count} == {"accounts": 1, "transactions": 1}
    written = files_of(tmp_path / name)
    names = (*TABLES, "history")
    alone = {"about.json", "rules.json", "edits.json"}
    assert set(written) == {f"{name}.{form}" for name in names for form in ("csv", "json")} | alone
    assert read_back("transactions", written) == [NASTY]
    assert read_back("accounts", written) == [account]
    assert json.loads(written["about.json"])["tables"]["transactions"]["rows"] == 1
    assert not any(b"very-secret" in body for body in written.values())


def test_an_export_is_for_its_owner_alone(db: Database, tmp_path: Path) -> None:
    workspace = land(db, NASTY)
    for name in ("folder", "all.zip"):
        export(db, workspace, tmp_path / name)
    files = [tmp_path / "all.zip", *(tmp_path / "folder").iterdir()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_rows_that_were_taken_back_or_replaced_stay_out(db: Database, tmp_path: Path) -> None:
    posted = msgspec.structs.replace(NASTY, key="posted", replaces="=t1")
    gone = msgspec.structs.replace(NASTY, key="gone")
    workspace = land(db, NASTY, gone, posted, removed=(("transactions", "gone"),))
    export(db, workspace, tmp_path / "folder")
    assert [row.key for row in read_back("transactions", files_of(tmp_path / "folder"))] == ["posted"]


def test_what_changed_about_transactions_comes_along(db: Database, tmp_path: Path) -> None:
    land(db, NASTY)
    workspace = land(db, msgspec.structs.replace(NASTY, pending=True, fee=None))
    export(db, workspace, tmp_path / "folder")
    told = json.loads(files_of(tmp_path / "folder")["history.json"])
    assert {(line["key"], line["column"], line["before"], line["after"], line["cause"]) for line in told} == {
        ("=t1", "pending", False, True, "bank"),
        ("=t1", "fee", "0.0000001", None, "bank"),
    }


def add_rule(tx: Tx, workspace: str, **when: Any) -> Rule:
    """Keep a rule that gives a category of the workspace's own."""
    then = Then(category=categories.named(tx, workspace, "Going out"), tags=("fun", "2026"))
    return rules.add(tx, workspace, name="Evenings", when=When(**when), then=then)


def test_rules_come_along_in_their_order_to_the_last_digit_and_in_words(db: Database, tmp_path: Path) -> None:
    workspace = land(db, NASTY, Account(key="acc", name="Joint", currency="USD"))
    with db.begin() as tx:
        first = add_rule(tx, workspace, amount=Span(most=Decimal("-0.0000001")), accounts=("acc",))
        second = add_rule(tx, workspace, merchant=Words(Comparison.CONTAINS, "=hoekje"))
        rules.move(tx, workspace, second.id, 0)
    counts = export(db, workspace, tmp_path / "folder")
    written = files_of(tmp_path / "folder")
    told = json.loads(written["rules.json"])
    assert counts["rules"] == 2 and [one["id"] for one in told] == [second.id, first.id]
    assert told[1]["when"] == {"amount": {"most": "-0.0000001"}, "accounts": ["acc"]}
    words = ["Amount at most -0.0000001", "Account is Joint", "→ category Going out", "→ tags fun, 2026"]
    assert told[1]["in_words"] == words
    own = {row["key"]: row["name"] for row in json.loads(written["categories.json"])}
    assert own == {told[1]["then"]["category"]: "Going out"} and all(key.startswith("own:") for key in own)


def test_what_a_person_said_of_a_row_comes_along_and_what_a_rule_said_does_not(db: Database, tmp_path: Path) -> None:
    mine, quiet, gone = (msgspec.structs.replace(NASTY, key=key, merchant=None) for key in ("mine", "quiet", "gone"))
    with db.begin() as tx:
        add_rule(tx, workspaces.first(tx).id, merchant=Words(Comparison.CONTAINS, "hoekje"))
    workspace = land(db, NASTY, mine, quiet, gone)
    with db.begin() as tx:
        saying.edit(tx, workspace, "mine", {"summary": "Lunch", "tags": "work, lunch"})
        saying.edit(tx, workspace, "quiet", {"hidden": True, "tags": ""})
        saying.edit(tx, workspace, "gone", {"summary": "Never mind"})
    land(db, removed=(("transactions", "gone"),))
    assert export(db, workspace, tmp_path / "folder")["edits"] == 2
    written = files_of(tmp_path / "folder")
    by_rule = {row["key"]: row["tags"] for row in json.loads(written["transactions.json"]) if row["category"]}
    assert by_rule == {"=t1": "fun, 2026"}
    told = json.loads(written["edits.json"])
    assert [{name: one[name] for name in one if name != "connection_id"} for one in told] == [
        {"key": "mine", "summary": "Lunch", "tags": ["work", "lunch"]},
        {"key": "quiet", "tags": [], "hidden": True},
    ]


def test_another_workspaces_rules_and_words_stay_out(db: Database, tmp_path: Path) -> None:
    workspace = land(db, NASTY)
    with db.begin() as tx:
        add_rule(tx, workspace, summary=Words(Comparison.CONTAINS, "x"))
        saying.edit(tx, workspace, "=t1", {"summary": "Mine"})
        other = workspaces.create(tx, "Other").id
    counts = export(db, other, tmp_path / "folder")
    assert (counts["rules"], counts["edits"]) == (0, 0)
    assert files_of(tmp_path / "folder")["rules.json"] == b"[]\n"


def test_another_workspaces_rows_stay_out(db: Database, tmp_path: Path) -> None:
    land(db, NASTY)
    with db.begin() as tx:
        other = workspaces.create(tx, "Other").id
    assert sum(export(db, other, tmp_path / "folder").values()) == 0


def test_what_is_there_is_not_overwritten_unasked(db: Database, tmp_path: Path) -> None:
    workspace = land(db, NASTY)
    for name in ("folder", "all.zip"):
        export(db, workspace, tmp_path / name)
        with pytest.raises(BadRequest, match="there already"):
            export(db, workspace, tmp_path / name)
        assert export(db, workspace, tmp_path / name, overwrite=True)["transactions"] == 1
    with pytest.raises(BadRequest, match="cannot be written"):
        export(db, workspace, tmp_path / "all.zip" / "folder")


@given(st.text())
def test_no_text_begins_like_a_formula_and_every_text_comes_back(text: str) -> None:
    written = cell(text)
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
    assert text_of(written) == text


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("-1.50"), "-1.50"),
        (Decimal("1E+3"), "1000"),
        (None, ""),
        (True, "true"),
        (dt.date(2026, 1, 5), "2026-01-05"),
        ("-1.50", "'-1.50"),
    ],
)
def test_numbers_stay_numbers_and_texts_stay_texts(value: object, written: str) -> None:
    assert cell(value) == written


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    def rows(count: int) -> Iterator[Mapping[str, Any]]:
        for number in range(count):
            yield {"key": f"t{number}", "amount": Decimal("1.00"), "text": "some words " * 10}

    def peak(count: int) -> int:
        tracemalloc.start()
        with (tmp_path / "rows").open("wb") as file:
            write_csv(file, ("key", "amount", "text"), rows(count))
            write_json(file, rows(count))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(10)
    assert peak(20_000) < peak(1_000) + 100_000
