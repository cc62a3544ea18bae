"""Notion's cells, addresses and refusals: the parts that need no server."""

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from counterfoil.config import app_settings
from counterfoil.destinations.notion import NotionApp, NotionSettings, cells, wire
from counterfoil.destinations.notion.refusals import reason
from counterfoil.destinations.notion.settings import Plan, page_id_of
from counterfoil.lib.http import Reply
from counterfoil.model import Kind, Writes
from counterfoil.ports import Cell, FieldMapping

_ID = "1f0e2d3c-4b5a-4978-8695-a4b3c2d1e0f0"
_HEX = _ID.replace("-", "")


@pytest.mark.parametrize(
    "text",
    [
        _ID,
        _HEX,
        _ID.upper(),
        f"https://www.notion.so/acme/Our-money-{_HEX}",
        f"https://www.notion.so/{_HEX}?pvs=4",
        f"  https://acme.notion.site/Our-money-{_HEX}/ ",
        f"https://app.notion.com/acme/Board-00000000000000000000000000000000?p={_HEX}&pm=s",
    ],
)
def test_a_page_is_known_by_its_id_or_its_link(text: str) -> None:
    assert page_id_of(text) == _ID


@pytest.mark.parametrize("text", ["", "my page", "https://www.notion.so/acme", _HEX[:31]])
def test_what_is_no_page_is_refused_in_plain_words(text: str) -> None:
    with pytest.raises(ValidationError, match="not the link or the id of a Notion page"):
        NotionSettings(token=SecretStr("ntn_x"), page_id=text)


def test_the_budget_follows_the_plan_and_hides_the_token() -> None:
    settings = NotionSettings(token=SecretStr("ntn_secret"), page_id=_ID)
    business = settings.model_copy(update={"plan": Plan.BUSINESS})
    assert settings.budget().limit * 60 / settings.budget().window == 180
    assert business.budget().limit * 60 / business.budget().window == 600
    assert "secret" not in settings.budget().name
    assert "secret" not in repr(settings)


def test_the_waits_can_be_set_from_the_environment() -> None:
    assert app_settings(NotionApp, "NOTION", {"COUNTERFOIL_NOTION_LOOKUP_WAITS": "1,2.5"}).lookup_waits == (1.0, 2.5)


# --- cells ---


def _back(written: dict[str, Any], kind: Kind) -> Cell:
    """Read a written value as Notion would give it back."""
    (property_type,) = written
    shown = json.loads(_wire(written)) | {"id": "p", "type": property_type}
    if property_type in ("title", "rich_text"):
        shown[property_type] = [{"plain_text": piece["text"]["content"]} for piece in shown[property_type]]
    return cells.read(msgspec.json.decode(json.dumps(shown), type=wire.Value), kind)


def _wire(written: dict[str, Any]) -> bytes:
    return msgspec.json.Encoder(decimal_format="number").encode(written)


@given(st.text())
def test_a_text_comes_back_whole_from_pieces_that_notion_takes(text: str) -> None:
    text = text * 300
    pieces = [piece["text"]["content"] for piece in cells.text(text)]
    assert "".join(pieces) == text
    assert all(len(piece.encode("utf-16-le", "surrogatepass")) <= 2 * 2000 for piece in pieces)


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.integers(0, 8))
def test_an_amount_of_fifteen_digits_survives_the_vendors_doubles(digits: int, places: int) -> None:
    amount = Decimal(digits).scaleb(-places)
    assert _back(cells.write("number", amount), Kind.MONEY) == amount


def test_an_amount_leaves_as_an_exact_number() -> None:
    assert _wire(cells.write("number", Decimal("-12.30"))) == b'{"number":-12.30}'


def test_an_amount_is_read_without_a_detour_over_binary_fractions() -> None:
    body = b'{"id":"p","type":"number","number":0.1}'
    value = Reply(200, {}, body).decode(wire.Value)
    assert cells.read(value, Kind.MONEY) == Decimal("0.1")


@given(st.text(st.characters(codec="utf-8", exclude_characters="‚"), min_size=1, max_size=100))
def test_the_name_of_an_option_holds_no_comma_and_comes_back_with_it(name: str) -> None:
    written = cells.write("select", name)
    assert "," not in written["select"]["name"]
    assert _back(written, Kind.SELECT) == name


def test_the_name_of_an_option_is_cut_to_a_hundred_characters() -> None:
    assert len(cells.write("select", "x" * 101)["select"]["name"]) == 100


@given(st.datetimes(timezones=st.just(dt.timezone(dt.timedelta(hours=9)))))
def test_a_time_is_written_in_utc(moment: dt.datetime) -> None:
    if 1 < moment.year < 9999:
        assert cells.write("date", moment)["date"]["start"].endswith("+00:00")
        assert _back(cells.write("date", moment), Kind.TIMESTAMP) == moment


def test_a_time_that_the_user_put_where_we_keep_a_day_is_read_as_its_day() -> None:
    value = wire.Value("p", "date", date=wire.Moment("2026-01-31T23:30:00.000+02:00"))
    assert cells.read(value, Kind.DATE) == dt.date(2026, 1, 31)


@pytest.mark.parametrize("property_type", sorted(cells.TAKES))
def test_every_property_that_takes_something_can_be_emptied(property_type: str) -> None:
    empty = cells.write(property_type, None)[property_type]
    assert empty in (None, [], False)


def _field(kind: Kind, to_table_id: str | None = None) -> FieldMapping:
    return FieldMapping("column", "Column", kind, Writes.ALWAYS, to_table_id=to_table_id)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("target", [None, "another table"])
def test_a_property_made_for_a_kind_takes_that_kind(kind: Kind, target: str | None) -> None:
    (property_type,) = cells.new_property(_field(kind, target), None)
    assert kind in cells.TAKES[property_type]


def test_money_shows_a_sign_only_where_there_is_one_currency() -> None:
    assert cells.new_property(_field(Kind.MONEY), None) == {"number": {"format": "number_with_commas"}}
    assert cells.new_property(_field(Kind.MONEY), "eur") == {"number": {"format": "euro"}}
    assert cells.new_property(_field(Kind.MONEY), "XTS") == {"number": {"format": "number_with_commas"}}


# --- refusals ---


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            'body failed validation: body.properties.%3Aab.url.length should be ≤ `2000`, instead was `"x?id=4711"`.',
            "Website: length should be ≤ 2000.",
        ),
        (
            "body failed validation: body.properties.%3Aab.rich_text[3].text.content.length should be ≤ `2000`, "
            "instead was `4711`.",
            "Website: length should be ≤ 2000.",
        ),
        (
            "body.properties.gone.number should be a number or `null`, instead was `4711`.",
            "a column: number should be a number or null.",
        ),
        ("Invalid select option, commas not allowed: Rent, May", "Invalid select option, commas not allowed."),
        ('"Rent" is not a property that exists.', "is not a property that exists."),
    ],
)
def test_a_reason_keeps_the_rule_and_drops_the_values(message: str, told: str) -> None:
    assert reason(message, {"%3Aab": "Website"}) == told
