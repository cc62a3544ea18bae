"""What Coda is reached with: the deployment's address and waits, the user's token and doc."""

import re
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

_DOC_LINK: Final = re.compile(r"https://coda\.io/d/[^/?#]*_d([\w-]{10})(?:[/?#].*)?")


class CodaApp(BaseModel):
    """The deployment's side: COUNTERFOIL_CODA_URL, COUNTERFOIL_CODA_TEMPLATE_DOC_ID and the waits."""

    model_config = ConfigDict(frozen=True)

    url: str = Field("https://coda.io", description="Coda's host")
    template_doc_id: str | None = Field(default=None, description="A doc with all tables, copied for new users.")
    first_look: float = Field(
        default=0.1,
        description="Seconds before the first look at a queued edit; twice as long before each further one.",
    )
    patience: float = Field(default=90.0, description="Seconds that one queued edit may take before it is looked up.")
    settle: float = Field(
        default=15.0, description="Seconds to wait before a row whose reply was lost may be created again."
    )


class CodaSettings(BaseModel):
    """The user's side."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    token: str = Field(
        repr=False,
        title="API token",
        description="From coda.io/account, API settings: Generate API token.",
        json_schema_extra={"format": "password"},
    )
    doc_id: str = Field(title="Doc", description="The doc's link as the browser shows it, or its id.")

    @field_validator("token", "doc_id", mode="before")
    @classmethod
    def _trimmed(cls, value: Any) -> Any:
        return value.strip() if isinstance(value, str) else value

    @field_validator("doc_id")
    @classmethod
    def _id_of_link(cls, value: str) -> str:
        """Take the id out of a link of the usual form; other links are resolved by Coda itself."""
        link = _DOC_LINK.fullmatch(value)
        return link[1] if link else value
