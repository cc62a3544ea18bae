"""Coda as a destination: rows of the user's doc, kept by upsert on the id column."""

from counterfoil.destinations.coda.destination import copy_template, open_coda
from counterfoil.destinations.coda.settings import CodaApp, CodaSettings
from counterfoil.ports import DestinationSpec

SPEC = DestinationSpec(
    slug="coda",
    label="Coda",
    env="CODA",
    app=CodaApp,
    settings=CodaSettings,
    batch=5_000,  # ten requests of 500 rows: what the rate class lets pass at once
    open=open_coda,
    pace=800.0,  # 500 rows a request, ten requests in six seconds
    can_create_tables=False,
    looks_first=True,
    # The row's browserLink, with ids in place of names: https://coda.io/developers/apis/v1#tag/Rows/operation/getRow
    row_url="https://coda.io/d/_d{}#_tu{}/_ru{}".format,
    extra={"copy_template": copy_template},
)
