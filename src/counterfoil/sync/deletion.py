"""Deleting everything of a workspace: said beforehand, begun at once, and carried to its end by any worker."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import msgspec
from pydantic import BaseModel

from counterfoil.engine import Concurrency, Context, Engine, Event, RunFailed, function
from counterfoil.errors import BadRequest, CounterfoilError, NotThere, RetryLater
from counterfoil.ports import ProviderSpec
from counterfoil.store import Tx, connections, deletions, destinations, rows, visits, workspaces
from counterfoil.store.deletions import Deletion, Login
from counterfoil.sync.doors import Doors
from counterfoil.sync.permissions import Fate, end_at_vendor, fate_of
from counterfoil.sync.steps import SyncSteps

REQUESTED: Final = "app/workspace.deletion.requested"
PAUSES: Final = (1.0, 4.0, 10.0)  # seconds between tries to end a login at a vendor that does not answer


class DeletionEvent(msgspec.Struct, frozen=True):
    """Everything of a workspace is to be deleted."""

    workspace_id: str
    deletion_id: str


class Erased(msgspec.Struct, frozen=True):
    """What a deletion has done."""

    logins: int
    runs: int


@dataclass(frozen=True, slots=True)
class Begun:
    """A deletion that cannot be taken back; its `word` opens the page that tells how it stands, to whoever knows it."""

    word: str
    deletion: Deletion


class Deletions:
    """Says what the deletion of a workspace will do, and has it done."""

    def __init__(self, doors: Doors, engine: Engine[Any]) -> None:
        self._doors = doors
        self._engine = engine

    async def consequences(self, workspace_id: str) -> list[str]:
        """Say what goes and what stays, one sentence a line."""
        return await self._doors.db.read(_in_words, self._doors, workspace_id)

    async def begin(self, workspace_id: str, name: str, *, wait: float = 0.0) -> Begun:
        """Delete a workspace whose name was typed, and wait so many seconds for the end. Raises `BadRequest`."""
        workspace = await self._doors.db.read(workspaces.find, workspace_id)
        if " ".join(name.split()).casefold() != " ".join(workspace.name.split()).casefold():
            raise BadRequest(
                "That is not the name of this workspace: nothing was deleted.",
                remedy=f"Type “{workspace.name}” if you are sure.",
            )
        word = secrets.token_urlsafe(32)
        asked = DeletionEvent(workspace_id, deletions.name_of(word))
        # First the event: a workspace that is closed without it would be deleted by nobody.
        accepted = await self._engine.send(Event(REQUESTED, asked, id=f"delete:{workspace_id}"))
        await self._doors.db.run(deletions.begin, workspace_id, asked.deletion_id)
        with suppress(TimeoutError, RunFailed):
            await self._engine.result(accepted.runs[0], timeout=wait)
        return Begun(word, await self.stands(word))

    async def stands(self, word: str) -> Deletion:
        """Give how the deletion of that word stands. Raises `NotThere`."""
        return await self._doors.db.read(deletions.find, word)


def _in_words(tx: Tx, doors: Doors, workspace_id: str) -> list[str]:
    banks = connections.of_workspace(tx, workspace_id)
    places = destinations.of_workspace(tx, workspace_id)
    live = sum(rows.counts(tx, workspace_id).values())
    people = deletions.only_here(tx, workspace_id)
    fates = [(one.label, doors.destination_spec(one.kind), fate_of(tx, doors, one)) for one in places]
    return [
        *_said_of(doors, banks),
        *(f"{label}: {fate.in_words(spec)}" for label, spec, fate in fates if fate is not Fate.KEY),
        f"All that is stored here is deleted: {live:,} rows, the providers' answers, rules, mappings, the log of "
        "syncs, events and runs, notifications, API tokens and the audit log.",
        *([f"{_listed(people)} cannot sign in here any more: the account is deleted too."] if people else []),
        *([f"What stands at {_listed([one.label for one in places])} stays as it is, and is yours."] if places else []),
        "Backups and exports that you made stay where they are.",
        "It begins at once and cannot be taken back.",
    ]


def _said_of(doors: Doors, banks: Sequence[connections.Connection]) -> list[str]:
    ended = [one.label for one in banks if doors.provider_spec(one.provider).connect is not None]
    own = [one.label for one in banks if one.label not in ended]
    said = [f"The permission to read {_listed(ended)} is ended at the provider first."] if ended else []
    return said + ([f"The key of {_listed(own)} is erased here. Delete it there too: only you can."] if own else [])


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


@function(
    "delete-workspace",
    on=REQUESTED,
    concurrency=Concurrency(limit=1, key="event.data.workspace_id", scope="workspace"),
)
async def delete_workspace(ctx: Context[DeletionEvent, SyncSteps]) -> Erased:
    """Close it for everybody, end its logins at the vendors, forget its runs, then delete its rows and itself."""
    doors, asked = ctx.utils.doors, ctx.event.data
    logins = await ctx.step.run("close", close, doors, asked)
    ends = (ctx.step.run(f"end-{nth}", end_login, doors, asked.workspace_id, one) for nth, one in enumerate(logins))
    await asyncio.gather(*ends)
    runs = await ctx.step.run("forget-runs", forget_runs, ctx.utils, asked.workspace_id, ctx.run_id)
    await ctx.step.run("erase-rows", erase_rows, doors, asked.workspace_id)
    await ctx.step.run("finish", finish, doors, asked)
    return Erased(len(logins), runs)


async def close(doors: Doors, asked: DeletionEvent) -> list[Login]:
    """Let nobody in any more, and give the logins that are to be ended."""
    await doors.db.run(deletions.begin, asked.workspace_id, asked.deletion_id)
    return await doors.db.read(deletions.logins, asked.workspace_id)


async def end_login(doors: Doors, workspace_id: str, login: Login) -> None:
    """End a login at its vendor, or keep in plain words that it could not be, and forget its credential."""
    try:
        if login.destination_id is not None:
            said = await _end_permission(doors, login.destination_id)
        else:
            opened = await _open(doors, login)
            said = None if opened is None else await _end(doors, *opened)
    except BadRequest as error:
        said = f"A login was not ended, since its credential cannot be opened: {error} End it at the provider yourself."
    if said is not None:
        await doors.db.run(deletions.note, workspace_id, said)
    await doors.db.run(_forget, login)


async def _end(doors: Doors, label: str, spec: ProviderSpec, settings: BaseModel) -> str | None:
    """End a login; where that cannot be, give what the person should know."""
    if spec.connect is None:
        return f"Delete the key at {label} ({spec.label}): only you can."
    why = await _tried(partial(spec.connect.remove, doors.http, doors.apps[spec.slug], settings))
    if why is None:
        return None
    return f"The permission to read {label} could not be ended at {spec.label}: {why} End it there yourself."


async def _end_permission(doors: Doors, destination_id: str) -> str | None:
    """End what was allowed at a destination's vendor; where that cannot be, give what the person should know."""
    destination = await doors.db.read(destinations.get, destination_id)
    spec = doors.destination_spec(destination.kind)
    fate = await doors.db.read(fate_of, doors, destination)
    if fate is not Fate.ENDS or spec.consent is None:
        return f"{destination.label}: {fate.in_words(spec)}" if fate is Fate.BY_HAND else None
    why = await _tried(partial(end_at_vendor, doors, destination_id))
    if why is None:
        return None
    way_out = spec.consent.way_out
    return f"What you allowed at {spec.label} for {destination.label} could not be ended: {why} End it {way_out}."


async def _tried(end: Callable[[], Awaitable[object]]) -> str | None:
    """Try a few times to end something at a vendor; give why it could not be, None where it was."""
    for pause in (*PAUSES, None):
        try:
            await end()
            return None
        except RetryLater as error:
            why = str(error)
            if pause is not None:
                await asyncio.sleep(pause)
        except CounterfoilError as error:
            return str(error)
    return why


async def _open(doors: Doors, login: Login) -> tuple[str, ProviderSpec, BaseModel] | None:
    """Give a login's name, provider and settings; None where its credential was erased: it was ended before."""
    if login.connection_id is not None:
        connection = await doors.db.read(connections.get, login.connection_id)
        try:
            settings = await doors.settings_of(connection)
        except NotThere:
            return None
        return connection.label, doors.provider_spec(connection.provider), settings
    visit_id, candidate_id = login.visit_id or "", login.candidate_id or ""
    visit = await doors.db.read(visits.get, visit_id)
    raw = await doors.db.read(visits.credential, doors.vault, visit_id, candidate_id)
    if raw is None:
        return None
    [label] = [one.label for one in await doors.db.read(visits.of_visit, visit_id) if one.id == candidate_id]
    spec = doors.provider_spec(visit.provider)
    return label, spec, spec.settings.model_validate_json(raw)


def _forget(tx: Tx, login: Login) -> None:
    if login.connection_id is not None:
        connections.erase_credential(tx, login.connection_id)
    elif login.destination_id is not None:
        destinations.erase_credential(tx, login.destination_id)
    else:
        visits.settle(tx, login.visit_id or "", login.candidate_id or "", "refused")


async def forget_runs(steps: SyncSteps, workspace_id: str, spared: str) -> int:
    """Cancel what runs for the workspace, and delete what the engine keeps of it; give how many runs."""
    return await steps.erase_runs(await steps.doors.db.read(deletions.names, workspace_id), spared)


async def erase_rows(doors: Doors, workspace_id: str) -> None:
    """Delete the rows, a part in each transaction. Safe to repeat."""
    while await doors.db.run(deletions.erase_part, workspace_id):
        pass


async def finish(doors: Doors, asked: DeletionEvent) -> None:
    """Delete the workspace itself."""
    await doors.db.run(deletions.finish, asked.workspace_id)
