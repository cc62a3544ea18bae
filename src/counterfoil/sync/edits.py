"""What a person changes about a destination: the edit, the mapping it makes, what must be looked at again. Pure."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from counterfoil.errors import BadRequest
from counterfoil.model import TABLES, Kind, Writes
from counterfoil.plan import REMOVED, Removal
from counterfoil.ports import FieldMapping, RemoteField, RemoteTable, Schema, TableMapping
from counterfoil.store.destinations import Selection, Target
from counterfoil.sync.automatch import match_fields
from counterfoil.sync.conflicts import Conflict, bound_by_name, table_of
from counterfoil.sync.mapping import default_mappings, with_links
from counterfoil.sync.names import words

R = TypeVar("R", RemoteTable, RemoteField)


class FieldEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to become of one column; what is left out stays as it is."""

    on: bool | UnsetType = UNSET
    field: str | UnsetType | None = UNSET  # the user's field, by id or name; null: one of our own name, made if need be
    label: str | UnsetType = UNSET  # the name of a field that is made
    writes: Writes | UnsetType = UNSET


class TableEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to become of one table; what is left out stays as it is."""

    on: bool | UnsetType = UNSET
    into: str | UnsetType | None = UNSET  # the user's table, by id or name; null: one of our own name, made if need be
    label: str | UnsetType = UNSET  # the name of a table that is made
    key: str | UnsetType | None = UNSET  # the user's text field that holds our ids
    fields: Mapping[str, FieldEdit] = {}


class SelectionEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of the rows goes there, and when; what is left out stays as it is."""

    accounts: tuple[str, ...] | UnsetType | None = UNSET  # by id or name; null: all, those to come too
    since: dt.date | UnsetType | None = UNSET
    removal: Removal | UnsetType = UNSET
    schedule: str | UnsetType | None = UNSET
    timezone: str | UnsetType = UNSET


class Edit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that a person may change about a destination, in one go."""

    tables: Mapping[str, TableEdit] = {}
    selection: SelectionEdit = SelectionEdit()


@dataclass(frozen=True, slots=True)
class Way:
    """One table's way to a destination as it shall be."""

    mapping: TableMapping
    enabled: bool


@dataclass(frozen=True, slots=True)
class Draft:
    """A destination as it shall be; `refused` names what of the edit makes no sense."""

    ways: Mapping[str, Way]
    selection: Selection
    touched: frozenset[str]  # tables that the edit names
    refused: tuple[Conflict, ...] = ()

    def enabled(self) -> list[TableMapping]:
        """Give the mappings that rows are written by, in dependency order."""
        return [self.ways[table].mapping for table in TABLES if table in self.ways and self.ways[table].enabled]


@dataclass(frozen=True, slots=True)
class Consequence:
    """What must be done to a table because its mapping changed, beside keeping it."""

    prepare: bool = False  # fields are to be made or found
    compare: bool = False  # rows are compared with what was last written
    look_back: bool = False  # the user's table is read: it may hold what we did not write
    anew: bool = False  # its rows go to another table: nothing is known of that one

    def __bool__(self) -> bool:
        return self.prepare or self.compare or self.look_back or self.anew


def draft(
    edit: Edit,
    targets: Mapping[str, Target],
    selection: Selection,
    *,
    schema: Schema,
    can_create: bool,
    accounts: Mapping[str, str],
) -> Draft:
    """Apply an edit to a destination as it is. `accounts` are the names of the accounts by key.

    Raises `BadRequest` for a table or an account that we do not have.
    """
    unknown = [table for table in edit.tables if table not in TABLES]
    if unknown:
        raise BadRequest(f"We have no table {unknown[0]!r}.", remedy=f"There are: {', '.join(TABLES)}.")
    selected = _select(edit.selection, selection, accounts)
    ways = {target.table: Way(target.mapping, target.enabled) for target in targets.values()}
    desk = _Desk(schema, can_create)
    for table in TABLES:  # each after those that it points to
        if table in edit.tables:
            ways[table] = desk.edited(table, edit.tables[table], ways)
    ways = {name: replace(way, mapping=_with_removal(way.mapping, selected.removal)) for name, way in ways.items()}
    for table, asked in edit.tables.items():
        mapping = desk.with_fields(ways[table].mapping, asked)
        ways[table] = Way(mapping, ways[table].enabled)
    enabled = [bound_by_name(way.mapping, schema) for way in ways.values() if way.enabled]
    linked = {mapping.table: mapping for mapping in with_links(enabled)}
    ways = {name: replace(way, mapping=linked.get(name, way.mapping)) for name, way in ways.items()}
    return Draft(ways, selected, frozenset(edit.tables), tuple(desk.refused))


def consequence(before: Target | None, after: TableMapping, *, enabled: bool) -> Consequence:
    """Say what a changed mapping asks for. Where nothing differs, nothing."""
    if before is None:
        return Consequence(prepare=True, compare=True, look_back=True)
    old = before.mapping
    moved_key = old.key_field.field_id != after.key_field.field_id
    if old.table_id and (old.table_id != after.table_id or moved_key):
        return Consequence(prepare=True, compare=True, look_back=True, anew=True)
    prepare = moved_key or old.table_id != after.table_id
    compare, look_back = prepare or (enabled and not before.enabled), prepare
    known = {mapped.column: mapped for mapped in old.fields}
    for mapped in after.fields:
        was = known.get(mapped.column)
        if was is None or was.field_id != mapped.field_id:
            prepare = compare = True
            look_back = look_back or bool(mapped.field_id)  # the user's field may hold something already
        elif was.writes is Writes.ONCE and mapped.writes is Writes.ALWAYS:
            compare = look_back = True  # what the user changed there is ours from now on
        elif was.to_table_id != mapped.to_table_id:
            compare = True
    return Consequence(prepare=prepare, compare=compare, look_back=look_back)


def selects_anew(before: Selection, after: Selection) -> bool:
    """Say whether other rows are wanted than before, or removed rows are treated otherwise."""
    return (before.accounts, before.since, before.removal) != (after.accounts, after.since, after.removal)


# --- tables and fields ---


@dataclass(slots=True)
class _Desk:
    """Works on one edit, and collects what of it makes no sense."""

    schema: Schema
    can_create: bool
    refused: list[Conflict] = field(default_factory=list)

    def edited(self, table: str, asked: TableEdit, ways: Mapping[str, Way]) -> Way:
        """Switch a table on or off, and send it to another of the user's tables."""
        chosen = {name for name, way in ways.items() if way.enabled} | {table}
        known = ways.get(table)
        mapping = known.mapping if known is not None else default_mappings(chosen)[_index(chosen, table)]
        enabled = asked.on if asked.on is not UNSET else known is None or known.enabled
        if asked.label is not UNSET:
            mapping = replace(mapping, label=asked.label)
        if asked.into is None:
            mapping = _unbound(mapping)
        elif asked.into is not UNSET:
            remote = _named(asked.into, self.schema.tables)
            if remote is None:
                there = ", ".join(f"“{one.name}”" for one in self.schema.tables) or "none"
                self._refuse("table_unknown", table, None, f"There is no table “{asked.into}”.", f"There are: {there}.")
            elif remote.id != mapping.table_id:
                mapping = match_fields(_aimed(_unbound(mapping), ways), remote, self.can_create)
        return Way(mapping, enabled)

    def with_fields(self, mapping: TableMapping, asked: TableEdit) -> TableMapping:
        """Change where columns go, which there are, and whose they are."""
        remote = table_of(mapping, self.schema)
        mapped = {one.column: one for one in mapping.fields}
        every = {one.column: one for one in default_mappings(TABLES)[list(TABLES).index(mapping.table)].fields}
        for column, edit in asked.fields.items():
            current = mapped.get(column) or every.get(column)
            if current is None:
                there = ", ".join(every)
                message = f"{mapping.label} has no column {column!r}."
                self._refuse("column_unknown", mapping.table, column, message, f"There are: {there}.")
            elif edit.on is False:
                mapped.pop(column, None)
            else:
                mapped[column] = self._placed(mapping.table, current, edit, remote)
        key_field = mapping.key_field
        if asked.key is not UNSET:
            key_field = self._placed(mapping.table, key_field, FieldEdit(field=asked.key), remote)
        order = [*every, REMOVED]
        fields = sorted(mapped.values(), key=lambda one: (not one.title, order.index(one.column)))
        return replace(mapping, key_field=key_field, fields=tuple(fields))

    def _placed(self, table: str, mapped: FieldMapping, edit: FieldEdit, remote: RemoteTable | None) -> FieldMapping:
        label = edit.label if edit.label is not UNSET else mapped.label
        writes = edit.writes if edit.writes is not UNSET else mapped.writes
        field_id = mapped.field_id
        if edit.field is None:
            field_id = ""
        elif edit.field is not UNSET:
            fields: Sequence[RemoteField] = remote.fields if remote is not None else ()
            found = _named(edit.field, fields)
            if found is None:
                there = ", ".join(f"“{one.name}”" for one in fields) or "none yet: the table is still to be made"
                name = f"“{remote.name}”" if remote is not None else "the table"
                message = f"There is no field “{edit.field}” in {name} for {mapped.label}."
                self._refuse("column_unknown", table, mapped.column, message, f"There are: {there}.")
            else:
                field_id = found.id
        return replace(mapped, label=label, writes=writes, field_id=field_id)

    def _refuse(self, code: str, table: str, column: str | None, message: str, remedy: str) -> None:
        self.refused.append(Conflict(code, table, column, message, remedy))


def _index(chosen: set[str], table: str) -> int:
    return [name for name in TABLES if name in chosen].index(table)


def _named(wanted: str, there: Sequence[R]) -> R | None:
    """Find by id, else by name, else by a name that reads the same and is the only one."""
    for one in there:
        if wanted == one.id:
            return one
    for one in there:
        if wanted.casefold().strip() == one.name.casefold().strip():
            return one
    alike = [one for one in there if words(one.name) == words(wanted)]
    return alike[0] if len(alike) == 1 else None


def _unbound(mapping: TableMapping) -> TableMapping:
    fields = tuple(replace(mapped, field_id="", to_table_id=None) for mapped in mapping.fields)
    return replace(mapping, table_id="", key_field=replace(mapping.key_field, field_id=""), fields=fields)


def _aimed(mapping: TableMapping, ways: Mapping[str, Way]) -> TableMapping:
    ids = {name: way.mapping.table_id or None for name, way in ways.items()}
    return replace(mapping, fields=tuple(replace(f, to_table_id=ids.get(f.to)) if f.to else f for f in mapping.fields))


def _with_removal(mapping: TableMapping, removal: Removal) -> TableMapping:
    """Give a table that marks removed rows a field for the mark, and no other table."""
    others = tuple(mapped for mapped in mapping.fields if mapped.column != REMOVED)
    if removal is not Removal.MARK:
        return replace(mapping, fields=others)
    if len(others) < len(mapping.fields):
        return mapping
    return replace(mapping, fields=(*others, FieldMapping(REMOVED, "Removed", Kind.FLAG, Writes.ALWAYS)))


# --- selection ---


def _select(edit: SelectionEdit, selection: Selection, accounts: Mapping[str, str]) -> Selection:
    asked = {name: getattr(edit, name) for name in edit.__struct_fields__ if getattr(edit, name) is not UNSET}
    if asked.get("accounts") is not None:
        asked["accounts"] = tuple(sorted(set(_account_keys(asked["accounts"], accounts))))
    return msgspec.structs.replace(selection, **asked)


def _account_keys(wanted: Sequence[str], accounts: Mapping[str, str]) -> Iterator[str]:
    for one in wanted:
        named = [key for key, name in accounts.items() if name.casefold() == one.casefold()]
        if one in accounts:
            yield one
        elif len(named) == 1:
            yield named[0]
        else:
            there = ", ".join(f"{name} ({key})" for key, name in accounts.items()) or "none yet"
            many = f"Several accounts are called {one!r}." if named else f"There is no account {one!r}."
            raise BadRequest(many, remedy=f"Name one of these, by name or id: {there}.")
