"""Every connector by slug, one line each."""

from collections.abc import Mapping
from typing import Final

from counterfoil.destinations.airtable import SPEC as AIRTABLE
from counterfoil.destinations.coda import SPEC as CODA
from counterfoil.destinations.google_sheets import SPEC as GOOGLE_SHEETS
from counterfoil.destinations.notion import SPEC as NOTION
from counterfoil.ports import DestinationSpec, ProviderSpec
from counterfoil.providers.plaid import SPEC as PLAID
from counterfoil.providers.stripe import SPEC as STRIPE

PROVIDERS: Final[Mapping[str, ProviderSpec]] = {
    PLAID.slug: PLAID,
    STRIPE.slug: STRIPE,
}
DESTINATIONS: Final[Mapping[str, DestinationSpec]] = {
    NOTION.slug: NOTION,
    AIRTABLE.slug: AIRTABLE,
    CODA.slug: CODA,
    GOOGLE_SHEETS.slug: GOOGLE_SHEETS,
}
