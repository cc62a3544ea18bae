"""What this process counts about itself, for Prometheus: names and numbers, never an id and never bank data."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.process_collector import ProcessCollector

REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

VENDOR_CALLS: Final = Counter(
    "counterfoil_vendor_calls",
    "Requests that left for a vendor, by what came back: the status, or lost.",
    ("host", "status"),
    registry=REGISTRY,
)
WEBHOOK_SECONDS: Final = Histogram(
    "counterfoil_webhook_seconds",
    "From a webhook's first byte to its answer, by provider and outcome: taken or refused.",
    ("provider", "outcome"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    registry=REGISTRY,
)
