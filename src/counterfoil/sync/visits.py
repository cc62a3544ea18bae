"""Visits: a person is sent to the vendor's page, and what comes of it becomes a connection, or repairs one."""

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
import structlog
from pydantic import BaseModel, SecretStr

from counterfoil.engine import Concurrency, Context, Engine, Event, function
from counterfoil.errors import ActionRequired, BadRequest
from counterfoil.lib.secrets import fingerprint
from counterfoil.linking import Candidate, ConnectFlow, VisitState, is_same_login, match_accounts
from counterfoil.linking import Visit as Invitation
from counterfoil.ports import Identity, ProviderSpec
from counterfoil.store import Tx, connections, relinks, visits
from counterfoil.store.visits import Visit
from counterfoil.sync.doors import Doors, sealed_form
from counterfoil.sync.relinks import propose
from counterfoil.sync.steps import ConnectionEvent, SyncSteps
from counterfoil.sync.triggers import VISIT_TRIGGERS

log = structlog.get_logger()

GRACE: Final = dt.timedelta(minutes=10)  # past the page's end: who opened it in time may finish
LONGEST_PAUSE: Final = 30.0  # seconds between two looks at the vendor
LOOKS: Final = 2_000  # most of a day: a page's end comes long before


class VisitEvent(msgspec.Struct, frozen=True):
    """Something happened to one visit."""

    visit_id: str


class VisitFinished(msgspec.Struct, frozen=True):
    """A visit came to an end, or was left."""

    visit_id: str
    state: str


class Seen(msgspec.Struct, frozen=True):
    """What the vendor says of a visit. `candidates` wait to be settled; their settings are stored."""

    state: str
    candidates: list[str] = []
    reason: str | None = None


class Settled(msgspec.Struct, frozen=True):
    """What became of a candidate. `begins`: its first sync may begin; else the user is asked something first."""

    connection_id: str | None
    begins: bool = False


@dataclass(frozen=True, slots=True)
class Begun:
    """A visit that has begun. The url is for the person alone, and is not kept."""

    visit: Visit
    url: str


class Visits:
    """Begins visits and tells how they stand."""

    def __init__(self, doors: Doors, engine: Engine[Any]) -> None:
        self._doors = doors
        self._engine = engine

    async def begin(
        self, workspace_id: str, provider: str, *, choice: str | None, user: str, return_to: str | None = None
    ) -> Begun:
        """Begin a visit for a new connection. Raises `BadRequest`, and what the vendor's flow raises."""
        spec = self._doors.provider_spec(provider)
        flow = _flow(spec)
        chosen = choice or next(iter(flow.choices))
        if chosen not in flow.choices:
            raise BadRequest(f"There is no choice {chosen!r}.", remedy=f"There are: {', '.join(flow.choices)}.")
        begun = await flow.begin(
            self._doors.http, self._doors.apps[provider], choice=chosen, user=user, return_to=return_to
        )
        return await self._keep(begun, _visit(begun, workspace_id, provider, "connect", choice=chosen))

    async def repair(
        self, connection: connections.Connection, *, user: str, return_to: str | None = None, share: bool = False
    ) -> Begun:
        """Begin a visit that renews a login, or with `share` lets the person tick more of its accounts."""
        spec = self._doors.provider_spec(connection.provider)
        flow = _flow(spec)
        settings = await self._doors.settings_of(connection)
        app = self._doors.apps[spec.slug]
        begun = await flow.repair(self._doors.http, app, settings, user=user, return_to=return_to, new_accounts=share)
        purpose = "share" if share else "repair"
        visit = _visit(begun, connection.workspace_id, spec.slug, purpose, connection_id=connection.id)
        return await self._keep(begun, visit)

    async def _keep(self, begun: Invitation, visit: Visit) -> Begun:
        reference = begun.reference.get_secret_value().encode()
        await self._doors.db.run(visits.add, self._doors.vault, visit, reference)
        await self._engine.send(Event("app/visit.begun", VisitEvent(visit.id)))
        return Begun(visit, begun.url)


def _visit(begun: Invitation, workspace_id: str, provider: str, purpose: str, **more: str) -> Visit:
    blank = Visit(
        id=begun.id,
        workspace_id=workspace_id,
        provider=provider,
        purpose=purpose,
        choice=None,
        connection_id=None,
        state="open",
        reason=None,
        created_at=dt.datetime.now(dt.UTC),
        expires_at=begun.expires_at,
    )
    return replace(blank, **more)  # type: ignore[arg-type]


def _flow(spec: ProviderSpec) -> ConnectFlow:
    if spec.connect is None:
        raise BadRequest(
            f"{spec.label} has no page to be sent to.", remedy=f"Connect it with a key: counterfoil connect {spec.slug}"
        )
    return spec.connect


# --- durable functions -----------------------------------------------------------------------------------


@function("poll-visit", on="app/visit.begun")
async def poll_visit(ctx: Context[VisitEvent, SyncSteps]) -> str:
    """Ask again and again how a visit stands, in growing intervals, until it has ended; webhooks may be quicker."""
    pause = ctx.utils.visit_pause
    match = {"event.data.visit_id": "async.data.visit_id"}
    for _ in range(LOOKS):
        told = await ctx.step.wait_for_event("finished", "app/visit.finished", timeout=pause, match=match)
        if told is None:
            await ctx.step.send_event("poll", Event("app/visit.poll", ctx.event.data))
            pause = min(pause * 1.25, LONGEST_PAUSE)
        elif told.data["state"] in visits.ENDED:
            return str(told.data["state"])
    return "open"


@function(
    "finish-visit",
    on=sorted(VISIT_TRIGGERS),
    concurrency=Concurrency(limit=1, key="event.data.visit_id", scope="visit"),
)
async def finish_visit(ctx: Context[VisitEvent, SyncSteps]) -> Seen:
    """Ask how a visit stands, and turn what it brought into connections."""
    doors, visit_id = ctx.utils.doors, ctx.event.data.visit_id
    seen = await ctx.step.run("look", look, doors, visit_id)
    for candidate_id in seen.candidates:
        settled = await ctx.step.run(f"settle-{candidate_id}", settle, doors, visit_id, candidate_id)
        if settled.connection_id is not None and settled.begins:
            begins = Event("app/connection.created", ConnectionEvent(settled.connection_id))
            await ctx.step.send_event(f"created-{candidate_id}", begins)
    if seen.state == "open":
        return seen
    closed = await ctx.step.run("close", close, doors, visit_id, seen.state, seen.reason)
    if closed.connection_id is not None:
        repaired = Event("app/connection.repaired", ConnectionEvent(closed.connection_id))
        await ctx.step.send_event("repaired", repaired)
    if closed.begins:
        finished = Event("app/visit.finished", VisitFinished(visit_id, seen.state))
        await ctx.step.send_event("finished", finished)
    return seen


async def look(doors: Doors, visit_id: str) -> Seen:
    """Ask the vendor, and accept what waits to be accepted: each candidate's settings are stored at once."""
    visit = await doors.db.read(visits.get, visit_id)
    reference = await doors.db.read(visits.reference, doors.vault, visit_id)
    if reference is None:
        return Seen(visit.state)
    spec = doors.provider_spec(visit.provider)
    flow, app = _flow(spec), doors.apps[spec.slug]
    over = dt.datetime.now(dt.UTC) > visit.expires_at + GRACE
    try:
        outcome = await flow.finish(doors.http, app, SecretStr(reference.decode()))
    except ActionRequired as error:
        # Plaid forgets a page some time after its end; whatever else it is may be mended before that.
        return Seen("expired" if over else "open", reason=f"{error} {error.remedy}")
    known = {candidate.id for candidate in await doors.db.read(visits.of_visit, visit_id)}
    for candidate in outcome.candidates:
        if fingerprint(candidate.ticket.get_secret_value()) not in known:
            await _accept(doors, spec, visit, candidate)
    waiting = [
        candidate.id
        for candidate in await doors.db.read(visits.of_visit, visit_id)
        if candidate.state in ("accepted", "unwanted")
    ]
    if outcome.state is VisitState.DONE:
        return Seen("done", waiting)
    if over:
        return Seen("expired", waiting, "The page was not finished in time. Begin again.")
    return Seen("left" if outcome.state is VisitState.LEFT else "open", waiting, outcome.reason)


async def _accept(doors: Doors, spec: ProviderSpec, visit: Visit, candidate: Candidate) -> None:
    flow, app = _flow(spec), doors.apps[spec.slug]
    twin = await doors.db.read(_twin, visit, candidate)
    kept = visits.Candidate(
        id=fingerprint(candidate.ticket.get_secret_value()),
        label=candidate.label,
        marks=candidate.accounts,
        state="accepted",
        connection_id=None,
        message=None,
    )
    try:
        settings = await flow.accept(doors.http, app, candidate)
    except ActionRequired as error:
        refused = replace(kept, state="refused", message=f"{error} {error.remedy}")
        await doors.db.run(visits.keep, doors.vault, visit.id, refused, None)
        return
    if twin is not None:
        # The vendor has made a login for it already: it is ended again, or it would be paid for.
        message = (
            f"{candidate.label} is connected already, with all of these accounts: nothing was added. "
            f"To share more of its accounts, open the connection {twin.label} and choose Share more accounts."
        )
        kept = replace(kept, state="unwanted", message=message)
    await doors.db.run(visits.keep, doors.vault, visit.id, kept, sealed_form(settings))


def _twin(tx: Tx, visit: Visit, candidate: Candidate) -> connections.Connection | None:
    """Find the working connection that has all of a candidate's accounts; one that is broken is linked anew instead."""
    for connection in connections.of_workspace(tx, visit.workspace_id):
        if connection.provider == visit.provider and connection.state in ("active", "paused"):
            marks = relinks.marks(tx, connection.id) or list(visits.marks_of(tx, connection.id))
            if is_same_login(marks, candidate.accounts):
                return connection
    return None


async def settle(doors: Doors, visit_id: str, candidate_id: str) -> Settled:
    """Make a connection of an accepted candidate, or end at the vendor what nobody wants. Safe to repeat."""
    visit = await doors.db.read(visits.get, visit_id)
    [candidate] = [one for one in await doors.db.read(visits.of_visit, visit_id) if one.id == candidate_id]
    raw = await doors.db.read(visits.credential, doors.vault, visit_id, candidate_id)
    if raw is None:
        return Settled(candidate.connection_id)
    spec = doors.provider_spec(visit.provider)
    settings: BaseModel = spec.settings.model_validate_json(raw)
    if candidate.state == "accepted":
        try:
            identity, kept = await doors.introduce(spec, settings)
        except ActionRequired as error:
            message = f"{candidate.label} could not be read, so nothing was connected. {error} {error.remedy}"
            await doors.db.run(visits.reject, visit_id, candidate_id, message)
        else:
            return await doors.db.run(_connect, doors, visit, candidate, identity, sealed_form(kept))
    await _end(doors, spec, settings)
    await doors.db.run(visits.settle, visit_id, candidate_id, "refused")
    return Settled(None)


async def _end(doors: Doors, spec: ProviderSpec, settings: BaseModel) -> None:
    try:
        await _flow(spec).remove(doors.http, doors.apps[spec.slug], settings)
    except ActionRequired as error:
        log.warning("unwanted_login_stays_at_vendor", provider=spec.slug, code=error.code)


def _connect(
    tx: Tx, doors: Doors, visit: Visit, candidate: visits.Candidate, identity: Identity, credential: bytes
) -> Settled:
    connection = connections.add(
        tx,
        doors.vault,
        workspace_id=visit.workspace_id,
        provider=visit.provider,
        identity=identity,
        credential=credential,
    )
    asks = propose(tx, connection, candidate.marks)
    visits.settle(
        tx,
        visit.id,
        candidate.id,
        "connected",
        connection_id=connection.id,
        message=_overlap(tx, connection, candidate),
    )
    return Settled(connection.id, begins=not asks)


def _overlap(tx: Tx, connection: connections.Connection, candidate: visits.Candidate) -> str | None:
    """Say where some of the accounts, but not all, are connected already."""
    for other in connections.of_workspace(tx, connection.workspace_id):
        if other.id != connection.id and other.provider == connection.provider and other.state in ("active", "paused"):
            twice = len(match_accounts(relinks.marks(tx, other.id), candidate.marks))
            if twice:
                return (
                    f"{twice} of these accounts come from {other.label} already and will appear twice. "
                    "To have them once, disconnect one of the two."
                )
    return None


async def close(doors: Doors, visit_id: str, state: str, reason: str | None) -> Settled:
    """Say how a visit ended; give the connection that it repaired, and whether there is anything to tell."""
    return await doors.db.run(_close, visit_id, state, reason)


def _close(tx: Tx, visit_id: str, state: str, reason: str | None) -> Settled:
    visit = visits.get(tx, visit_id)
    is_news = visits.set_state(tx, visit_id, state, reason)
    if state in visits.ENDED:
        visits.forget_reference(tx, visit_id)
    if not (is_news and state == "done") or visit.connection_id is None:
        return Settled(None, is_news)
    connections.mend(tx, visit.connection_id)
    return Settled(visit.connection_id, is_news)
