"""Connects, repairs and removes Items through Hosted Link: Plaid's own page, no script of theirs in ours.

https://plaid.com/docs/link/hosted-link/
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from pydantic import BaseModel, SecretStr

from counterfoil.errors import ActionRequired, NotOffered
from counterfoil.lib.http import Http
from counterfoil.lib.secrets import fingerprint
from counterfoil.linking import AccountMark, Candidate, Visit, VisitOutcome, VisitState
from counterfoil.providers.plaid import wire
from counterfoil.providers.plaid.client import AT_ONCE, PlaidClient
from counterfoil.providers.plaid.settings import PlaidApp, PlaidSettings

_HISTORY_DAYS: Final = 730  # fixed for good once an Item has transactions: ask for all there is
_LIFETIME: Final = 30 * 60  # seconds in which a person may open the page
_GONE: Final = frozenset({"item_not_found", "invalid_access_token"})

# What the bank must offer, and what is read as well where it does. Asking for both kinds at once would hide every
# bank that has only one of them.
_PRODUCTS: Final[Mapping[str, tuple[Sequence[str], Sequence[str]]]] = {
    "bank": (("transactions",), ("investments", "liabilities")),
    "broker": (("investments",), ("transactions", "liabilities")),
}


class PlaidLink:
    """Plaid's connect flow."""

    choices: Mapping[str, str] = {"bank": "A bank, a card or a loan", "broker": "A broker or a pension account"}

    async def begin(self, http: Http, app: BaseModel, *, choice: str, user: str, return_to: str | None) -> Visit:
        """Begin a visit for a new Item (KeyError where there is no such choice)."""
        required, optional = _PRODUCTS[choice]
        return await self._create(
            http,
            cast(PlaidApp, app),
            user,
            return_to,
            {
                "products": list(required),
                "optional_products": list(optional),
                "transactions": {"days_requested": _HISTORY_DAYS},
            },
        )

    async def repair(
        self,
        http: Http,
        app: BaseModel,
        settings: BaseModel,
        *,
        user: str,
        return_to: str | None,
        new_accounts: bool = False,
    ) -> Visit:
        """Begin a visit in update mode. The Item keeps its access token; its accounts may get new ids."""
        extra: dict[str, Any] = {"access_token": cast(PlaidSettings, settings).access_token.get_secret_value()}
        if new_accounts:
            extra["update"] = {"account_selection_enabled": True}
        return await self._create(http, cast(PlaidApp, app), user, return_to, extra)

    async def _create(
        self, http: Http, app: PlaidApp, user: str, return_to: str | None, extra: Mapping[str, Any]
    ) -> Visit:
        body: dict[str, Any] = {
            "client_name": app.client_name,
            "language": app.language,
            "country_codes": list(app.country_codes),
            "user": {"client_user_id": user},
            "hosted_link": {"url_lifetime_seconds": _LIFETIME},
            **extra,
        }
        if return_to is not None:
            body["hosted_link"]["completion_redirect_uri"] = return_to
        if app.webhook_url is not None:
            body["webhook"] = app.webhook_url
        link = await PlaidClient(http, app, patience=AT_ONCE).read("/link/token/create", body, wire.LinkToken)
        return Visit(
            id=fingerprint(link.link_token),
            url=link.hosted_link_url,
            reference=SecretStr(link.link_token),
            expires_at=link.expiration,
        )

    async def finish(self, http: Http, app: BaseModel, reference: SecretStr) -> VisitOutcome:
        """Ask how a visit stands."""
        client = PlaidClient(http, cast(PlaidApp, app), patience=AT_ONCE)
        body = {"link_token": reference.get_secret_value()}
        return outcome(await client.read("/link/token/get", body, wire.LinkStatus))

    async def accept(self, http: Http, app: BaseModel, candidate: Candidate) -> PlaidSettings:
        """Exchange the candidate's ticket, which is good for 30 minutes, for an access token."""
        body = {"public_token": candidate.ticket.get_secret_value()}
        client = PlaidClient(http, cast(PlaidApp, app), patience=AT_ONCE)
        exchanged = await client.read("/item/public_token/exchange", body, wire.Exchanged)
        return PlaidSettings(
            access_token=SecretStr(exchanged.access_token),
            item_id=exchanged.item_id,
            institution_id=candidate.accounts[0].institution if candidate.accounts else None,
            label=candidate.label,
        )

    async def remove(self, http: Http, app: BaseModel, settings: BaseModel) -> None:
        """Remove the Item at Plaid, which ends its billing. One that is gone already is fine."""
        try:
            await self._of(http, app, settings).post("/item/remove", {})
        except ActionRequired as error:
            if error.code not in _GONE:
                raise

    async def refresh(self, http: Http, app: BaseModel, settings: BaseModel) -> bool:
        """Ask Plaid to read the bank now (a paid add-on, so it is asked for only once)."""
        try:
            await self._of(http, app, settings).post("/transactions/refresh", {}, repeatable=False)
        except NotOffered:
            return False
        return True

    def _of(self, http: Http, app: BaseModel, settings: BaseModel) -> PlaidClient:
        token = cast(PlaidSettings, settings).access_token.get_secret_value()
        return PlaidClient(http, cast(PlaidApp, app), token)


def outcome(status: wire.LinkStatus) -> VisitOutcome:
    """Say how a visit stands. One page may be opened several times: a success counts whatever came before or after."""
    candidates = {
        linked.public_token: _candidate(linked)
        for session in status.link_sessions
        for linked in (session.results.item_add_results if session.results else ())
    }
    finished = [session for session in status.link_sessions if session.finished_at is not None]
    if candidates or any(session.exit is None for session in finished):
        return VisitOutcome(VisitState.DONE, tuple(candidates.values()))
    if not finished or len(finished) < len(status.link_sessions):
        return VisitOutcome(VisitState.OPEN)
    error = finished[-1].exit and finished[-1].exit.error
    return VisitOutcome(VisitState.LEFT, reason=error.error_code.lower() if error else None)


def _candidate(linked: wire.LinkedItem) -> Candidate:
    bank = linked.institution or wire.LinkInstitution()
    return Candidate(
        ticket=SecretStr(linked.public_token),
        label=bank.name or "Bank",
        accounts=tuple(
            AccountMark(one.id, bank.institution_id, one.name, one.type, one.subtype, one.mask)
            for one in linked.accounts
        ),
    )
