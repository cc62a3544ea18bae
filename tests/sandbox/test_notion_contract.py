"""The product's own calls to Notion, judged by the vendor's descriptions."""

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import NoReturn

import httpx2
import pytest
from pydantic import BaseModel

from contracts.samples import account, create, delete, everything, mappings, nasty_rows, transaction, update
from contracts.stage import Control, Hurried
from counterfoil.destinations.notion import SPEC, NotionApp, NotionSettings
from counterfoil.destinations.notion.sandbox import emulator
from counterfoil.lib.http import Http
from counterfoil.ports import Access, Destination, Link, TableMapping, Written
from counterfoil.sandbox.server import serving
from sandbox.notion_contract import Exchange, described, faults


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Recorder(httpx2.AsyncBaseTransport):
    """Notes what goes over the wire."""

    def __init__(self) -> None:
        self._wire = httpx2.AsyncHTTPTransport()
        self.exchanges: list[Exchange] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._wire.handle_async_request(request)
        received, sent = await response.aread(), await request.aread()
        self.exchanges.append(Exchange(request.method, request.url.path, sent, response.status_code, received))
        return response

    async def aclose(self) -> None:
        await self._wire.aclose()


@pytest.fixture
async def recorder() -> AsyncIterator[Recorder]:
    recorder = Recorder()
    yield recorder
    await recorder.aclose()


async def _unexpected(_settings: BaseModel) -> NoReturn:
    raise AssertionError("nothing to save")


@pytest.mark.anyio
async def test_the_products_own_calls_keep_to_the_descriptions(recorder: Recorder) -> None:
    vendor = emulator()
    vendor.limits.scale = None
    with serving(vendor) as served:
        url = served.urls["notion"]
        settings = NotionSettings.model_validate(vendor.credentials(url))
        app, http = NotionApp(url=url, lookup_waits=(0.0, 0.0)), Http(budgets=Hurried(), transport=recorder)
        await _every_call(SPEC.open(Access(http, app, settings, _unexpected)), Control(url))
        await http.aclose()
    if not os.environ.get("COUNTERFOIL_CONTRACTS"):
        print("did not run against the descriptions: COUNTERFOIL_CONTRACTS does not name their folder")
        return
    assert described(recorder.exchanges) >= 40
    assert faults(recorder.exchanges) == []


async def _every_call(destination: Destination, control: Control) -> None:
    """Make the destination send everything that it can send."""
    await destination.check()
    accounts, transactions, kinds = await destination.prepare([*mappings("accounts", "transactions"), everything()])
    (written,) = await destination.write(accounts, [create(accounts, "acc-1", account(1))])
    assert isinstance(written, Written)
    link = Link("acc-1", written.remote_id, "Account 1")
    control.act("answer_next", code="gateway_timeout", saved=True, times=2, method="POST", path="/v1/pages")
    rows = [create(transactions, f"tx-{n}", transaction(n, link)) for n in range(1, 9)]
    ids = {one.key: one.remote_id for one in await destination.write(transactions, rows) if isinstance(one, Written)}
    changes = [update("tx-1", {"merchant": None}, remote_id=ids["tx-1"]), delete("tx-2", ids["tx-2"])]
    await destination.write(transactions, changes)
    await destination.write(kinds, [create(kinds, key, cells) for key, cells in nasty_rows(link).items()])
    await destination.prepare([_without_merchant(transactions, control)])
    await destination.describe()
    assert len([row async for row in destination.read(transactions)]) == 7
    control.close()


def _without_merchant(table: TableMapping, control: Control) -> TableMapping:
    """Delete a column, and give the mapping that has it made again."""
    control.act("delete_field", table=table.table_id, field="Merchant")
    fields = (replace(field, field_id="") if field.column == "merchant" else field for field in table.fields)
    return replace(table, fields=tuple(fields))
