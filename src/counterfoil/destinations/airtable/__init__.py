"""Tables in an Airtable base."""

from counterfoil.destinations.airtable.consent import AirtableConsent
from counterfoil.destinations.airtable.destination import AirtableDestination
from counterfoil.destinations.airtable.settings import AirtableApp, AirtableSettings
from counterfoil.ports import DestinationSpec

SPEC = DestinationSpec(
    slug="airtable",
    label="Airtable",
    env="AIRTABLE",
    app=AirtableApp,
    settings=AirtableSettings,
    batch=100,
    open=AirtableDestination,
    pace=50.0,  # ten rows a request, five requests a second
    consent=AirtableConsent(),
    # https://community.airtable.com/t/upcoming-change-to-airtable-model-urls-in-scripting-custom-apps/43044
    row_url="https://airtable.com/{}/{}/{}".format,
)
