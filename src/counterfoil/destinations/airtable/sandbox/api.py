"""The emulated Airtable's HTTP side: routes, tokens, limits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from counterfoil.destinations.airtable.sandbox import refusals
from counterfoil.destinations.airtable.sandbox.actions import Actions
from counterfoil.destinations.airtable.sandbox.oauth import SCOPES, OAuth
from counterfoil.destinations.airtable.sandbox.records import BATCH, PAGE, Listing, Records
from counterfoil.destinations.airtable.sandbox.schema import create_field, create_table, rename_field
from counterfoil.destinations.airtable.sandbox.store import Base, Ids, Table
from counterfoil.sandbox.consent import ask
from counterfoil.sandbox.kit import Clock, Emulator, Json, Refusal
from counterfoil.sandbox.limits import Limits

PER_BASE: Final = 5  # requests a second, on every plan
PER_USER: Final = 50  # requests a second over all of a user's tokens
LOCKOUT: Final = 30.0  # seconds after one request too many
_MAX_URL: Final = 16_000
_WORKSPACE: Final = "wspEmulated000000"


@dataclass(slots=True)
class Airtable:
    """One emulated account: a personal access token, an OAuth integration, its bases."""

    token: str
    oauth: OAuth
    ids: Ids
    clock: Clock
    limits: Limits
    records: Records
    bases: list[Base]
    user: str
    monthly_calls: int | None = None  # what the plan allows; None for no limit
    spent_calls: int = 0
    revoked: bool = False
    read_only: bool = False

    def admit(self, request: Request, scope: str | None) -> None:
        """Check the token and what it may do, and count the call against the user's limit."""
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        scopes = SCOPES if given == self.token else self.oauth.scopes(given)
        if scopes is None or self.revoked:
            raise refusals.unauthenticated()
        if self.limits.take(f"user {self.user}", PER_USER, 1.0, lockout=LOCKOUT) is not None:
            raise refusals.too_many_requests()
        if scope is not None and (scope not in scopes or (self.read_only and scope.endswith(":write"))):
            raise refusals.missing_scope()

    def base(self, request: Request) -> Base:
        """Give the base of the path, counted against its limit."""
        base_id = request.path_params["base"]
        if self.limits.take(f"base {base_id}", PER_BASE, 1.0, lockout=LOCKOUT) is not None:
            raise refusals.too_many_requests()
        for base in self.bases:
            if base.id == base_id and base.shared:
                return base
        raise refusals.not_allowed()

    def table(self, request: Request) -> tuple[Base, Table]:
        """Give base and table of the path."""
        base = self.base(request)
        table = base.find(request.path_params["table"])
        if table is None:
            raise refusals.not_allowed()
        return base, table

    def count(self) -> None:
        """Count a call on records against the month's allowance."""
        self.spent_calls += 1
        if self.monthly_calls is not None and self.spent_calls > self.monthly_calls:
            raise refusals.over_the_monthly_limit()


@dataclass(slots=True)
class Api:
    """The handlers."""

    state: Airtable

    def routes(self) -> list[BaseRoute]:
        """Give the routes; the vendor's JavaScript client adds a slash to some of them."""
        tables, rows = "/v0/meta/bases/{base}/tables", "/v0/{base}/{table}"
        found: list[BaseRoute] = [
            Route("/oauth2/v1/authorize", self.authorize, methods=["GET", "POST"]),
            Route("/oauth2/v1/token", self.token, methods=["POST"]),
        ]
        for path, method, handler in (
            ("/v0/meta/whoami", "GET", self.whoami),
            ("/v0/meta/bases", "GET", self.list_bases),
            ("/v0/meta/bases", "POST", self.create_base),
            (tables, "GET", self.read_schema),
            (tables, "POST", self.create_table),
            (tables + "/{table}", "PATCH", self.rename_table),
            (tables + "/{table}/fields", "POST", self.create_field),
            (tables + "/{table}/fields/{field}", "PATCH", self.rename_field),
            (rows + "/listRecords", "POST", self.list_by_post),
            (rows, "GET", self.list_by_get),
            (rows, "POST", self.create_records),
            (rows, "PATCH", self.change_records),
            (rows, "PUT", self.change_records),
            (rows, "DELETE", self.delete_records),
            (rows + "/{row}", "GET", self.one_record),
            (rows + "/{row}", "PATCH", self.change_one),
            (rows + "/{row}", "PUT", self.change_one),
            (rows + "/{row}", "DELETE", self.delete_one),
        ):
            found += [Route(spelling, handler, methods=[method]) for spelling in (path, path + "/")]
        return found

    # --- who and where ---

    async def authorize(self, request: Request) -> Response:
        """Show the consent page, and send the browser back with the answer. The bases that are ticked are shared."""
        query, bases = request.query_params, self.state.bases
        self.state.oauth.check(query)

        def allow(ticked: Sequence[str]) -> str:
            for base in bases:
                base.shared = base.id in ticked
            return self.state.oauth.consent(query)

        return await ask(request, "Airtable", {base.id: f"The base {base.name}" for base in bases}, allow)

    async def token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        return Json(self.state.oauth.token(form, request.headers.get("authorization", "")))

    async def whoami(self, request: Request) -> Response:
        self.state.admit(request, None)
        given = request.headers["authorization"].removeprefix("Bearer ")
        scopes = self.state.oauth.scopes(given)
        return Json({"id": self.state.user} | ({"scopes": list(scopes)} if scopes else {}))

    async def list_bases(self, request: Request) -> Response:
        self.state.admit(request, "schema.bases:read")
        level = "read" if self.state.read_only else "create"
        shared = [base for base in self.state.bases if base.shared]
        return Json({"bases": [{"id": base.id, "name": base.name, "permissionLevel": level} for base in shared]})

    # --- schema ---

    async def create_base(self, request: Request) -> Response:
        self.state.admit(request, "schema.bases:write")
        body = await _json(request)
        if body.get("workspaceId") != _WORKSPACE:
            raise refusals.not_allowed()
        base = Base(self.state.ids.new("app"), str(body.get("name")))
        for table in body.get("tables", ()):
            create_table(base, self.state.ids, table)
        self.state.bases.append(base)
        return Json({"id": base.id, "tables": [table.shown() for table in base.tables]})

    async def read_schema(self, request: Request) -> Response:
        self.state.admit(request, "schema.bases:read")
        return Json({"tables": [table.shown() for table in self.state.base(request).tables]})

    async def create_table(self, request: Request) -> Response:
        self.state.admit(request, "schema.bases:write")
        return Json(create_table(self.state.base(request), self.state.ids, await _json(request)).shown())

    async def rename_table(self, request: Request) -> Response:
        self.state.admit(request, "schema.bases:write")
        _, table = self.state.table(request)
        body = await _json(request)
        table.name, table.description = body.get("name", table.name), body.get("description", table.description)
        return Json(table.shown())

    async def create_field(self, request: Request) -> Response:
        self.state.admit(request, "schema.bases:write")
        base, table = self.state.table(request)
        return Json(create_field(base, table, self.state.ids, await _json(request)).shown())

    async def rename_field(self, request: Request) -> Response:
        self.state.admit(request, "schema.bases:write")
        _, table = self.state.table(request)
        column = table.find(request.path_params["field"])
        if column is None:
            raise refusals.not_found()
        return Json(rename_field(table, column, await _json(request)).shown())

    # --- records ---

    async def list_by_get(self, request: Request) -> Response:
        if len(str(request.url)) > _MAX_URL:
            raise refusals.refusal(414, "URI_TOO_LONG")
        query = request.query_params
        sort: list[dict[str, str]] = []
        while (name := query.get(f"sort[{len(sort)}][field]")) is not None:
            sort.append({"field": name, "direction": query.get(f"sort[{len(sort)}][direction]", "asc")})
        body: dict[str, Any] = dict(query) | {"fields": query.getlist("fields[]"), "sort": sort}
        return await self._list(request, body)

    async def list_by_post(self, request: Request) -> Response:
        return await self._list(request, dict(request.query_params) | await _json(request))

    async def _list(self, request: Request, body: dict[str, Any]) -> Response:
        _, table = self._open(request, "data.records:read")
        maximum = body.get("maxRecords")
        wanted = Listing(
            body.get("fields", ()),
            body.get("filterByFormula", ""),
            [(one["field"], one.get("direction") == "desc") for one in body.get("sort", ())],
            int(body.get("pageSize", PAGE)),
            int(maximum) if maximum is not None else None,
            _true(body.get("returnFieldsByFieldId")),
        )
        return Json(self.state.records.page(table, wanted, body.get("offset")))

    async def create_records(self, request: Request) -> Response:
        base, table = self._open(request, "data.records:write")
        body = await _json(request)
        single = "records" not in body
        given = [body] if single else _batch(body)
        rows = self.state.records.create(base, table, given, typecast=_true(body.get("typecast")))
        shown = [self.state.records.shown(table, row, by_id=_by_id(request, body)) for row in rows]
        return Json(shown[0] if single else {"records": shown})

    async def change_records(self, request: Request) -> Response:
        base, table = self._open(request, "data.records:write")
        body = await _json(request)
        given, records = _batch(body), self.state.records
        typecast, replace = _true(body.get("typecast")), request.method == "PUT"
        answer: dict[str, Any] = {}
        if "performUpsert" in body:
            merge_on = (body["performUpsert"] or {}).get("fieldsToMergeOn")
            rows, created = records.upsert(base, table, given, merge_on, typecast=typecast, replace=replace)
            answer = {"updatedRecords": [row.id for row in rows if row.id not in created], "createdRecords": created}
        else:
            rows = records.update(base, table, given, typecast=typecast, replace=replace)
        shown = [records.shown(table, row, by_id=_by_id(request, body)) for row in rows]
        return Json({"records": shown} | answer)

    async def delete_records(self, request: Request) -> Response:
        base, table = self._open(request, "data.records:write")
        row_ids = request.query_params.getlist("records[]")
        if not 1 <= len(row_ids) <= BATCH:
            raise _wrong_count()
        self.state.records.delete(base, table, row_ids)
        return Json({"records": [{"id": row_id, "deleted": True} for row_id in row_ids]})

    async def one_record(self, request: Request) -> Response:
        _, table = self._open(request, "data.records:read")
        row = table.rows.get(request.path_params["row"])
        if row is None:
            raise refusals.not_found()
        by_id = _by_id(request, {})
        return Json(self.state.records.shown(table, row, by_id=by_id))

    async def change_one(self, request: Request) -> Response:
        base, table = self._open(request, "data.records:write")
        row_id, body = request.path_params["row"], await _json(request)
        if row_id not in table.rows:
            raise refusals.not_found()
        given = [{"id": row_id, "fields": body.get("fields")}]
        typecast, replace = _true(body.get("typecast")), request.method == "PUT"
        (row,) = self.state.records.update(base, table, given, typecast=typecast, replace=replace)
        return Json(self.state.records.shown(table, row, by_id=_by_id(request, body)))

    async def delete_one(self, request: Request) -> Response:
        base, table = self._open(request, "data.records:write")
        row_id = request.path_params["row"]
        if row_id not in table.rows:
            raise refusals.not_found()
        self.state.records.delete(base, table, [row_id])
        return Json({"id": row_id, "deleted": True})

    def _open(self, request: Request, scope: str) -> tuple[Base, Table]:
        self.state.admit(request, scope)
        base, table = self.state.table(request)
        self.state.count()
        return base, table


def _true(value: Any) -> bool:
    return value is True or value in ("true", "1")


def _by_id(request: Request, body: Mapping[str, Any]) -> bool:
    return _true(body.get("returnFieldsByFieldId", request.query_params.get("returnFieldsByFieldId")))


async def _json(request: Request) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(await request.body())
    except msgspec.DecodeError:
        raise refusals.bad_request("Could not parse request body") from None
    if not isinstance(body, dict):
        raise refusals.bad_request()
    return body


def _batch(body: Mapping[str, Any]) -> list[Any]:
    given = body.get("records")
    if not isinstance(given, list) or not 1 <= len(given) <= BATCH:
        raise _wrong_count()
    return given


def _wrong_count() -> Refusal:
    return refusals.invalid("INVALID_RECORDS", f"You must provide an array of up to {BATCH} record objects")


def emulator(
    *,
    seed: int = 0,
    rate_scale: float | None = 1.0,
    records: int = 125_000,
    monthly_calls: int | None = None,
) -> Emulator:
    """Make an emulated Airtable with one empty base.

    `records` is what a base may hold (the Business plan's figure by default), `monthly_calls` what the plan allows.
    """
    ids, clock, limits = Ids(seed), Clock(), Limits(rate_scale)
    token = f"pat{ids.new('')}.{'0123456789abcdef' * 4}"
    base = Base(ids.new("app"), "Household")
    oauth = OAuth(clock, client_id=f"client-{seed}", client_secret=ids.new("sec"))
    client = {"client_id": oauth.client_id, "client_secret": oauth.client_secret}
    held = Records(ids, clock, records)
    state = Airtable(token, oauth, ids, clock, limits, held, [base], ids.new("usr"), monthly_calls)
    return Emulator(
        "airtable",
        Api(state).routes(),
        lambda url: {"token": token, "base_id": base.id, "oauth": client | {"oauth_url": url}},
        limits=limits,
        clock=clock,
        actions=Actions(base, held).all() | _account_actions(state),
        refuse_429=lambda _seconds: refusals.too_many_requests().response,
        state=state,
    )


def _account_actions(state: Airtable) -> dict[str, Callable[[dict[str, Any]], Any]]:
    def revoke(_body: dict[str, Any]) -> None:
        state.revoked = True

    def restore(_body: dict[str, Any]) -> None:
        state.revoked = False

    def read_only(body: dict[str, Any]) -> None:
        state.read_only = bool(body.get("on", True))

    def expire_iterators(_body: dict[str, Any]) -> None:
        state.records.expire_iterators()

    def quota(body: dict[str, Any]) -> None:
        state.monthly_calls, state.spent_calls = body.get("calls"), 0

    def grant(_body: dict[str, Any]) -> dict[str, Any]:
        client = {"client_id": state.oauth.client_id, "client_secret": state.oauth.client_secret}
        return state.oauth.grant() | client

    def withdraw(_body: dict[str, Any]) -> None:
        state.oauth.withdraw()

    return {
        "withdraw": withdraw,
        "revoke": revoke,
        "restore": restore,
        "read_only": read_only,
        "expire_iterators": expire_iterators,
        "quota": quota,
        "grant": grant,
    }
