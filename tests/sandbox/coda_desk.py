"""What the tests of the Coda emulator stand on: a caller that notes what was said, and has it judged at the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from contracts.stage import Control
from counterfoil.destinations.coda.sandbox import emulator
from counterfoil.sandbox.kit import Emulator
from counterfoil.sandbox.server import serving
from sandbox.coda_contract import Exchange, at_hand, faults


class Desk:
    """Calls the emulator as the owner of the token; paths begin behind `/apis/v1`."""

    def __init__(self, url: str, served: Emulator) -> None:
        self.url, self.emulator = url, served
        self.credentials = served.credentials(url)
        self.doc = f"/docs/{self.credentials['doc_id']}"
        self.sheet = ""  # the path of the table that `make_sheet` made
        self.control = Control(url)
        self.exchanges: list[Exchange] = []
        self._client = httpx2.Client(
            base_url=f"{url}/apis/v1",
            headers={"authorization": f"Bearer {self.credentials['token']}"},
            event_hooks={"response": [self._note]},
        )

    def _note(self, response: httpx2.Response) -> None:
        self.exchanges.append(exchange(response.request, response.status_code, response.read()))

    def act(self, action: str, **body: Any) -> Any:
        """Do what a user or the vendor could do."""
        return self.control.act(action, **body)

    def call(self, method: str, path: str, body: Any = None, *, status: int = 200, **options: Any) -> Any:
        """Give the body of a call that answers that status."""
        reply = self._client.request(method, path, json=body, **options)
        assert reply.status_code == status, f"{method} {path}: {reply.status_code} {reply.text}"
        return reply.json()

    def get(self, path: str, *, status: int = 200, latest: bool = False, **params: Any) -> Any:
        """Read; with `latest` the state of this moment or a refusal."""
        headers = {"X-Coda-Doc-Version": "latest"} if latest else {}
        return self.call("GET", path, status=status, params=params, headers=headers)

    def make_sheet(self) -> None:
        """Let the user make a table with a column of most formats."""
        fields = [
            {"name": "Name"},
            {"name": "Amount", "type": "currency"},
            {"name": "Day", "type": "date"},
            {"name": "Kind", "type": "select"},
            {"name": "Account", "type": "lookup", "to": "Accounts"},
            {"name": "Site", "type": "link"},
            {"name": "Done", "type": "checkbox"},
        ]
        self.sheet = f"{self.doc}/tables/{self.act('add_table', name='Sheet', fields=fields)['id']}"

    def upsert(self, *rows: dict[str, Any], keys: list[str] | None = None, status: int = 202, raw: bool = False) -> Any:
        """Insert rows into the sheet, given by column name; with keys, update those that match."""
        edits = [{"cells": [{"column": name, "value": value} for name, value in row.items()]} for row in rows]
        body: dict[str, Any] = {"rows": edits}
        if keys is not None:
            body["keyColumns"] = keys
        params = {"disableParsing": "true"} if raw else {}
        return self.call("POST", f"{self.sheet}/rows", body, status=status, params=params)

    def rows(self, **params: Any) -> list[dict[str, Any]]:
        """Give the first page of the sheet's rows, values by column name."""
        found: list[dict[str, Any]] = self.get(f"{self.sheet}/rows", useColumnNames="true", **params)["items"]
        return found

    def close(self) -> None:
        """Hang up."""
        self._client.close()
        self.control.close()


def exchange(request: httpx2.Request, status: int, got: bytes) -> Exchange:
    """Note one call."""
    names = tuple(name for name, _ in request.url.params.multi_items())
    return Exchange(request.method, request.url.path, names, request.content, status, got)


@contextmanager
def open_desk() -> Iterator[Desk]:
    """Serve an emulator without delay and limits; at the end, judge what was said where the description is at hand."""
    made = emulator(delay=0.0)
    made.limits.scale = None
    with serving(made) as served:
        desk = Desk(served.urls["coda"], made)
        desk.make_sheet()
        yield desk
        desk.close()
    if at_hand():
        assert faults(desk.exchanges) == []
    else:
        print("did not run against the description: COUNTERFOIL_CONTRACTS does not name its folder")
