"""Finds rows by our key, for creations whose fate is not known."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from counterfoil.destinations.notion import wire
from counterfoil.destinations.notion.client import Client, paging
from counterfoil.destinations.notion.refusals import Refused

_CHUNK: Final = 100  # conditions in one filter


@dataclass(slots=True)
class Lookup:
    """Looks into the id column of one table; `key_type` is that column's type."""

    client: Client
    source_id: str
    key_id: str
    key_type: str
    _me: list[wire.User] = field(default_factory=list)

    async def settle(self, keys: Iterable[str], waits: Sequence[float]) -> dict[str, str]:
        """Give the ids of the rows that hold these keys, looking once after each wait.

        A query does not see a new row at once, so a key counts as absent only after the last look. Where two of our own
        rows hold one key, the older one stays and the other goes to the trash.
        """
        missing, found = set(keys), dict[str, str]()
        for wait in waits:
            if not missing:
                break
            await asyncio.sleep(wait)
            for key, pages in (await self._look(sorted(missing))).items():
                found[key] = await self._single(pages)
            missing -= found.keys()
        return found

    async def _look(self, keys: Sequence[str]) -> Mapping[str, list[wire.Page]]:
        found: dict[str, list[wire.Page]] = defaultdict(list)
        for start in range(0, len(keys), _CHUNK):
            chunk = keys[start : start + _CHUNK]
            same = [{"property": self.key_id, self.key_type: {"equals": key}} for key in chunk]
            for page in await self._query({"or": same}):
                value = page.value(self.key_id)
                key = wire.plain(value.rich_text or value.title) if value else ""
                if key in chunk and not page.in_trash:  # the vendor may compare less strictly than we do
                    found[key].append(page)
        return found

    async def _query(self, condition: Mapping[str, Any]) -> list[wire.Page]:
        path, only = f"/data_sources/{self.source_id}/query", [("filter_properties", self.key_id)]
        pages: list[wire.Page] = []
        cursor: str | None = None
        while True:
            body = {"filter": condition, **paging(cursor)}
            listing = await self.client.ask(path, body, wire.Listing[wire.Page], params=only)
            pages += listing.results
            cursor = listing.next_cursor
            if not listing.has_more or cursor is None:
                return pages

    async def _single(self, pages: list[wire.Page]) -> str:
        """Choose the row that stays; trash its doubles, but only those that we made: a person's copy is theirs."""
        if len(pages) == 1:
            return pages[0].id
        me = await self._whoami()

        def made_by_us(page: wire.Page) -> bool:
            return me.type == "bot" and page.created_by is not None and page.created_by.id == me.id

        # Creation times are whole minutes: within one, ours comes before a copy of it.
        stays, *doubles = sorted(pages, key=lambda page: (page.created_time, not made_by_us(page), page.id))
        for double in filter(made_by_us, doubles):
            await self._trash(double.id)
        return stays.id

    async def _whoami(self) -> wire.User:
        if not self._me:
            self._me.append(await self.client.get("/users/me", wire.User))
        return self._me[0]

    async def _trash(self, page_id: str) -> None:
        try:
            await self.client.update(f"/pages/{page_id}", {"in_trash": True}, wire.Reference)
        except Refused as refused:
            if refused.status != 404:
                raise
