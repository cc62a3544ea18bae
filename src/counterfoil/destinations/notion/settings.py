"""What Notion is reached with: the deployment's registration, the user's token and page."""

import re
import uuid
from enum import StrEnum
from typing import Annotated, Any, Final
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from counterfoil.lib.budget import Budget
from counterfoil.lib.secrets import fingerprint

_PAGE_ID: Final = re.compile(r"[0-9a-f]{32}$")


def page_id_of(text: str) -> str:
    """Give the id of a page from an id or from the address of the page in the browser. Raises `ValueError`."""
    address = urlsplit(text.strip())
    # A page opened as a side peek has its id in `p`, after the address of the page it was opened from.
    candidates = [*parse_qs(address.query).get("p", []), address.path]
    for candidate in candidates:
        found = _PAGE_ID.search(candidate.rstrip("/").replace("-", "").lower())
        if found:
            return str(uuid.UUID(found.group()))
    raise ValueError("This is not the link or the id of a Notion page.")


def _separated(value: Any) -> Any:
    return value.split(",") if isinstance(value, str) else value


class Plan(StrEnum):
    """What the workspace may spend: https://developers.notion.com/reference/request-limits."""

    STANDARD = "standard"
    BUSINESS = "business"


# Requests per second, evenly. The published limit was an average of three per second, and is now a budget per minute by
# plan (180, or 600 on Business and Enterprise): an even pace keeps both.
_PACE: Final = {Plan.STANDARD: 3, Plan.BUSINESS: 10}


class NotionApp(BaseModel):
    """The deployment's side: COUNTERFOIL_NOTION_URL, and the public connection's id and secret where there is one."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    url: str = Field("https://api.notion.com", description="Notion's host")
    client_id: str = Field("", description="The OAuth client id of a public connection; only needed for OAuth")
    client_secret: SecretStr = Field(SecretStr(""), description="The OAuth client secret that belongs to it")
    lookup_waits: Annotated[tuple[float, float], BeforeValidator(_separated)] = Field(
        (4.0, 12.0), description="Seconds before each of the two looks for a row whose creation got no answer"
    )


class NotionSettings(BaseModel):
    """The user's side: a token, the page that takes the tables, and how the place is to be treated."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    token: SecretStr = Field(
        title="Token",
        min_length=1,
        description="The secret of an internal connection (ntn_…), from notion.so/profile/integrations.",
    )
    page_id: Annotated[str, AfterValidator(page_id_of)] = Field(
        title="Page",
        description="The link of the page that takes the tables. Add the connection to it first (••• > Connections).",
    )
    plan: Plan = Field(
        Plan.STANDARD, title="Notion plan", description="Business and Enterprise workspaces are written faster."
    )
    currency: str | None = Field(
        None,
        title="Currency sign",
        description="A code like USD or EUR, if all accounts are in it: new columns of amounts then show its sign.",
    )
    refresh_token: SecretStr | None = Field(
        None, title="Refresh token", description="Set by signing in with Notion; new with every use."
    )

    def budget(self) -> Budget:
        """Give the rate budget of the token."""
        return Budget(f"notion:{fingerprint(self.token.get_secret_value())}", _PACE[self.plan], 1.0)

    @property
    def in_flight(self) -> int:
        """How many requests may be on their way at once, so that slow answers do not slow the pace."""
        return 4 * _PACE[self.plan]
