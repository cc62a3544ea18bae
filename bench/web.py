"""The pages: how soon each is answered and painted, what it weighs, what listeners cost, how soon the server is ready.

100,000 transactions, 50 connections and 50 destinations are served by `counterfoil serve` in a process of its own,
worker included. The pages are those that the application routes. First contentful paint needs Chromium.
"""

import asyncio
import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Final
from urllib.parse import quote

from fastapi.routing import APIRoute

from _bank import bank
from _full import Full, environ_of, fill
from _measure import at_most, middle, share
from _stage import vendor
from counterfoil.web.pages import ROUTERS

TIMES: Final = 30  # requests for each page
PAINTS: Final = 3  # visits to each page by a browser that knows nothing of the site yet
LISTENERS: Final = 1_000
STARTS: Final = 3
SERVER_MS: Final = 50
PAINT_MS: Final = 300
WEIGHT_KB: Final = 60
LISTENERS_MB: Final = 100
READY_MS: Final = 2_000
HELP_MS: Final = 250
# Pages that look at the vendor, who allows five calls a second: visited at a person's pace.
PAUSES: Final = {f"/destinations/{{destination_id}}/{page}": 0.5 for page in ("preview", "tables", "tables/{table}")}
SEARCHES: Final = (
    "/transactions?words=coffee",
    "/transactions?words=nothing+like+it",
    "/transactions?account=acc-7-checking&least=10",
    "/transactions?end=1",
    "/transactions?since=2025-06-01&until=2025-06-30&direction=out",
    "/syncs?state=partial",
)
COOKIE: Final = "counterfoil"
CHROMIUM: Final = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
_PART: Final = re.compile(r"{(\w+)(?::\w+)?}")
_LOADED: Final = re.compile(rb'(?:src|href)="(/static/[^"]+)"')


@dataclass(frozen=True, slots=True)
class Server:
    """The product as it is served, and how long it took to be ready."""

    port: int
    pid: int
    seconds: float

    def get(self, paths: Sequence[str], token: str, pause: float = 0) -> Iterator[tuple[int, str, bytes, float]]:
        """Ask for each path over one connection; give status, type, body as transferred, and seconds."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        for path in paths:
            time.sleep(pause)
            began = time.perf_counter()
            connection.request("GET", path, headers={"cookie": f"{COOKIE}={token}", "accept-encoding": "gzip"})
            reply = connection.getresponse()
            body = reply.read()
            yield reply.status, reply.getheader("content-type") or "", body, time.perf_counter() - began
        connection.close()

    def cpu_ms(self) -> float:
        """Give the CPU time that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mb(self) -> float:
        """Give the memory that it holds."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 1024**2


@contextmanager
def served(folder: Path, environ: Mapping[str, str]) -> Iterator[Server]:
    """Run `counterfoil serve` until the end of the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    known = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERFOIL_")}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "counterfoil", "serve", "--port", str(port)],
        env={**known, **environ, "COUNTERFOIL_DATA_DIR": str(folder), "COUNTERFOIL_LOG_LEVEL": "warning"},
        stderr=subprocess.DEVNULL,
    )
    try:
        while not _is_ready(port):
            time.sleep(0.01)
        yield Server(port, process.pid, time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait(30)


def _is_ready(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def addresses(full: Full) -> dict[str, str | None]:
    """Give the address of every page by its route, None where the installation has nothing for it."""
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    paths = sorted({route.path for route in routes if "GET" in (route.methods or ())})
    return {path: _address(path, full.ids) for path in paths} | {search: search for search in SEARCHES}


def _address(path: str, ids: Mapping[str, str]) -> str | None:
    names = _PART.findall(path)
    there = {name: ids.get(f"/{path.split('/')[1]}/{name}", ids.get(name)) for name in names}
    if None in there.values():
        return None
    return _PART.sub(lambda found: quote(there[found[1]] or "", safe=""), path)


def measure_pages(server: Server, full: Full) -> list[str]:
    """Print how soon each page is answered and what it weighs; give the addresses of those that are pages."""
    slowest, heaviest, first, found = [], [], [], []
    for path, address in addresses(full).items():
        if address is None:
            print(f"  {path:<46} was not asked for: _full.py makes no such thing")
            continue
        status, kind, body, cold = next(server.get([address], full.token))
        if status != 200 or not kind.startswith("text/html"):
            print(f"  {path:<46} is no page here: {status} {kind}")
            continue
        loaded = {found.decode() for found in _LOADED.findall(_unpacked(body))}
        weight = len(body) + sum(len(file) for _, _, file, _ in server.get(sorted(loaded), full.token))
        used = server.cpu_ms()
        asked = server.get([address] * TIMES, full.token, PAUSES.get(path, 0))
        late = 1000 * share([seconds for *_, seconds in asked], 95)
        used = (server.cpu_ms() - used) / TIMES
        mark = "" if late <= SERVER_MS and weight <= WEIGHT_KB * 1024 else "  <- over"
        figures = f"p95 {late:6.1f} ms, CPU {used:5.1f} ms, first {1000 * cold:6.1f} ms, {weight / 1024:4.1f} KB"
        print(f"  {path:<46} {figures}{mark}")
        slowest.append(late)
        heaviest.append(weight / 1024)
        first.append(1000 * cold)
        found.append(address)
    print(at_most(f"the slowest of {len(found)} pages, p95", max(slowest), SERVER_MS, "ms"))
    print(at_most("the heaviest page, with all that it loads", max(heaviest), WEIGHT_KB, "KB"))
    return found


def _unpacked(body: bytes) -> bytes:
    import gzip

    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


def measure_paint(server: Server, token: str, pages: Sequence[str]) -> None:
    """Print the first contentful paint of the slowest page, in a browser without a cache."""
    path = next((path for path in CHROMIUM if Path(path).exists()), None)
    if path is None:
        print("  first contentful paint was not measured: there is no Chromium (apt-get install chromium)")
        return
    from playwright.sync_api import sync_playwright

    here = f"http://127.0.0.1:{server.port}"
    # The pages allow no evaluation of strings, so a poll from outside waits for the entry.
    asked = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
    painted: dict[str, list[float]] = {page: [] for page in pages}
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=path) as browser:
        for page in [
            pages[0],
            *(page for _ in range(PAINTS) for page in pages),
        ]:
            with browser.new_context() as context:
                context.add_cookies([{"name": COOKIE, "value": token, "url": here}])
                tab = context.new_page()
                tab.goto(here + page, wait_until="load")
                while (at := tab.evaluate(asked)) is None:
                    tab.wait_for_timeout(20)
                painted[page].append(at)
    middles = {page: middle(found[-PAINTS:]) for page, found in painted.items()}
    slowest = max(middles, key=lambda page: middles[page])
    print(at_most("first contentful paint, all pages, p50", middle(list(middles.values())), PAINT_MS, "ms"))
    print(at_most(f"first contentful paint, {slowest[:18]}", middles[slowest], PAINT_MS, "ms"))


async def measure_listeners(server: Server, token: str) -> None:
    """Print what a thousand open pages that wait for news cost in memory."""
    before = server.resident_mb()
    request = f"GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {COOKIE}={token}\r\n\r\n".encode()
    opened = []
    for _ in range(LISTENERS):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request)
        await reader.readuntil(b"retry:")
        opened.append(writer)
    await asyncio.sleep(3)
    print(at_most(f"{LISTENERS:,} listeners, memory more", server.resident_mb() - before, LISTENERS_MB, "MB"))
    for writer in opened:
        writer.close()


def measure_help() -> float:
    """Give the milliseconds of `counterfoil --help`."""
    took = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run([Path(sys.executable).parent / "counterfoil", "--help"], stdout=subprocess.DEVNULL, check=True)
        took.append(1000 * (time.perf_counter() - began))
    return middle(took)


def main() -> None:
    """Measure and print."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 8_192), most))  # the server inherits it
    with tempfile.TemporaryDirectory(prefix="counterfoil-bench-") as name, bank() as source, vendor("airtable") as base:
        folder, environ = Path(name), environ_of(source, base)
        full = asyncio.run(fill(folder, source, base))
        print("Pages of a workspace with 100,000 transactions, 50 connections, 50 destinations:")
        ready = []
        for _ in range(STARTS - 1):
            with served(folder, environ) as server:
                ready.append(1000 * server.seconds)
        with served(folder, environ) as server:
            ready.append(1000 * server.seconds)
            pages = measure_pages(server, full)
            measure_paint(server, full.token, pages)
            asyncio.run(measure_listeners(server, full.token))
    print(at_most("serve is ready", middle(ready), READY_MS, "ms"))
    print(at_most("counterfoil --help", measure_help(), HELP_MS, "ms"))


if __name__ == "__main__":
    main()
