"""What is worked out for pages without looking anywhere: figures, charts, timelines, words, forms."""

import datetime as dt
from decimal import Decimal

import pytest

from counterfoil.destinations.airtable import SPEC as AIRTABLE
from counterfoil.destinations.google_sheets import SPEC as SHEETS
from counterfoil.destinations.notion import SPEC as NOTION
from counterfoil.engine import RunView, StepView
from counterfoil.errors import BadRequest
from counterfoil.plan import State
from counterfoil.providers.stripe import SPEC as STRIPE
from counterfoil.store.destinations import Destination, Selection
from counterfoil.store.figures import Account, Flow
from counterfoil.web import charts, figures, progress, settings_form, waterfall, words
from counterfoil.web.overview import Place

TODAY = dt.date(2026, 3, 20)
NOW = dt.datetime(2026, 3, 20, 12, tzinfo=dt.UTC)


def flow(day: dt.date, amount: str, account: str = "a", category: str | None = None) -> Flow:
    return Flow(day, account, "USD", Decimal(amount), category)


def test_the_past_is_today_less_what_moved_since() -> None:
    accounts = [Account("a", "depository", "USD", Decimal(100)), Account("c", "credit", "USD", Decimal(30))]
    flows = [flow(TODAY - dt.timedelta(days=3), "-20"), flow(TODAY - dt.timedelta(days=80), "5", "c")]
    found = figures.work_out(accounts, flows, [], today=TODAY)
    assert found is not None
    worth = dict(found.history)
    assert found.worth == 70
    assert worth[TODAY - dt.timedelta(weeks=1)] == 90
    assert found.change == Decimal(-20)
    assert found.history[0][0] >= TODAY - dt.timedelta(days=80)


def test_investments_count_as_they_were_seen() -> None:
    accounts = [Account("i", "investment", "USD", Decimal(500)), Account("a", "depository", "USD", Decimal(0))]
    seen = [("i", TODAY - dt.timedelta(days=10), Decimal(400)), ("i", TODAY, Decimal(1))]
    found = figures.work_out(accounts, [flow(TODAY - dt.timedelta(days=40), "0")], seen, today=TODAY)
    assert found is not None
    worth = dict(found.history)
    assert worth[TODAY] == Decimal(500)
    assert worth[TODAY - dt.timedelta(weeks=1)] == found.history[0][1] == Decimal(400)


def test_transfers_are_no_cash_flow_and_other_currencies_stand_apart() -> None:
    accounts = [Account("a", "depository", "USD", Decimal(9)), Account("b", "depository", "USD", Decimal(1))]
    accounts.append(Account("e", "depository", "EUR", Decimal(7)))
    flows = [flow(TODAY, "50"), flow(TODAY, "-8"), flow(TODAY, "-1000", category="move")]
    found = figures.work_out(accounts, flows, [], today=TODAY, transfers=["move"])
    assert found is not None
    assert (found.months[-1].inflow, found.months[-1].outflow) == (Decimal(50), Decimal(8))
    assert found.others == {"EUR": Decimal(7)}
    assert figures.is_transfer("Transfer in: savings", "Transfer in")
    assert figures.is_transfer("Loan payments: credit card payment", "Loan payments")
    assert not figures.is_transfer("Groceries", "Food and drink")


def test_nothing_known_gives_no_figures() -> None:
    assert figures.work_out([], [], [], today=TODAY) is None


@pytest.mark.parametrize(("shift", "first"), [(0, (2026, 3)), (-3, (2025, 12)), (10, (2027, 1))])
def test_months_are_counted_over_the_turn_of_the_year(shift: int, first: tuple[int, int]) -> None:
    assert figures.month_of(TODAY, shift) == dt.date(*first, 1)


@pytest.mark.parametrize(
    ("low", "high", "levels"),
    [("0", "97", "0 50 100"), ("-30", "60", "-50 0 50 100"), ("12", "12", "12 12.5 13 13.5"), ("0", "0", "0 0.5 1")],
)
def test_levels_are_round_and_enclose_the_values(low: str, high: str, levels: str) -> None:
    found = charts.nice_levels(Decimal(low), Decimal(high))
    assert found == [Decimal(level) for level in levels.split()]


def test_a_line_begins_at_the_scale_and_ends_at_the_edge() -> None:
    drawn = charts.line([(TODAY - dt.timedelta(days=7), Decimal(0)), (TODAY, Decimal(100))])
    assert drawn.path == f"M40.0,{charts.HEIGHT - 18}.0L360.0,8.0"
    assert charts.line([(TODAY, Decimal(5))]).path.count("L") == 1


def test_levels_are_written_briefly() -> None:
    written = [charts.short(Decimal(value)) for value in ("0", "1500", "-20000", "2500000", "0.5")]
    assert written == ["0", "1.5k", "−20k", "2.5M", "0.5"]


def run(run_id: str, begin: int, end: int | None, *steps: StepView) -> RunView:
    status = "succeeded" if end else "running"
    return RunView(
        run_id, "f", status, {"name": "e", "data": {}}, "", None, None, None, None, 1, begin, begin, end, steps
    )


def test_an_invoked_run_has_its_own_steps_below_it() -> None:
    child = run("child", 500, 900, StepView("run", "load#1", None, None, None, 500, 600))
    parent = run(
        "parent", 0, 1000,
        StepView("run", "start#1", None, None, None, 0, 100),
        StepView("invoke", "transactions@d1#2", None, None, "child", 100, 950),
    )  # fmt: skip
    bars = waterfall.lay_out(parent, {"child": child}, 1000, {"d1": "My page"})
    assert [(bar.name, bar.depth, bar.x, bar.width) for bar in bars] == [
        ("start", 0, 0.0, 100.0),
        ("transactions, My page", 0, 500.0, 400.0),
        ("load", 1, 500.0, 100.0),
    ]
    assert bars[1].run == "child"


def test_a_step_of_no_length_can_still_be_seen() -> None:
    [bar] = waterfall.lay_out(run("r", 0, 10_000, StepView("run", "x", None, None, None, 10_000, 10_000)), {}, 10_000)
    assert bar.width == 3.0 and bar.x + bar.width <= waterfall.WIDTH


def place(pending: int, standing: int) -> Place:
    stored = Destination("d", "w", "notion", "r", "Page", "active", None, Selection(), NOW, None, None)
    return Place(stored, pending, (), {("transactions", State.SYNCED): standing})


def test_progress_believes_the_vendors_pace_first_and_then_its_own() -> None:
    began = NOW - dt.timedelta(seconds=100)
    first = progress.estimate(place(600, 0), 0, [NOW - dt.timedelta(seconds=1)], 3.0, NOW)
    later = progress.estimate(place(600, 400), 400, [began], 3.0, NOW)
    assert first.seconds == 200 and later.seconds == 150
    assert first.in_words() == "0 of 600 rows, about 3 minutes to go"
    assert progress.estimate(place(30, 10), 0, [NOW], 3.0, NOW).in_words() == "10 of 40 rows, less than a minute to go"


@pytest.mark.parametrize(
    ("seconds", "said"), [(3, "just now"), (60, "1 minute ago"), (7_300, "2 hours ago"), (-400, "in 6 minutes")]
)
def test_times_are_told_as_people_do(seconds: int, said: str) -> None:
    assert words.ago(NOW - dt.timedelta(seconds=seconds), NOW) == said


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [("-1234.5", "USD", "−$1,234.50"), ("1154232", "JPY", "¥1,154,232"), ("993.31", "KWD", "993.310 KWD")],
)
def test_money_is_written_in_its_currencys_digits(amount: str, currency: str, written: str) -> None:
    assert words.money(Decimal(amount), currency) == written


@pytest.mark.parametrize(
    ("seconds", "written"), [(0.12, "120 ms"), (3.42, "3.4 s"), (125, "2 min 5 s"), (3_900, "1 h 5 min"), (None, "–")]
)
def test_durations_are_short(seconds: float | None, written: str) -> None:
    assert words.lasted(seconds) == written


def test_forms_ask_for_what_people_can_know_and_hide_secrets() -> None:
    asked = {
        field.name: field for field in settings_form.fields_of(NOTION.settings, {"token": "ntn_x", "page_id": "p"})
    }
    assert "refresh_token" not in asked
    assert asked["token"].type == "password" and asked["token"].value == "" and asked["token"].required
    assert asked["page_id"].value == "p"
    assert asked["plan"].type == "select" and ("business", "Business") in asked["plan"].options
    assert not asked["currency"].required
    assert [field.name for field in settings_form.fields_of(AIRTABLE.settings)] == ["token", "base_id"]
    assert [field.type for field in settings_form.fields_of(SHEETS.settings)] == ["text", "textarea"]
    [key] = settings_form.fields_of(STRIPE.settings)
    assert key.type == "password" and "rk_live_" in (key.hint or "")


def test_what_cannot_be_used_is_named_without_what_was_typed() -> None:
    with pytest.raises(BadRequest, match="Token is missing"):
        settings_form.read(NOTION.settings, {"token": "  "})
    with pytest.raises(BadRequest, match="Page: This is not the link") as refused:
        settings_form.read(NOTION.settings, {"token": "ntn_secret", "page_id": "nowhere"})
    assert "ntn_secret" not in str(refused.value) and "nowhere" not in str(refused.value)
