"""Our own files and the vendored scripts: read once, sent compressed, kept by browsers until they change."""

import gzip
import mimetypes
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from fastapi import APIRouter, HTTPException, Request, Response

router = APIRouter(include_in_schema=False)
_FOLDER: Final = Path(__file__).parent / "static"
_FOREVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    packed: bytes
    type: str
    print: str  # changes with the content: part of the address


@cache
def _files() -> dict[str, _File]:
    found = {}
    for path in sorted(_FOLDER.iterdir()):
        body = path.read_bytes()
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        found[path.name] = _File(body, gzip.compress(body, 9), kind, sha256(body).hexdigest()[:12])
    return found


def address(name: str) -> str:
    """Give the address of a file (KeyError where there is none); another content has another address."""
    return f"/static/{name}?v={_files()[name].print}"


@router.get("/static/{name}")
async def send_file(name: str, request: Request) -> Response:
    """Answer with a file."""
    file = _files().get(name)
    if file is None:
        raise HTTPException(404)
    headers = {"vary": "accept-encoding", "cache-control": _FOREVER if "v" in request.query_params else "no-cache"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.packed, media_type=file.type, headers=headers | {"content-encoding": "gzip"})
    return Response(file.body, media_type=file.type, headers=headers)
