"""The request bodies that the emulator accepts; a field that it does not know is refused, as Google does."""

from typing import Any, TypeVar

import msgspec

from counterfoil.destinations.google_sheets.sandbox.errors import invalid

T = TypeVar("T")


class Wire(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """A body that refuses unknown fields."""


class GridRange(Wire):
    sheet_id: int = 0
    start_row_index: int | None = None
    end_row_index: int | None = None
    start_column_index: int | None = None
    end_column_index: int | None = None


class GridCoordinate(Wire):
    sheet_id: int = 0
    row_index: int = 0
    column_index: int = 0


class DimensionRange(Wire):
    sheet_id: int = 0
    dimension: str = "DIMENSION_UNSPECIFIED"
    start_index: int | None = None
    end_index: int | None = None


class MetadataLocation(Wire):
    location_type: str | None = None
    spreadsheet: bool | None = None
    sheet_id: int | None = None
    dimension_range: DimensionRange | None = None


class Metadata(Wire):
    metadata_id: int | None = None
    metadata_key: str | None = None
    metadata_value: str = ""
    visibility: str | None = None
    location: MetadataLocation | None = None


class MetadataLookup(Wire):
    location_type: str | None = None
    metadata_location: MetadataLocation | None = None
    location_matching_strategy: str | None = None
    metadata_id: int | None = None
    metadata_key: str | None = None
    metadata_value: str | None = None
    visibility: str | None = None


class Selection(Wire):
    developer_metadata_lookup: MetadataLookup | None = None
    a1_range: str | None = msgspec.field(default=None, name="a1Range")
    grid_range: GridRange | None = None


class ExtendedValue(Wire):
    number_value: int | float | None = None
    string_value: str | None = None
    bool_value: bool | None = None
    formula_value: str | None = None


class Cell(Wire):
    user_entered_value: ExtendedValue | None = None
    user_entered_format: dict[str, Any] | None = None
    note: str | None = None


class Row(Wire):
    values: list[Cell] = []


class GridProperties(Wire):
    row_count: int | None = None
    column_count: int | None = None
    frozen_row_count: int | None = None
    frozen_column_count: int | None = None
    hide_gridlines: bool | None = None


class SheetProperties(Wire):
    sheet_id: int | None = None
    title: str | None = None
    index: int | None = None
    sheet_type: str | None = None
    grid_properties: GridProperties | None = None
    hidden: bool | None = None


class AddSheet(Wire):
    properties: SheetProperties = msgspec.field(default_factory=SheetProperties)


class DeleteSheet(Wire):
    sheet_id: int = 0


class UpdateSheetProperties(Wire):
    properties: SheetProperties
    fields: str


class BookProperties(Wire):
    title: str | None = None
    locale: str | None = None
    time_zone: str | None = None


class UpdateBookProperties(Wire):
    properties: BookProperties
    fields: str


class AppendDimension(Wire):
    dimension: str
    length: int
    sheet_id: int = 0


class InsertDimension(Wire):
    range: DimensionRange
    inherit_from_before: bool = False


class DeleteDimension(Wire):
    range: DimensionRange


class MoveDimension(Wire):
    source: DimensionRange
    destination_index: int = 0


class AppendCells(Wire):
    fields: str
    sheet_id: int = 0
    rows: list[Row] = []


class UpdateCells(Wire):
    fields: str
    rows: list[Row] = []
    start: GridCoordinate | None = None
    range: GridRange | None = None


class RepeatCell(Wire):
    range: GridRange
    cell: Cell
    fields: str


class SortSpec(Wire):
    dimension_index: int = 0
    sort_order: str = "ASCENDING"


class SortRange(Wire):
    range: GridRange
    sort_specs: list[SortSpec]


class CreateMetadata(Wire):
    developer_metadata: Metadata


class UpdateMetadata(Wire):
    data_filters: list[Selection]
    developer_metadata: Metadata
    fields: str


class DeleteMetadata(Wire):
    data_filter: Selection


class Editors(Wire):
    users: list[str] = []


class ProtectedRange(Wire):
    range: GridRange
    description: str = ""
    warning_only: bool = False
    editors: Editors = msgspec.field(default_factory=Editors)


class AddProtectedRange(Wire):
    protected_range: ProtectedRange


class SetValidation(Wire):
    range: GridRange
    rule: dict[str, Any] | None = None


class Edit(Wire):
    """One request of a batch: exactly one of these is set."""

    add_sheet: AddSheet | None = None
    delete_sheet: DeleteSheet | None = None
    update_sheet_properties: UpdateSheetProperties | None = None
    update_spreadsheet_properties: UpdateBookProperties | None = None
    append_dimension: AppendDimension | None = None
    insert_dimension: InsertDimension | None = None
    delete_dimension: DeleteDimension | None = None
    move_dimension: MoveDimension | None = None
    append_cells: AppendCells | None = None
    update_cells: UpdateCells | None = None
    repeat_cell: RepeatCell | None = None
    sort_range: SortRange | None = None
    create_developer_metadata: CreateMetadata | None = None
    update_developer_metadata: UpdateMetadata | None = None
    delete_developer_metadata: DeleteMetadata | None = None
    add_protected_range: AddProtectedRange | None = None
    set_data_validation: SetValidation | None = None


class BatchUpdate(Wire):
    requests: list[Edit] = []
    include_spreadsheet_in_response: bool = False
    response_ranges: list[str] = []
    response_include_grid_data: bool = False


class NewSheet(Wire):
    properties: SheetProperties = msgspec.field(default_factory=SheetProperties)


class NewBook(Wire):
    properties: BookProperties = msgspec.field(default_factory=BookProperties)
    sheets: list[NewSheet] = []


class Filters(Wire):
    """The bodies of getByDataFilter, developerMetadata:search and the values calls that select by filter."""

    data_filters: list[Selection] = []
    include_grid_data: bool = False
    major_dimension: str = "ROWS"
    value_render_option: str = "FORMATTED_VALUE"
    date_time_render_option: str = "SERIAL_NUMBER"


class ValueRange(Wire):
    range: str | None = None
    major_dimension: str = "ROWS"
    values: list[list[str | int | float | bool | None]] = []


class FilteredValueRange(Wire):
    data_filter: Selection
    major_dimension: str = "ROWS"
    values: list[list[str | int | float | bool | None]] = []


class BatchValues(Wire):
    """The bodies of values:batchUpdate and values:batchUpdateByDataFilter."""

    value_input_option: str | None = None
    data: list[dict[str, Any]] = []
    include_values_in_response: bool = False
    response_value_render_option: str = "FORMATTED_VALUE"
    response_date_time_render_option: str = "SERIAL_NUMBER"


class Ranges(Wire):
    """The body of values:batchClear."""

    ranges: list[str] = []


def decode(raw: bytes, shape: type[T]) -> T:
    """Decode a request body. Raises Google's 400 for a body or a field that it cannot read."""
    try:
        return msgspec.json.decode(raw or b"{}", type=shape)
    except msgspec.DecodeError as error:
        raise invalid(f"Invalid JSON payload received. {error}") from error
