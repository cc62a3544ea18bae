"""What Prometheus is shown: numbers of everything, and nothing that belongs to somebody."""

import dataclasses

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from counterfoil.lib.http import Http
from counterfoil.web.app import create_app_for
from web.api.desk import Desk

pytestmark = pytest.mark.anyio


async def scraped(at: Desk) -> dict[str, dict[tuple[str, ...], float]]:
    """Give every sample by name and label values, in the order of the labels' names."""
    reply = await at.site.client().get("/metrics")
    assert reply.status_code == 200 and reply.headers["content-type"].startswith("text/plain")
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(reply.text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


async def test_runs_syncs_and_rows_are_counted_by_kind_and_state(at: Desk) -> None:
    await at.add_ledger()
    at.ledgers["book"].rejects = lambda change: "Too odd." if change.key == "t001" else None
    await at.connect(transactions=4)
    told = await scraped(at)
    assert told["counterfoil_runs"][("sync-connection", "succeeded")] == 1
    assert told["counterfoil_syncs_total"][("done",)] == 2
    assert told["counterfoil_rows_total"][("created", "ledger")] == 4  # an account and three transactions
    assert told["counterfoil_rows_total"][("rejected", "ledger")] == 1
    assert told["counterfoil_connections"] == {("plaid", "active"): 1}
    assert told["counterfoil_destinations"] == {("ledger", "active"): 1}
    assert "process_resident_memory_bytes" in told


async def test_paused_runs_are_told_apart_from_those_that_wait_for_their_time(at: Desk) -> None:
    connection = await at.connect()
    admin = await at.caller()
    await admin.post("/functions/sync-connection/pause")
    await admin.post(f"/connections/{connection}/refresh")
    assert (await scraped(at))["counterfoil_runs"][("sync-connection", "paused")] == 1
    await admin.post("/functions/sync-connection/resume")


async def test_vendor_calls_are_counted_by_host_and_answer_and_lost_ones_too(at: Desk) -> None:
    answers: list[httpx2.Response | Exception] = [
        httpx2.Response(429, headers={"retry-after": "0"}),
        httpx2.Response(200),
        httpx2.ConnectError("away"),
    ]

    def answer(request: httpx2.Request) -> httpx2.Response:
        told = answers.pop(0)
        if isinstance(told, Exception):
            raise told
        return told

    http = Http(transport=httpx2.MockTransport(answer), backoff=lambda _attempt: 0.0)
    await http.send("GET", "https://vendor.example/v1/secret-path?token=secret")
    with pytest.raises(Exception, match="lost"):
        await http.send("POST", "https://vendor.example/v1/x")
    calls = (await scraped(at))["counterfoil_vendor_calls_total"]
    assert {calls[("vendor.example", status)] for status in ("429", "200", "lost")} == {1.0}


async def test_webhooks_are_timed_and_no_visitor_makes_up_a_provider(at: Desk) -> None:
    client = at.site.client()
    await client.post("/webhooks/plaid", content=b"{}")
    await client.post("/webhooks/made-up-by-a-visitor", content=b"{}")
    told = (await scraped(at))["counterfoil_webhook_seconds_count"]
    assert told[("refused", "plaid")] >= 1 and told[("refused", "unknown")] >= 1
    assert not any("made-up" in "".join(labels) for labels in told)


async def test_nothing_of_anybody_is_shown(at: Desk) -> None:
    destination, connection = await at.add_ledger("private-book"), await at.connect("private-login", transactions=2)
    text = (await at.site.client().get("/metrics")).text
    for secret in (destination, connection, at.workspace_id, "private", "Checking", "t001", "secret"):
        assert secret not in text, secret
    ours = [line for line in text.splitlines() if line.startswith("counterfoil_")]
    assert ours and not any("1.5" in line.split()[0] for line in ours)  # an amount, among what a figure is told of


async def test_where_a_token_is_set_only_who_sends_it_is_shown_anything(at: Desk) -> None:
    settings = at.product.settings.model_copy(update={"metrics_token": SecretStr("prometheus")})
    app = create_app_for(dataclasses.replace(at.product, settings=settings))
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://counterfoil.test") as client:
            for header, status in (("", 404), ("Bearer wrong", 404), ("Bearer prometheus", 200)):
                assert (await client.get("/metrics", headers={"authorization": header})).status_code == status
