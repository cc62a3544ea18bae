"""Consents: a person authorises us on a vendor's own page, comes back, and chooses the place that takes the tables."""

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from pydantic import BaseModel

from counterfoil.consenting import ConsentFlow, OfferedPlace
from counterfoil.engine import Engine
from counterfoil.errors import ActionRequired, BadRequest, CounterfoilError
from counterfoil.model import TABLES
from counterfoil.ports import DestinationSpec
from counterfoil.store import Tx, consents, destinations
from counterfoil.store.consents import Consent
from counterfoil.store.destinations import Destination
from counterfoil.sync.doors import Doors, sealed_form
from counterfoil.sync.intake import Intake

log = structlog.get_logger()

CALLBACK: Final = "/destinations/consent/callback"
_CODE: Final = re.compile(r"[a-z_]{1,60}")  # how OAuth names its errors: RFC 6749, section 4.1.2.1


@dataclass(frozen=True, slots=True)
class Begun:
    """A consent that has begun. The url is for the person alone, and is not kept."""

    consent: Consent
    url: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the browser brings back from a consent page."""

    state: str
    code: str = ""
    error: str = ""


class Consents:
    """Begins consents, takes what comes back, and makes destinations of it."""

    def __init__(self, doors: Doors, engine: Engine[Any], public_url: str | None) -> None:
        self._doors = doors
        self._intake = Intake(doors, engine)
        self._public_url = public_url

    def offers(self, kind: str) -> bool:
        """Say whether a kind can be authorised on its vendor's page here: it has one, and all that it takes is set."""
        spec = self._doors.destinations.get(kind)
        flow = spec.consent if spec else None
        return flow is not None and self._public_url is not None and flow.is_set_up(self._doors.apps[kind])

    @property
    def return_to(self) -> str:
        """Where vendors send the browser back to: it is to be registered there, to the letter. Raises `BadRequest`."""
        if self._public_url is None:
            raise BadRequest(
                "This installation does not know its own address, to which a consent page comes back.",
                remedy="Set COUNTERFOIL_PUBLIC_URL, or connect with a key.",
            )
        return self._public_url.rstrip("/") + CALLBACK

    async def begin(self, workspace_id: str, kind: str, *, session_id: str | None = None) -> Begun:
        """Begin a consent for a new destination; with `session_id` only that browser can finish it."""
        return await self._begin(workspace_id, kind, session_id, None)

    async def renew(self, destination: Destination, *, session_id: str | None = None) -> Begun:
        """Begin a consent whose credential takes the place of a destination's; its place and mapping stay."""
        return await self._begin(destination.workspace_id, destination.kind, session_id, destination.id)

    async def _begin(self, workspace_id: str, kind: str, session_id: str | None, destination_id: str | None) -> Begun:
        spec = self._doors.destination_spec(kind)
        flow, return_to = self._flow(spec), self.return_to
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
        url = flow.address(self._doors.apps[kind], return_to=return_to, state=state, challenge=challenge_of(verifier))

        def keep(tx: Tx) -> Consent:
            return consents.add(
                tx,
                self._doors.vault,
                workspace_id=workspace_id,
                kind=kind,
                state_token=state,
                verifier=verifier,
                session_id=session_id,
                destination_id=destination_id,
            )

        return Begun(await self._doors.db.run(keep), url)

    async def finish(self, answer: Answer, *, workspace_id: str, session_id: str) -> Consent:
        """Take what a consent page sent back, in the browser that began it; give how the consent stands then.

        The state is used up, whatever comes of it. Raises `BadRequest` for one that is unknown, used, too old, or of
        another browser: then nothing was done.
        """
        db = self._doors.db
        consent = await db.read(consents.by_state, answer.state) if answer.state else None
        if consent is None or consent.workspace_id != workspace_id:
            raise BadRequest("This consent was not begun here.", remedy="Begin again: choose the app once more.")
        if consent.session_id not in (None, session_id):
            raise BadRequest(
                "This consent was begun in another browser, or before you signed in anew.",
                remedy="Finish it there, or begin again here.",
            )
        verifier = await db.run(consents.take, self._doors.vault, consent.id)
        if verifier is None:
            raise BadRequest(
                "This consent was used already, or it took too long.", remedy="Begin again: choose the app once more."
            )
        try:
            await self._take(consent, answer, verifier)
        except CounterfoilError as error:
            # Whatever it is, the code is spent: only a new consent helps.
            await db.run(consents.end, consent.id, "failed", reason=_in_words(error))
        return await db.read(consents.find, workspace_id, consent.id)

    async def _take(self, consent: Consent, answer: Answer, verifier: str) -> None:
        spec = self._doors.destination_spec(consent.kind)
        if answer.error or not answer.code:
            await self._doors.db.run(_refused, consent.id, spec.label, answer.error)
            return
        grant = await self._flow(spec).exchange(
            self._doors.http,
            self._doors.apps[spec.slug],
            code=answer.code,
            return_to=self.return_to,
            verifier=verifier,
        )
        if consent.destination_id is None:
            await self._doors.db.run(consents.keep, self._doors.vault, consent.id, sealed_form(grant))
        else:
            await self._renew(consent, spec, grant)

    async def _renew(self, consent: Consent, spec: DestinationSpec, grant: BaseModel) -> None:
        destination = await self._doors.db.read(destinations.find, consent.workspace_id, consent.destination_id or "")
        raw = await self._doors.db.read(destinations.credential, self._doors.vault, destination.id)
        before = spec.settings.model_validate_json(raw)
        flow = self._flow(spec)
        place = getattr(before, flow.place)
        app = self._doors.apps[spec.slug]
        settings = await flow.settle(self._doors.http, app, grant, place, key=consent.id, before=before)
        identity, kept = await self._doors.introduce(spec, settings)
        if identity.remote_id != destination.remote_id:
            raise ActionRequired(
                "another_place",
                f"What you allowed leads to {identity.label}, not to {destination.label}.",
                remedy="Begin again, and allow the place that this destination writes to.",
            )
        await self._doors.db.run(_replace, self._doors, consent.id, destination, sealed_form(kept))
        if destination.state != "paused":
            await self._intake.request_destination_sync(destination.id, "app/destination.repaired")

    async def places(self, workspace_id: str, consent_id: str) -> Sequence[OfferedPlace]:
        """Read which places a consent opens. Raises `BadRequest` where it waits for none, and what vendors raise."""
        consent = await self._doors.db.read(consents.find, workspace_id, consent_id)
        spec = self._doors.destination_spec(consent.kind)
        grant = await self._grant(consent, self._flow(spec))
        return await self._flow(spec).places(self._doors.http, self._doors.apps[spec.slug], grant)

    async def settle(
        self,
        workspace_id: str,
        consent_id: str,
        place: str,
        *,
        asked: Mapping[str, Any] | None = None,
        tables: Sequence[str] = tuple(TABLES),
        start: bool = True,
    ) -> Destination:
        """Make a destination of a place; `asked` are values of the settings that the flow asks for besides.

        Without `start` it stays paused until `resume`. Raises `BadRequest`, `pydantic.ValidationError` for what cannot
        be a place or a setting, and what the connector raises; the consent can then be settled otherwise.
        """
        consent = await self._doors.db.read(consents.find, workspace_id, consent_id)
        spec = self._doors.destination_spec(consent.kind)
        flow, app = self._flow(spec), self._doors.apps[spec.slug]
        grant = await self._grant(consent, flow)
        given = {name: value for name, value in (asked or {}).items() if name in flow.asks}
        settings = await flow.settle(self._doors.http, app, grant, place, key=consent.id)
        settings = spec.settings.model_validate({**settings.model_dump(), **given})
        added = await self._intake.add_destination(workspace_id, spec.slug, settings, tables=tables, start=start)
        await self._doors.db.run(_settled, consent.id, added.id)
        return added

    async def _grant(self, consent: Consent, flow: ConsentFlow) -> BaseModel:
        raw = await self._doors.db.read(consents.credential, self._doors.vault, consent.id)
        if raw is None:
            raise BadRequest(
                "This consent does not wait for a place: it was used, refused, or took too long.",
                remedy="Begin a new one.",
            )
        return flow.grant.model_validate_json(raw)

    def _flow(self, spec: DestinationSpec) -> ConsentFlow:
        if spec.consent is None:
            raise BadRequest(f"{spec.label} has no consent page.", remedy="Connect it with a key.")
        if not spec.consent.is_set_up(self._doors.apps[spec.slug]):
            prefix = f"COUNTERFOIL_{spec.env}_"
            raise BadRequest(
                f"This installation is not registered at {spec.label}.",
                remedy=f"Set {prefix}CLIENT_ID and {prefix}CLIENT_SECRET, or connect with a key.",
            )
        return spec.consent


def challenge_of(verifier: str) -> str:
    """Give the S256 challenge of a PKCE verifier (RFC 7636, section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _in_words(error: CounterfoilError) -> str:
    remedy = error.remedy if isinstance(error, ActionRequired | BadRequest) else "Wait a moment, then begin again."
    return f"{error} {remedy}"


def _refused(tx: Tx, consent_id: str, label: str, error: str) -> None:
    if error == "access_denied":
        consents.end(tx, consent_id, "declined", reason=f"You did not allow it at {label}, so nothing was connected.")
        return
    # The code comes through the browser: it is shown only where it looks like one.
    said = f" ({error})" if _CODE.fullmatch(error) else ""
    log.warning("consent_page_failed", vendor=label, code=error if said else "")
    consents.end(tx, consent_id, "failed", reason=f"{label} could not ask you{said}. Begin again.")


def _replace(tx: Tx, doors: Doors, consent_id: str, destination: Destination, credential: bytes) -> None:
    destinations.replace_credential(tx, doors.vault, destination.id, credential)
    destinations.set_problem(tx, destination.id, None)
    consents.end(tx, consent_id, "done")


def _settled(tx: Tx, consent_id: str, destination_id: str) -> None:
    consents.end(tx, consent_id, "done", destination_id=destination_id)
