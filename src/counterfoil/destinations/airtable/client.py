"""Calls to Airtable's Web API, within its limits, with its errors named by what must happen next.

https://airtable.com/developers/web/api/introduction
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from counterfoil.destinations.airtable.settings import AirtableApp, AirtableSettings
from counterfoil.destinations.airtable.tokens import Tokens
from counterfoil.destinations.airtable.types import (
    Bases,
    Deleted,
    FieldEntry,
    Records,
    Refused,
    TableEntry,
    Tables,
    refused,
)
from counterfoil.errors import ActionRequired, RetryLater
from counterfoil.lib.budget import Budget
from counterfoil.lib.http import Reply
from counterfoil.lib.secrets import fingerprint
from counterfoil.ports import Access

T = TypeVar("T")

BATCH: Final = 10  # records a write call may carry
_PAGE: Final = 100
_LOCKOUT: Final = 30.0  # seconds that Airtable stays closed after one request too many
_ITERATOR_GONE: Final = "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"


class IteratorGone(Exception):  # a turn of events, not a failure
    """A listing paused for too long: its offset is worth nothing any more."""


class Client:
    """One base through one token."""

    def __init__(self, access: Access) -> None:
        assert isinstance(access.app, AirtableApp) and isinstance(access.settings, AirtableSettings)
        self._http, self._tokens = access.http, Tokens(access)
        self._url = f"{access.app.url.rstrip('/')}/v0"
        self.base_id = access.settings.base_id
        token = fingerprint(access.settings.token.get_secret_value())
        # Strict: one call too many costs 30 seconds, as much as 150 calls.
        self._per_token = Budget(f"airtable token {token}", 50, 1.0, strict=True)
        self._per_base = Budget(f"airtable base {self.base_id}", 5, 1.0, strict=True)

    # --- schema ---

    async def bases(self, offset: str | None) -> Bases:
        """Read one page of the bases that the token can see."""
        params = {"offset": offset} if offset else {}
        reply = await self._send("GET", "/meta/bases", params=params, spend=(self._per_token,))
        return self._expect(reply, Bases)

    async def schema(self) -> Tables:
        """Read all tables with their columns, in one call."""
        return self._expect(await self._send("GET", f"/meta/bases/{self.base_id}/tables"), Tables)

    async def create_table(self, body: Mapping[str, Any]) -> TableEntry:
        """Make a table with its columns."""
        reply = await self._send("POST", f"/meta/bases/{self.base_id}/tables", json=body)
        return self._expect(reply, TableEntry)

    async def create_field(self, table_id: str, body: Mapping[str, Any]) -> FieldEntry:
        """Add a column."""
        reply = await self._send("POST", f"/meta/bases/{self.base_id}/tables/{table_id}/fields", json=body)
        return self._expect(reply, FieldEntry)

    # --- records ---

    async def page(self, table_id: str, fields: Sequence[str], offset: str | None) -> Records:
        """Read up to 100 records. Raises `IteratorGone` where the listing must start again."""
        params = [("pageSize", str(_PAGE)), ("returnFieldsByFieldId", "true")]
        params += [("fields[]", field) for field in fields]
        if offset:
            params.append(("offset", offset))
        reply = await self._send("GET", f"/{self.base_id}/{table_id}", params=params)
        if reply.status == 422 and offset and refused(reply).kind == _ITERATOR_GONE:
            raise IteratorGone
        return self._expect(reply, Records)

    async def matching(self, table_id: str, formula: str, field: str) -> Records:
        """Read the records for which a formula holds, with one field; a hundred at most."""
        body = {
            "filterByFormula": formula,
            "fields": [field],
            "pageSize": _PAGE,
            "returnFieldsByFieldId": True,
        }
        path = f"/{self.base_id}/{table_id}/listRecords"  # the formula is too long for an address
        return self._expect(await self._send("POST", path, json=body, repeatable=True), Records)

    async def upsert(self, table_id: str, key: str, records: Sequence[Any], *, typecast: bool) -> Records | Refused:
        """Write records by the key field: one match is updated, none creates, several are refused."""
        body = {"performUpsert": {"fieldsToMergeOn": [key]}, "records": records, "typecast": typecast}
        return await self._patch(table_id, body)

    async def update(self, table_id: str, records: Sequence[Any], *, typecast: bool) -> Records | Refused:
        """Change the given fields of records by id."""
        return await self._patch(table_id, {"records": records, "typecast": typecast})

    async def delete(self, table_id: str, record_ids: Sequence[str]) -> Deleted | Refused:
        """Remove records."""
        params = [("records[]", record_id) for record_id in record_ids]
        reply = await self._send("DELETE", f"/{self.base_id}/{table_id}", params=params)
        return reply.decode(Deleted) if reply.ok else refused(reply)

    async def _patch(self, table_id: str, body: Mapping[str, Any]) -> Records | Refused:
        body = {**body, "returnFieldsByFieldId": True}
        reply = await self._send("PATCH", f"/{self.base_id}/{table_id}", json=body)
        return reply.decode(Records) if reply.ok else refused(reply)

    # --- the wire ---

    async def _send(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Sequence[tuple[str, str]] | Mapping[str, str] | None = None,
        spend: Sequence[Budget] | None = None,
        repeatable: bool | None = None,
    ) -> Reply:
        """Send with the token; raises for everything that is not about the request itself."""
        renewed = False
        while True:
            token = await self._tokens.current()
            reply = await self._http.send(
                method,
                self._url + path,
                json=json,
                params=params,
                headers={"authorization": f"Bearer {token}"},
                spend=spend or (self._per_token, self._per_base),
                pause_on_429=_LOCKOUT,
                repeatable=repeatable,
                hopeless=_month_is_spent,
            )
            if reply.status != 401:
                break
            if renewed or not await self._tokens.after_refusal(token):
                raise _token_refused()
            renewed = True
        if reply.status == 429:
            raise _month_spent()
        if reply.status >= 500:
            # 503 and 504 may follow a write that was carried out: https://airtable.com/developers/web/api/errors
            raise RetryLater(f"Airtable is not available ({reply.status}).", after=15, fate_unknown=method != "GET")
        return reply

    def _expect(self, reply: Reply, shape: type[T]) -> T:
        if not reply.ok:
            raise refused(reply).action()
        return reply.decode(shape)


def _month_is_spent(reply: Reply) -> bool:
    return "BILLING_LIMIT" in refused(reply).kind


def _month_spent() -> ActionRequired:
    return ActionRequired(
        "monthly_limit",
        "Airtable's monthly number of API calls for this workspace is used up.",
        remedy="Wait until the month turns, or choose a larger plan for the workspace in Airtable.",
    )


def _token_refused() -> ActionRequired:
    return ActionRequired(
        "token_refused",
        "Airtable does not accept the token any more: it was deleted, replaced or has expired.",
        remedy="Make a new personal access token at airtable.com/create/tokens and enter it for this destination.",
    )
