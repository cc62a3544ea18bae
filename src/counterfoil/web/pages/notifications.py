"""Where people are told, of what and when; and what became of each message."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request, Response

from counterfoil.bootstrap import Product
from counterfoil.errors import BadRequest
from counterfoil.store import Tx, audit, channels, notices
from counterfoil.web import forms
from counterfoil.web.auth import ProductOf, SignedInVisitor, Visitor, address_of
from counterfoil.web.render import page, see

router = APIRouter(include_in_schema=False)
Typed = Annotated[str, Form()]
Ticked = Annotated[list[str], Form(default_factory=list)]
LIST: Final = "/settings/notifications"
_SHOWN: Final = 50
KINDS: Final = [
    ("attention", "Something needs you", "a bank asks you to sign in, a key is refused, a column is gone"),
    ("mended", "It is over", "what was told works again"),
    ("failed", "A sync failed", "and nobody is asked to act: the next one tries again"),
    ("weekly", "Weekly summary", "on Monday: how many syncs ran, and how many rows they wrote"),
]
_USUAL: Final = ("attention", "mended", "failed")
_HOURS: Final = [("", "At once"), *((str(hour), f"Once a day, at {hour}:00") for hour in range(24))]
_WAYS: Final = [("email", "E-mail"), ("webhook", "Webhook (signed)"), ("apprise", "Apprise: chat and push services")]


@router.get(LIST)
async def show_list(request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """List the channels."""
    return await _list(request, visitor, product)


@router.post(LIST)
async def add(
    request: Request,
    visitor: SignedInVisitor,
    product: ProductOf,
    kinds: Ticked,
    kind: Typed = "",
    address: Typed = "",
    hour: Typed = "",
    timezone: Typed = "",
) -> Response:
    """Add a channel; a webhook's secret is shown now and never again."""
    visitor.must_own()
    typed = {"kind": kind, "address": address, "kinds": kinds, "hour": hour, "timezone": timezone}
    try:
        added = await product.channels.add(
            visitor.workspace.id, kind, address.strip(), kinds, hour=_hour(hour), timezone=timezone
        )
    except BadRequest as problem:
        return await _list(request, visitor, product, problem, typed)
    await _note(request, visitor, product, "channel.added", added.channel.label)
    if added.secret is None:
        return see(request, f"{LIST}/{added.channel.id}", "Added. Send a test to see that it arrives.")
    return await _one(request, visitor, product, added.channel.id, secret=added.secret)


@router.get(LIST + "/{channel_id}")
async def show_one(
    channel_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf, before: str = ""
) -> Response:
    """Show one channel with its log."""
    return await _one(request, visitor, product, channel_id, before=before or None)


@router.post(LIST + "/{channel_id}")
async def change(
    channel_id: str,
    request: Request,
    visitor: SignedInVisitor,
    product: ProductOf,
    kinds: Ticked,
    hour: Typed = "",
    timezone: Typed = "",
) -> Response:
    """Change what is told, and when."""
    visitor.must_own()
    try:
        changed = await product.channels.change(
            visitor.workspace.id, channel_id, kinds, hour=_hour(hour), timezone=timezone
        )
    except BadRequest as problem:
        return await _one(request, visitor, product, channel_id, problem=problem)
    await _note(request, visitor, product, "channel.changed", changed.label)
    return see(request, f"{LIST}/{channel_id}", "Saved.")


@router.post(LIST + "/{channel_id}/test")
async def send_test(channel_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Send a test, and say what became of it."""
    visitor.must_own()
    sent = await product.channels.test(visitor.workspace.id, channel_id)
    said = {
        "sent": "The test was sent.",
        "failed": "The test was refused; see below.",
        "waiting": "The test has not arrived yet, and is tried again; see below.",
    }[sent.state]
    return see(request, f"{LIST}/{channel_id}", said)


@router.post(LIST + "/{channel_id}/rotate")
async def rotate(channel_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Give a webhook another secret, shown now and never again."""
    visitor.must_own()
    secret = await product.channels.rotate(visitor.workspace.id, channel_id)
    channel = await product.db.read(channels.find, visitor.workspace.id, channel_id)
    await _note(request, visitor, product, "channel.rotated", channel.label)
    return await _one(request, visitor, product, channel_id, secret=secret)


@router.post(LIST + "/{channel_id}/remove")
async def remove(channel_id: str, request: Request, visitor: SignedInVisitor, product: ProductOf) -> Response:
    """Remove a channel."""
    visitor.must_own()
    gone = await product.db.run(channels.remove, visitor.workspace.id, channel_id)
    await _note(request, visitor, product, "channel.removed", gone.label)
    return see(request, LIST, f"Nothing is told at {gone.label} any more.")


async def _list(
    request: Request,
    visitor: Visitor,
    product: Product,
    problem: BadRequest | None = None,
    typed: dict[str, Any] | None = None,
) -> Response:
    usual = {"kind": "email", "address": "", "kinds": _USUAL, "hour": "", "timezone": visitor.user.timezone}
    return page(
        request,
        "notifications.html",
        visitor,
        status=422 if problem else 200,
        problem=problem,
        typed=typed or usual,
        ways=_WAYS,
        channels=await product.db.read(channels.of_workspace, visitor.workspace.id),
        latest=await product.db.read(notices.latest, visitor.workspace.id),
        has_mail=product.settings.mail_server is not None,
        has_address=product.settings.public_url is not None,
        **_choices(),
    )


async def _one(
    request: Request,
    visitor: Visitor,
    product: Product,
    channel_id: str,
    *,
    problem: BadRequest | None = None,
    secret: str | None = None,
    before: str | None = None,
) -> Response:
    channel = await product.db.read(channels.find, visitor.workspace.id, channel_id)
    found, about = await product.db.read(_log, channel.id, before)
    return page(
        request,
        "channel.html",
        visitor,
        status=422 if problem else 200,
        problem=problem,
        secret=secret,
        channel=channel,
        messages=found[:_SHOWN],
        about=about,
        older=f"{LIST}/{channel.id}?before={found[_SHOWN - 1].id}" if len(found) > _SHOWN else None,
        newest=f"{LIST}/{channel.id}" if before else None,
        **_choices(),
    )


def _log(tx: Tx, channel_id: str, before: str | None) -> tuple[list[notices.Message], dict[str, list[str]]]:
    found = notices.page(tx, channel_id, before=before, limit=_SHOWN + 1)
    return found, notices.titles(tx, [one.id for one in found])


def _choices() -> dict[str, Any]:
    return {"kinds": KINDS, "labels": {kind: label for kind, label, _ in KINDS}, "hours": _HOURS, "zones": _zones()}


def _zones() -> list[tuple[str, str]]:
    return [(zone, zone) for zone in forms.timezones()]


def _hour(typed: str) -> int | None:
    if not typed:
        return None
    if not typed.isdecimal():
        raise BadRequest("There is no such hour.", remedy="Choose one from the list.")
    return int(typed)


async def _note(request: Request, visitor: Visitor, product: Product, act: str, subject: str) -> None:
    where = address_of(request)
    await product.db.run(audit.note, visitor.workspace.id, act, user_id=visitor.user.id, subject=subject, address=where)
