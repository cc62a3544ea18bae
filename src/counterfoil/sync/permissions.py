"""What a person allowed us at a destination's vendor, and its end there once no destination lives by it any more."""

import enum
from typing import Final

import structlog
from pydantic import BaseModel

from counterfoil.engine import Concurrency, Context, function
from counterfoil.errors import BadRequest, CounterfoilError, NotThere
from counterfoil.ports import DestinationSpec
from counterfoil.store import Tx, audit, destinations, permissions
from counterfoil.store.destinations import Destination
from counterfoil.sync.doors import Doors
from counterfoil.sync.steps import DestinationEvent, SyncSteps

log = structlog.get_logger()
REMOVED: Final = "app/destination.removed"


class Fate(enum.Enum):
    """What becomes of that by which a destination is written to, when the destination is removed."""

    ENDS = "ends"  # at the vendor, unless another destination lives by it
    BY_HAND = "by_hand"  # only the person can end it there
    KEY = "key"  # nothing ends: it is a key of the person's own

    def in_words(self, spec: DestinationSpec) -> str:
        """Say it to the user, before it is done."""
        if self is Fate.ENDS:
            return f"What you allowed at {spec.label} is ended there too, unless another destination lives by it."
        if self is Fate.BY_HAND and spec.consent is not None:
            return f"Only you can end what you allowed at {spec.label}: {spec.consent.way_out}."
        return f"The key is erased here. If nothing else uses it, delete it at {spec.label} too: only you can."


def fate_of(tx: Tx, doors: Doors, destination: Destination) -> Fate:
    """Say what becomes of that by which a destination is written to."""
    spec = doors.destination_spec(destination.kind)
    try:
        settings = _settings(tx, doors, destination)
    except BadRequest:
        return Fate.KEY  # nobody can use what cannot be opened
    if spec.consent is None or spec.consent.permission(settings) is None:
        return Fate.KEY
    return Fate.BY_HAND if spec.consent.revoke is None else Fate.ENDS


def to_end(tx: Tx, destination_id: str | None = None) -> list[tuple[str, str]]:
    """Give the removed destinations, or the one, whose permission is still to end, each with the event's id for it.

    A tick asks for them all, as the process may have ended before the event was sent: the id is the same each time.
    """
    return [(found, f"removed:{found}:{mark}") for found, mark in permissions.unended(tx, destination_id).items()]


@function(
    "end-permission",
    on=REMOVED,
    # After a sync that is at work: it still writes by the permission.
    concurrency=Concurrency(limit=1, key="event.data.destination_id", scope="destination"),
)
async def end_permission(ctx: Context[DestinationEvent, SyncSteps]) -> str:
    """End a removed destination's permission at the vendor, as far as that can be, and erase the credential."""
    doors, destination_id = ctx.utils.doors, ctx.event.data.destination_id
    try:
        became = await ctx.step.run("end-at-vendor", end_at_vendor, doors, destination_id)
        why = ""
    except CounterfoilError as error:
        became, why = "permission.not_ended", str(error)
    await ctx.step.run("finish", finish, doors, destination_id, became, why)
    return became


async def end_at_vendor(doors: Doors, destination_id: str) -> str:
    """End the permission, unless others live by it; give what became of it, "" where nothing was to be done.

    Safe to repeat. What is asked is asked anew each time: meanwhile the person may have come back.
    """
    destination = await doors.db.read(destinations.get, destination_id)
    consent = doors.destination_spec(destination.kind).consent
    if destination.state != "removed" or consent is None or consent.revoke is None:
        return ""
    found = await doors.db.read(_found, doors, destination)
    if found is None:
        return ""
    settings, is_shared = found
    if is_shared:
        return "permission.kept"
    await consent.revoke(doors.http, doors.apps[destination.kind], settings)
    return "permission.ended"


async def finish(doors: Doors, destination_id: str, became: str, why: str) -> None:
    """Note what became of a permission, and erase the credential."""
    await doors.db.run(_finish, doors, destination_id, became, why)


def _finish(tx: Tx, doors: Doors, destination_id: str, became: str, why: str) -> None:
    destination = destinations.get(tx, destination_id)
    destinations.erase_credential(tx, destination_id)
    if not became:
        return
    spec = doors.destination_spec(destination.kind)
    said = f"{destination.label} ({spec.label})"
    if why:
        log.warning("permission_not_ended", kind=spec.slug, destination=destination_id, why=why)
        said = f"{said}: {why} End it yourself {spec.consent.way_out if spec.consent else 'there'}."
    audit.note(tx, destination.workspace_id, became, user_id=None, subject=said)


def _found(tx: Tx, doors: Doors, destination: Destination) -> tuple[BaseModel, bool] | None:
    """Give a removed destination's settings, and whether anything in use lives by the same permission.

    None where there is no permission, or none that is still known here.
    """
    spec = doors.destination_spec(destination.kind)
    try:
        settings = _settings(tx, doors, destination)
    except NotThere:
        return None
    if spec.consent is None or (mine := spec.consent.permission(settings)) is None:
        return None
    models = [
        *map(spec.settings.model_validate_json, permissions.settings_in_use(tx, doors.vault, spec.slug)),
        *map(spec.consent.grant.model_validate_json, permissions.grants_in_use(tx, doors.vault, spec.slug)),
    ]
    return settings, mine in map(spec.consent.permission, models)


def _settings(tx: Tx, doors: Doors, destination: Destination) -> BaseModel:
    raw = destinations.credential(tx, doors.vault, destination.id)
    return doors.destination_spec(destination.kind).settings.model_validate_json(raw)
