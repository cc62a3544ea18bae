"""What we read of Google's replies.

https://developers.google.com/workspace/sheets/api/reference/rest
"""

from decimal import Decimal
from typing import Any

import msgspec


class Wire(msgspec.Struct, frozen=True, rename="camel"):
    """A reply, or part of one; fields that are not named here are ignored."""


class Mark(Wire, frozen=True):
    """Developer metadata."""

    metadata_id: int
    metadata_key: str = ""
    metadata_value: str = ""


class Dimension(Wire, frozen=True):
    developer_metadata: tuple[Mark, ...] = ()


class Extended(Wire, frozen=True):
    string_value: str | None = None
    number_value: Decimal | None = None


class NumberFormat(Wire, frozen=True):
    type: str = ""
    pattern: str = ""


class CellFormat(Wire, frozen=True):
    number_format: NumberFormat | None = None


class Cell(Wire, frozen=True):
    effective_value: Extended | None = None
    user_entered_format: CellFormat | None = None


class Row(Wire, frozen=True):
    values: tuple[Cell, ...] = ()


class Block(Wire, frozen=True):
    """A piece of a grid."""

    start_row: int = 0
    start_column: int = 0
    row_data: tuple[Row, ...] = ()
    column_metadata: tuple[Dimension, ...] = ()


class GridProperties(Wire, frozen=True):
    row_count: int = 0
    column_count: int = 0
    frozen_row_count: int = 0


class SheetProperties(Wire, frozen=True):
    sheet_id: int = 0
    title: str = ""
    sheet_type: str = "GRID"
    grid_properties: GridProperties = GridProperties()


class Sheet(Wire, frozen=True):
    properties: SheetProperties = SheetProperties()
    developer_metadata: tuple[Mark, ...] = ()
    data: tuple[Block, ...] = ()


class SpreadsheetProperties(Wire, frozen=True):
    title: str = ""


class Spreadsheet(Wire, frozen=True):
    spreadsheet_id: str = ""
    properties: SpreadsheetProperties = SpreadsheetProperties()
    sheets: tuple[Sheet, ...] = ()


class Updated(Wire, frozen=True):
    spreadsheet_id: str
    replies: tuple[Any, ...] = ()


class ValueRange(Wire, frozen=True):
    values: tuple[msgspec.Raw, ...] = ()


class Matched(Wire, frozen=True):
    value_range: ValueRange = ValueRange()


class Values(Wire, frozen=True):
    value_ranges: tuple[Matched, ...] = ()


class File(Wire, frozen=True):
    id: str
    name: str = ""


class DriveUser(Wire, frozen=True):
    permission_id: str


class About(Wire, frozen=True):
    user: DriveUser


class Files(Wire, frozen=True):
    files: tuple[File, ...] = ()
    next_page_token: str = ""


class ErrorDetail(Wire, frozen=True):
    reason: str = ""


class Error(Wire, frozen=True):
    message: str = ""
    status: str = ""
    details: tuple[ErrorDetail, ...] = ()


class Failure(Wire, frozen=True):
    error: Error = Error()
