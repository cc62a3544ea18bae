"""What comes in from outside, people's acts and vendors' webhooks, turned into stored rows and events."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog
from pydantic import BaseModel

from counterfoil.engine import Engine, Event
from counterfoil.errors import BadRequest
from counterfoil.lib.ids import new_id
from counterfoil.model import TABLES
from counterfoil.ports import Incoming, Landing
from counterfoil.store import Tx, connections, destinations, requests, visits
from counterfoil.store.destinations import Selection
from counterfoil.store.landing import Lander
from counterfoil.sync.doors import Doors, sealed_form
from counterfoil.sync.mapping import default_mappings
from counterfoil.sync.steps import Attention, ConnectionEvent, DestinationEvent
from counterfoil.sync.triggers import NOTED, TRIGGERS, VISIT_TRIGGERS
from counterfoil.sync.visits import VisitEvent

log = structlog.get_logger()
SYNC: Final = "sync-connection"
# A request that waits has a run behind it, unless the process ended between the two: then a tick starts one.
TRUSTED: Final = dt.timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class _Noted:
    """What became of a webhook for one login: whether a person must act, and whether a sync will come anyway."""

    connection_id: str
    event_id: str
    code: str | None
    is_awaited: bool


class Intake:
    """Takes in connections, destinations, wishes and webhooks."""

    def __init__(self, doors: Doors, engine: Engine[Any]) -> None:
        self._doors = doors
        self._engine = engine

    async def connect(self, workspace_id: str, provider: str, settings: BaseModel) -> connections.Connection:
        """Prove a credential, store it encrypted, and start the first sync. Raises what the provider raises."""
        spec = self._doors.provider_spec(provider)
        identity, kept = await self._doors.introduce(spec, settings)
        connection = await self._doors.db.run(
            connections.add,
            self._doors.vault,
            workspace_id=workspace_id,
            provider=provider,
            identity=identity,
            credential=sealed_form(kept),
        )
        await self.request_sync(connection.id, "app/connection.created")
        return connection

    async def add_destination(
        self,
        workspace_id: str,
        kind: str,
        settings: BaseModel,
        *,
        selection: Selection | None = None,
        tables: Iterable[str] = tuple(TABLES),
        start: bool = True,
    ) -> destinations.Destination:
        """Prove a credential, store it with the default mapping, and start the first sync.

        Without `start` a new destination stays paused, so that it can be mapped before anything is made there.
        """
        spec = self._doors.destination_spec(kind)
        chosen = selection or Selection()
        identity, kept = await self._doors.introduce(spec, settings)
        destination = await self._doors.db.run(
            destinations.add,
            self._doors.vault,
            workspace_id=workspace_id,
            kind=kind,
            identity=identity,
            credential=sealed_form(kept),
            selection=chosen,
            state="active" if start else "paused",
        )
        if not await self._doors.db.read(destinations.targets, destination.id):
            for mapping in default_mappings(tables, chosen.removal):
                await self._doors.db.run(destinations.change_target, destination.id, mapping, enabled=True)
        if destination.state == "active":
            await self.request_destination_sync(destination.id, "app/destination.created")
        return destination

    async def request_sync(self, connection_id: str, event: str, event_id: str | None = None) -> str:
        """Ask for a connection to be synced; give the event's id. The same id twice starts nothing twice."""
        asked = Event(event, ConnectionEvent(connection_id), id=event_id or new_id())
        # First the request, then the event: a sync that is about to start already finds it and answers both.
        await self._doors.db.run(requests.ask, connection_id, asked.id, event)
        await self._engine.send(asked)
        return asked.id

    async def request_destination_sync(self, destination_id: str, event: str) -> str:
        """Ask for a destination to be brought up to date with what is stored; give the event's id."""
        asked = Event(event, DestinationEvent(destination_id), id=new_id())
        await self._engine.send(asked)
        return asked.id

    async def webhook(self, provider: str, headers: Mapping[str, str], body: bytes) -> int:
        """Verify a webhook and send what it tells; give how many syncs it asks for.

        Raises `Forged`, and `BadRequest` for a body that makes no sense or a provider without webhooks.
        """
        spec = self._doors.providers.get(provider)
        if spec is None or spec.read_webhook is None:
            raise BadRequest(
                f"No webhooks are taken for {provider!r}.", remedy="Check the address given to the vendor."
            )
        told = await spec.read_webhook(self._doors.http, self._doors.apps[provider], headers, body)
        return sum([await self._take(provider, fact) for fact in told])

    async def _take(self, provider: str, fact: Incoming) -> int:
        visit_id = fact.data.get("visit")
        if isinstance(visit_id, str):
            await self._to_visit(provider, fact, visit_id)
            return 0
        if fact.name not in TRIGGERS:
            log.info("webhook_noted" if fact.name in NOTED else "webhook_unknown", fact=fact.name)
            return 0
        noted = await self._doors.db.run(_note, provider, fact)
        if not noted:
            log.info("webhook_of_nobody", fact=fact.name)
        for one in noted:
            if one.code is not None:
                needed = Attention(code=one.code, connection_id=one.connection_id)
                about = f"{one.event_id}:attention"
                await self._engine.send(Event("app/attention.required", needed, id=about))
            if fact.stops is None:
                asked = Event(fact.name, ConnectionEvent(one.connection_id), id=one.event_id)
                await self._engine.send(asked, without=[SYNC] if one.is_awaited else [])
        return 0 if fact.stops is not None else len(noted)

    async def _to_visit(self, provider: str, fact: Incoming, visit_id: str) -> None:
        """Have the vendor asked how the visit stands: what a webhook says of it is not believed."""
        if fact.name not in VISIT_TRIGGERS:
            log.info("webhook_noted" if fact.name in NOTED else "webhook_unknown", fact=fact.name)
        elif await self._doors.db.read(visits.exists, provider, visit_id):
            await self._engine.send(Event(fact.name, VisitEvent(visit_id), id=fact.id))
        else:
            log.info("webhook_of_nobody", fact=fact.name)


def _note(tx: Tx, provider: str, fact: Incoming) -> list[_Noted]:
    """Keep what a webhook tells of each login that it concerns, and ask for a sync of it."""
    noted = []
    for connection in connections.by_remote_id(tx, provider, fact.remote_id):
        code = keep_hint(tx, connection, fact)
        event_id, is_awaited = f"{fact.id}:{connection.id}", False
        if fact.stops is None:
            connections.lock(tx, connection.id)
            is_awaited = requests.is_awaited(tx, connection.id, event_id, dt.datetime.now(dt.UTC) - TRUSTED)
            requests.ask(tx, connection.id, event_id, fact.name)
        noted.append(_Noted(connection.id, event_id, code, is_awaited))
    return noted


def keep_hint(tx: Tx, connection: connections.Connection, fact: Incoming) -> str | None:
    """Keep what a webhook says of the login itself; give the code of what a person should newly know."""
    if fact.mended:
        connections.mend(tx, connection.id)
    if fact.closed:
        lander = Lander(tx, connection.id, connection.workspace_id)
        lander.apply(Landing(removed=fact.closed))
        lander.finish()
    if fact.stops is not None:
        if connection.state == "paused":
            return None  # whoever resumes it will see
        problem = connections.Problem(fact.stops.code, fact.stops.message, fact.stops.remedy)
        return fact.stops.code if connections.set_problem(tx, connection.id, problem) else None
    if fact.notice is not None:
        return fact.notice.code if connections.set_notice(tx, connection.id, fact.notice) else None
    return None
