"""Connectors: how near to the vendors' limits rows are written, and how few calls it takes to change some of many.

The product runs whole (engine, sync function, plan, mirror, connector) on SQLite; the vendor is emulated in another
process and enforces its documented limits. `python bench/connectors.py insert coda` measures one of them.
"""

import asyncio
import json
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from _measure import alone, at_least, at_most
from _stage import stage, transaction

EXISTING: Final = 100_000
CHANGED: Final = 100
TARGET: Final = 95  # per cent


@dataclass(frozen=True, slots=True)
class Vendor:
    """What the documented limits allow, and how the calls are told apart."""

    rows: int  # to insert
    floor: float | None  # seconds that the limits allow for them; None where only calls count
    writes: str  # regular expressions of "METHOD path"
    schema: str
    fewest: int  # writes for 100 changed rows
    most: int | None  # calls for them and their schema, where no look at the rows themselves is needed
    window: float  # seconds after which nothing that the preparation did counts any more


VENDORS: Final = {
    # 3 requests a second, one row each
    "notion": Vendor(
        300,
        100.0,
        r"(POST|PATCH) /v1/pages.*",
        r"GET /v1/(blocks|databases|data_sources)/.*|POST /v1/search",
        100,
        102,
        2,
    ),
    # 5 requests a second, ten rows each
    "airtable": Vendor(2_000, 40.0, r"(PATCH|POST) /v0/app\w+/tbl\w+", r"GET /v0/meta/.*", 10, 12, 2),
    # 10 requests in 6 seconds, 500 rows each; they may come at once, so one window's worth can be faster than this
    "coda": Vendor(5_000, 6.0, r"(POST|PUT|DELETE) .*/rows.*", r"GET .*/(tables|columns)", 1, None, 8),
    "google_sheets": Vendor(10_000, None, r"POST .*:batchUpdate", r"GET .*", 1, 3, 2),
}


async def insert(kind: str) -> dict[str, Any]:
    """Measure the first sync of many new rows."""
    vendor = VENDORS[kind]
    async with stage(kind) as product:
        await product.land([transaction(number) for number in range(vendor.rows)])
        return await _measured(product, vendor)


async def update(kind: str) -> dict[str, Any]:
    """Measure the sync of a few changed rows among many."""
    async with stage(kind) as product:
        await product.stand_already(EXISTING)
        step = EXISTING // CHANGED
        await product.land([transaction(number, cents=1) for number in range(0, EXISTING, step)])
        return await _measured(product, VENDORS[kind])


async def _measured(product: Any, vendor: Vendor) -> dict[str, Any]:
    await asyncio.sleep(vendor.window)
    product.vendor.forget()
    refused, cpu = product.vendor.refused(), time.process_time()
    took = await product.sync()
    cpu, done, calls = time.process_time() - cpu, await product.done(), product.vendor.calls()
    return {
        "seconds": took,
        "cpu": cpu,
        "refused": product.vendor.refused() - refused,
        "rows": done.created + done.updated,
        "calls": calls.total(),
        "writes": _matching(calls, vendor.writes),
        "schema": _matching(calls, vendor.schema),
    }


def _matching(calls: Counter[str], pattern: str) -> int:
    return sum(count for call, count in calls.items() if re.fullmatch(pattern, call))


def main() -> None:
    print("Inserting new rows with the vendors' documented limits enforced:")
    for kind, vendor in VENDORS.items():
        told = alone(__file__, "insert", kind)
        assert told["rows"] == vendor.rows, told
        name = f"{kind}, {vendor.rows:,} rows in {told['seconds']:.1f} s"
        if vendor.floor is None:
            print(at_most(name, told["calls"], 3, "calls"))
        else:
            print(at_least(name, 100 * vendor.floor / told["seconds"], TARGET, "% of it"))
        print(f"    {_calls(told)}; {told['cpu']:.1f} s of CPU")
    print(f"Updating {CHANGED} changed rows among {EXISTING:,}:")
    for kind, vendor in VENDORS.items():
        told = alone(__file__, "update", kind)
        assert told["rows"] == CHANGED, told
        print(at_most(f"{kind} in {told['seconds']:.1f} s", told["writes"], vendor.fewest, "writes"))
        if vendor.most is not None:
            print(at_most("  calls in all", told["calls"], vendor.most, "calls"))
        print(f"    {_calls(told)}; {told['cpu']:.1f} s of CPU")


def _calls(told: dict[str, Any]) -> str:
    looks = told["calls"] - told["writes"] - told["schema"]
    refused = f"{told['refused']} of them refused by the vendor's limits"
    return f"{told['writes']} writes, {told['schema']} schema reads, {looks} other reads, {refused}"


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure = {"insert": insert, "update": update}[sys.argv[1]]
        print(json.dumps(asyncio.run(measure(sys.argv[2]))))
    else:
        main()
