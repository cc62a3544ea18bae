"""What a message says: its subject, plain text and simple HTML for people, and JSON for programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from counterfoil.store.notices import DIGEST, TEST, Message, Notice

if TYPE_CHECKING:
    import jinja2

TYPES: Final = {  # a notice's kind -> the type of the webhook that tells of it alone
    "attention": "attention.required",
    "mended": "attention.mended",
    "failed": "sync.failed",
    "weekly": "summary.weekly",
}


@dataclass(frozen=True, slots=True)
class Written:
    """A message in every form that a way may need. Written again, it is the same."""

    subject: str
    text: str
    html: str
    json: bytes


def write(message: Message, notices: Sequence[Notice], public_url: str | None) -> Written:
    """Write a message; without a public URL it holds no links."""
    subject = _subject(message, notices)
    shown: dict[str, Any] = {"subject": subject, "message": message, "notices": notices, "url": public_url}
    text = _templates().get_template("message.txt").render(shown)
    html = _templates().get_template("message.html").render(shown)
    return Written(subject, text, html, _json(message, notices, public_url))


def _subject(message: Message, notices: Sequence[Notice]) -> str:
    if message.kind == TEST:
        return "A test from Counterfoil"
    if len(notices) == 1:
        return notices[0].title
    return f"{len(notices)} notices from Counterfoil"


def _json(message: Message, notices: Sequence[Notice], public_url: str | None) -> bytes:
    kind = message.kind if message.kind in (TEST, DIGEST) or not notices else TYPES[notices[0].kind]
    told = [
        {
            "kind": one.kind,
            "code": one.code,
            "title": one.title,
            "message": one.body,
            "remedy": one.remedy or None,
            "url": public_url + one.path if public_url else None,
            "connection_id": one.connection_id,
            "destination_id": one.destination_id,
            "at": one.at,
        }
        for one in notices
    ]
    return msgspec.json.encode({"type": kind, "timestamp": message.created_at, "data": {"notices": told}})


@cache
def _templates() -> "jinja2.Environment":
    import jinja2  # imported here: a command that sends nothing starts without it

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
