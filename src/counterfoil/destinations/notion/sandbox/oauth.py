"""OAuth of the Notion emulator: a consent page, tokens that rotate, introspection and revocation."""

import base64
import binascii
import json
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from counterfoil.destinations.notion.sandbox.gate import Gate
from counterfoil.destinations.notion.sandbox.state import refuse
from counterfoil.sandbox.consent import ask
from counterfoil.sandbox.kit import Json

CLIENT_ID: Final = "sandbox-client"
CLIENT_SECRET: Final = "sandbox-client-secret"  # noqa: S105  # of the emulator


@dataclass(slots=True)
class Grants:
    """The grants of the one public connection that the emulator knows."""

    gate: Gate
    codes: dict[str, str] = field(default_factory=dict)  # code -> the redirect_uri it was asked with
    access_of: dict[str, str] = field(default_factory=dict)  # refresh token -> its access token

    def issue(self) -> tuple[str, str]:
        """Give a new access token and its refresh token."""
        access, refresh = f"ntn_{secrets.token_hex(20)}", f"nrt_{secrets.token_hex(20)}"
        self.gate.tokens[access] = True
        self.access_of[refresh] = access
        return access, refresh

    async def authorize(self, request: Request) -> Response:
        """Show the consent page, and send the browser back with the answer. The page that is ticked is shared."""
        query = request.query_params
        if query.get("client_id") != CLIENT_ID or query.get("response_type") != "code":
            refuse(400, "invalid_request", "Missing or invalid client_id, or response_type is not code.")

        def allow(ticked: Sequence[str]) -> str:
            code = secrets.token_hex(16)
            self.codes[code] = query.get("redirect_uri", "")
            self.gate.workspace.shared = workspace.page_id in ticked
            return code

        workspace = self.gate.workspace
        return await ask(request, "Notion", {workspace.page_id: f"The page {workspace.page_title}"}, allow)

    async def token(self, request: Request) -> Response:
        """Exchange a code, or rotate: both tokens are new, both old ones are dead."""
        _client(request)
        body = _fields(await request.body())
        if body.get("grant_type") == "authorization_code":
            if self.codes.pop(body.get("code", ""), None) != body.get("redirect_uri", ""):
                refuse(400, "invalid_grant", "The code is not known, was used, or belongs to another redirect_uri.")
        elif body.get("grant_type") == "refresh_token":
            old = self.access_of.pop(body.get("refresh_token", ""), None)
            if old is None:
                refuse(400, "invalid_grant", "The refresh token is not known or was used.")
            self.gate.tokens.pop(old, None)
        else:
            refuse(400, "invalid_request", "grant_type should be authorization_code or refresh_token.")
        return Json(self._granted(*self.issue()))

    def _granted(self, access: str, refresh: str) -> dict[str, Any]:
        workspace = self.gate.workspace
        person = {"object": "user", "id": workspace.user_id, "name": "Sandbox user", "avatar_url": None}
        return {
            "access_token": access,
            "token_type": "bearer",
            "refresh_token": refresh,
            "bot_id": workspace.bot_id,
            "workspace_icon": None,
            "workspace_name": "Sandbox",
            "workspace_id": workspace.workspace_id,
            "owner": {
                "type": "user",
                "user": person | {"type": "person", "person": {"email": "user@sandbox.example"}},
            },
            "duplicated_template_id": None,
        }

    async def introspect(self, request: Request) -> Response:
        """Say whether a token works."""
        _client(request)
        token = _fields(await request.body()).get("token", "")
        return Json({"active": self.gate.tokens.get(token, False)})

    async def revoke(self, request: Request) -> Response:
        """End a token, and with it the one that would renew it. One that has ended already is no error (RFC 7009)."""
        _client(request)
        token = _fields(await request.body()).get("token")
        if not token:
            refuse(400, "validation_error", "body failed validation: body.token should be defined.")
        self.gate.tokens.pop(token, None)
        self.access_of = {refresh: access for refresh, access in self.access_of.items() if access != token}
        return Json({"request_id": str(uuid.uuid4())})

    def routes(self) -> list[BaseRoute]:
        """Give the routes under /v1/oauth."""
        return [
            Route("/v1/oauth/authorize", self.authorize, methods=["GET", "POST"]),
            Route("/v1/oauth/token", self.token, methods=["POST"]),
            Route("/v1/oauth/introspect", self.introspect, methods=["POST"]),
            Route("/v1/oauth/revoke", self.revoke, methods=["POST"]),
        ]


def _client(request: Request) -> None:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        given = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        given = ""
    if scheme.lower() != "basic" or given != f"{CLIENT_ID}:{CLIENT_SECRET}":
        refuse(401, "invalid_client", "Client authentication failed.")


def _fields(raw: bytes) -> dict[str, str]:
    try:
        body = json.loads(raw)
    except ValueError:
        refuse(400, "invalid_json", "Error parsing JSON body.")
    return {key: value for key, value in body.items() if isinstance(value, str)} if isinstance(body, dict) else {}
