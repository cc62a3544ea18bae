"""What is proposed for a user's own tables, by name and type."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.model import TABLES, Kind, columns
from counterfoil.ports import RemoteField, RemoteTable, Schema
from counterfoil.sync.automatch import Proposal, TableMatch, propose
from counterfoil.sync.conflicts import find_conflicts
from counterfoil.sync.names import column_likeness, words
from sync.book import TYPES, remote


def proposed(*tables: RemoteTable, wanted: tuple[str, ...] = tuple(TABLES), can_create: bool = True) -> Proposal:
    return propose(Schema(tables), wanted, can_create=can_create)


def match_of(found: Proposal, table: str) -> TableMatch:
    return next(one for one in found.tables if one.table == table)


def fields_of(match: TableMatch) -> dict[str, str]:
    return {one.column: one.field.name for one in (match.key, *match.fields) if one.field is not None}


@pytest.mark.parametrize(
    ("theirs", "same"),
    [
        ("💰 Amounts (USD)", ("amount",)),
        ("TransactionDate", ("transaction", "date")),
        ("  categories ", ("category",)),
        ("Bank's name", ("bank", "name")),
        ("Address", ("address",)),
    ],
)
def test_names_are_read_without_case_emoji_remarks_and_plurals(theirs: str, same: tuple[str, ...]) -> None:
    assert words(theirs) == same


def test_a_table_of_another_name_and_its_fields_are_known_by_what_people_call_them() -> None:
    spending = remote("💸_My_expenses", Payee="text", Money="number", Day="date", Bank_account="text", Notes="text")
    match = match_of(proposed(spending), "transactions")
    assert match.remote == spending
    assert fields_of(match) == {"summary": "Payee", "amount": "Money", "date": "Day", "account": "Bank account"}
    assert match.unused == ("Notes",)


def test_our_own_names_are_surer_than_others() -> None:
    found = proposed(remote("Transactions", Summary="text", Memo="text", Amount="number", Total="number"))
    match = match_of(found, "transactions")
    assert fields_of(match)["summary"] == "Summary" and fields_of(match)["amount"] == "Amount"
    sure = {one.column: one.confidence for one in match.fields}
    assert (match.confidence, sure["amount"]) == (1.0, 1.0)


def test_a_table_of_any_name_is_known_by_its_fields() -> None:
    odd = remote("Q3 stuff", Payee="text", Amount="number", Date="date", Category="text", Merchant="text")
    assert match_of(proposed(odd), "transactions").remote == odd
    assert proposed(remote("Recipes", Title="text", Minutes="number")).unused == ("Recipes",)


def test_investment_transactions_do_not_take_the_place_of_transactions() -> None:
    trades = remote("Investment transactions", Name="text", Date="date", Amount="number")
    found = proposed(trades)
    assert match_of(found, "investment_transactions").remote == trades
    assert match_of(found, "transactions").remote is None


@pytest.mark.parametrize("name", ["Counterfoil_ID", "ID", "External_ID", "Transaction_ID", "Plaid_id"])
def test_an_existing_text_field_of_ids_holds_our_ids(name: str) -> None:
    match = match_of(proposed(remote("Transactions", Name="text", **{name: "text"})), "transactions")
    assert match.key.field is not None and match.key.field.name == name.replace("_", " ")
    numbers = match_of(proposed(remote("Transactions", Name="text", **{name: "number"})), "transactions")
    assert numbers.key.field is None


def test_a_fitting_name_of_the_wrong_type_is_named_and_another_field_is_taken() -> None:
    match = match_of(proposed(remote("Transactions", Name="text", Amount="text", Total="number")), "transactions")
    assert fields_of(match)["amount"] == "Total"
    alone = match_of(proposed(remote("Transactions", Name="text", Amount="text")), "transactions")
    [conflict] = alone.conflicts
    assert (conflict.code, conflict.column) == ("column_type", "amount")
    assert "cannot hold amounts" in conflict.message


def test_a_link_is_matched_only_with_a_field_that_points_to_the_right_table() -> None:
    accounts = remote("Accounts", Name="text")
    link = RemoteField("l1", "Account", "relation", frozenset({Kind.LINK}), points_to=accounts.id)
    astray = RemoteField("l2", "Category", "relation", frozenset({Kind.LINK}), points_to="somewhere")
    base = remote("Transactions", Name="text")
    transactions = RemoteTable(base.id, base.name, (*base.fields, link, astray))
    match = match_of(proposed(accounts, transactions), "transactions")
    assert fields_of(match)["account"] == "Account"
    assert "category" not in fields_of(match)
    assert [conflict.code for conflict in match.conflicts] == ["link_astray"]


def test_the_field_that_names_the_row_takes_the_title_whatever_it_is_called() -> None:
    table = remote("Transactions", Whatever="text", Date="date")
    assert fields_of(match_of(proposed(table), "transactions"))["summary"] == "Whatever"


def test_a_new_field_gets_a_name_that_is_free() -> None:
    [mapping] = [one for one in proposed(remote("Transactions", Name="text", Amount="text")).mappings if one.table_id]
    assert mapping.field("amount").label == "Amount (Counterfoil)" and mapping.field("amount").field_id == ""


def test_where_nothing_can_be_made_only_what_is_there_is_proposed() -> None:
    found = proposed(remote("Transactions", Name="text", Counterfoil_ID="text", Amount="number"), can_create=False)
    [mapping] = found.mappings
    assert [one.column for one in mapping.fields] == ["summary", "amount"]
    assert mapping.key_field.field_id


@pytest.mark.parametrize("table", list(TABLES))
def test_every_column_knows_its_own_label(table: str) -> None:
    for column in columns(table).values():
        assert column_likeness(column.label, table, column.name) == 1.0


_names = st.sampled_from(
    [column.label for table in TABLES for column in columns(table).values()]
    + ["ID", "Payee", "Money", "Memo", "Notes", "Total", "📅 Date", "Sum", "Card", "Balance (EUR)"]
)


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    tables = []
    for nth in range(draw(st.integers(0, 4))):
        name = draw(
            st.sampled_from(["Transactions", "Accounts", "Spending", "Holdings", "Things", "My banks", "Trades"])
        )
        fields = tuple(
            RemoteField(f"{nth}.{at}", field, kind, TYPES[kind], title=at == 0)
            for at, (field, kind) in enumerate(
                draw(
                    st.lists(
                        st.tuples(_names, st.sampled_from(sorted(TYPES))), max_size=12, unique_by=lambda one: one[0]
                    )
                )
            )
        )
        tables.append(RemoteTable(f"t{nth}", f"{name} {nth}", fields))
    return Schema(tuple(tables))


@settings(deadline=None)
@given(schemas(), st.booleans())
def test_a_proposal_uses_nothing_twice_and_only_what_can_hold_it(schema: Schema, can_create: bool) -> None:
    found = propose(schema, TABLES, can_create=can_create)
    goals = [one.remote.id for one in found.tables if one.remote is not None]
    assert len(goals) == len(set(goals))
    for match in found.tables:
        used = [one.field for one in (match.key, *match.fields) if one.field is not None]
        assert len({field.id for field in used}) == len(used)
        assert all(one.kind in one.field.takes for one in (match.key, *match.fields) if one.field is not None)
        assert all(0 <= one.confidence <= 1 for one in (match.key, *match.fields))
    if not can_create:
        return  # where no field can be made, the one for our ids may be missing
    ids = {mapping.table: mapping.table_id for mapping in found.mappings if mapping.table_id}
    assert find_conflicts(found.mappings, schema, can_create=True, ids=ids) == []
