"""Shows Prometheus how the installation fares: runs, syncs, rows written, vendor calls, webhooks."""

import hmac
from collections.abc import Iterable, Mapping

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from counterfoil.bootstrap import Product
from counterfoil.errors import NotThere
from counterfoil.lib.metrics import REGISTRY
from counterfoil.store import monitoring

router = APIRouter(include_in_schema=False)


@router.get("/metrics")
async def show_metrics(request: Request) -> Response:
    """Answer in Prometheus's text format; where a token is set, only to who sends it."""
    product: Product = request.app.state.product
    asked = product.settings.metrics_token
    if asked is not None and not _fits(request.headers.get("authorization", ""), asked.get_secret_value()):
        raise NotThere("There is nothing here.", remedy="Send `Authorization: Bearer <COUNTERFOIL_METRICS_TOKEN>`.")
    told = await product.db.read(monitoring.of_installation)
    runs = await product.engine.tally()
    stored = CollectorRegistry(auto_describe=False)
    stored.register(_Stored(told, runs))
    return Response(generate_latest(REGISTRY) + generate_latest(stored), media_type=CONTENT_TYPE_LATEST)


def _fits(header: str, token: str) -> bool:
    return hmac.compare_digest(header.encode(), f"Bearer {token}".encode())


class _Stored(Collector):
    """What the databases know, the same whichever process is asked."""

    def __init__(self, told: monitoring.Installation, runs: Mapping[tuple[str, str], int]) -> None:
        self._told = told
        self._runs = runs

    def collect(self) -> Iterable[Metric]:
        """Give each family with its samples."""
        told = self._told
        yield _family(GaugeMetricFamily, "runs", "Runs that are kept.", ("function", "state"), self._runs)
        yield _family(CounterMetricFamily, "syncs", "Syncs, by how they ended or stand.", ("state",), told.syncs)
        yield _family(
            CounterMetricFamily, "rows", "Rows written to destinations, and refused.", ("kind", "act"), told.rows
        )
        yield _family(
            GaugeMetricFamily, "connections", "Connections by state.", ("provider", "state"), told.connections
        )
        yield _family(GaugeMetricFamily, "destinations", "Destinations by state.", ("kind", "state"), told.destinations)


def _family(
    kind: type[GaugeMetricFamily] | type[CounterMetricFamily],
    name: str,
    about: str,
    labels: tuple[str, ...],
    values: Mapping[tuple[str], int] | Mapping[tuple[str, str], int],
) -> Metric:
    family = kind(f"counterfoil_{name}", about, labels=labels)
    for place, value in sorted(values.items()):
        family.add_metric(place, value)
    return family
