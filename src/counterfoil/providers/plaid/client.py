"""Sends requests to Plaid: credentials, budgets, and refusals named by what must happen next."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from counterfoil.errors import ActionRequired, RetryLater
from counterfoil.lib.http import Http, Reply
from counterfoil.providers.plaid.limits import WINDOW, budgets
from counterfoil.providers.plaid.refusals import read_fault, refusal
from counterfoil.providers.plaid.settings import PlaidApp

T = TypeVar("T")

_VERSION: Final = "2020-09-14"
AT_ONCE: Final = 2.0  # seconds of patience where a person, or Plaid itself, waits for our answer


class PlaidClient:
    """Plaid for one installation, and for one connection where `access_token` is given.

    A 429 is waited out within the call unless that takes longer than `patience` seconds.
    """

    def __init__(
        self, http: Http, app: PlaidApp, access_token: str | None = None, *, patience: float = WINDOW + 5
    ) -> None:
        self._http = http
        self._app = app
        self._token = access_token
        self._patience = patience

    async def post(self, path: str, body: Mapping[str, Any], *, repeatable: bool = True) -> Reply:
        """Send a request and give the successful reply.

        Every endpoint is a POST, and all but one may be asked again. Raises what `refusal` names: `RetryLater`,
        `ActionRequired`, `NotOffered`, `RestartFetch` or `PlaidRefused`.
        """
        app = self._app
        if not (app.client_id and app.secret.get_secret_value()):
            raise ActionRequired(
                "plaid_not_set_up",
                "This installation has no keys for Plaid yet.",
                remedy="Set COUNTERFOIL_PLAID_CLIENT_ID and COUNTERFOIL_PLAID_SECRET from Plaid's dashboard.",
            )
        reply = await self._http.send(
            "POST",
            app.url.rstrip("/") + path,
            json={"access_token": self._token, **body} if self._token else body,
            headers={
                "PLAID-CLIENT-ID": app.client_id,
                "PLAID-SECRET": app.secret.get_secret_value(),
                "Plaid-Version": _VERSION,
            },
            spend=budgets(path, url=app.url, client_id=app.client_id, access_token=self._token),
            pause_on_429=WINDOW,
            repeatable=repeatable,
            patience=self._patience,
        )
        if not reply.ok:
            raise refusal(path, reply.status, read_fault(reply))
        if not reply.body:
            raise RetryLater(f"Plaid answered {path} with nothing.", after=10, fate_unknown=True)
        return reply

    async def read(self, path: str, body: Mapping[str, Any], shape: type[T]) -> T:
        """Send a request and give the reply decoded. Raises as `post` does."""
        return (await self.post(path, body)).decode(shape)
