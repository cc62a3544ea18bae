"""Shapes that several nouns share, and how our values are written as JSON."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints, WithJsonSchema


def _text_alone(value: object) -> object:
    if isinstance(value, int | float):
        raise ValueError("An amount is sent as text, with all its digits.")
    return value


# Exact: JSON's numbers lose digits in most languages.
Exact = Annotated[
    Decimal,
    PlainSerializer(lambda value: format(value, "f"), return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "examples": ["-12.50"]}),
]
# Held to what the description says: a JSON number may have lost digits, and 0.0 is no answer to yes or no.
ExactSent = Annotated[Exact, BeforeValidator(_text_alone)]
Flag = Annotated[bool, Field(strict=True)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


class Shape(BaseModel):
    """An answer that is made from one of our own values."""

    model_config = ConfigDict(from_attributes=True)


class Order(BaseModel):
    """What a request asks for; a field that is not known is refused."""

    model_config = ConfigDict(extra="forbid")


class Need(Shape):
    """What a person must mend."""

    code: str = Field(description="stable and machine-readable", examples=["item_login_required"])
    message: str = Field(description="what is wrong, in plain words")
    remedy: str = Field(description="what to do, in plain words")


class Asked(BaseModel):
    """The work was asked for; it goes on behind."""

    event_id: str = Field(description="the event: `GET /v1/events/{event_id}` tells which runs it started")


class Kind(BaseModel):
    """What a connector asks for."""

    slug: str
    label: str
    settings: dict[str, Any] = Field(description="JSON Schema of the settings to be sent")


def moment(milliseconds: int) -> dt.datetime:
    """Give the time that so many milliseconds since 1970 mean."""
    return dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(milliseconds=milliseconds)


def maybe_moment(milliseconds: int | None) -> dt.datetime | None:
    """Give the time, where there is one."""
    return None if milliseconds is None else moment(milliseconds)
