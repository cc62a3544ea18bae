"""Link tokens, their sessions, and what the hosted pages lead to. https://plaid.com/docs/link/hosted-link/"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from counterfoil.providers.plaid.sandbox import requests as ask
from counterfoil.providers.plaid.sandbox.answers import stamp
from counterfoil.providers.plaid.sandbox.desk import Call
from counterfoil.providers.plaid.sandbox.errors import PlaidError
from counterfoil.providers.plaid.sandbox.items import Institution, Item
from counterfoil.providers.plaid.sandbox.vendor import Vendor
from counterfoil.sandbox.world.ledger import Account

_NEW_LIFE: Final = 4 * 3600.0
_UPDATE_LIFE: Final = 30 * 60.0
_HOSTED_LIFE: Final = 30 * 60.0
_LONGEST_LIFE: Final = 21 * 86_400
_SESSION_KEPT: Final = 6 * 3600.0
_NOT_FOR_LINK: Final = frozenset({"balance", "recurring_transactions", "investments_refresh"})


@dataclass(slots=True)
class Session:
    """One visit to Link, from its first page to its end."""

    id: str
    started: float
    finished: float | None = None
    public_token: str | None = None
    institution: Institution | None = None
    accounts: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class LinkToken:
    """A token by which Link can be opened, for a new Item or to repair one."""

    text: str
    asked: ask.LinkTokenCreate
    created: float
    expires: float
    item: Item | None  # update mode
    sessions: list[Session] = field(default_factory=list)

    @property
    def hosted(self) -> ask.HostedLink | None:
        """What was asked about the hosted page."""
        return self.asked.hosted_link

    @property
    def selects_accounts(self) -> bool:
        """Say whether update mode lets the user choose accounts anew."""
        return bool(self.asked.update and self.asked.update.account_selection_enabled)


class Link:
    """The link tokens, and what becomes of them."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self._tokens: dict[str, LinkToken] = {}

    def create(self, call: Call[ask.LinkTokenCreate]) -> dict[str, Any]:
        """Answer /link/token/create."""
        asked, vendor = call.ask, call.vendor
        item = vendor.item(asked.access_token) if asked.access_token else None
        _check(asked, item)
        now = vendor.clock.now()
        life = _UPDATE_LIFE if item else _NEW_LIFE
        if asked.hosted_link is not None:
            life = asked.hosted_link.url_lifetime_seconds or _HOSTED_LIFE
        token = LinkToken(vendor.token("link"), asked, now, now + life, item)
        self._tokens[token.text] = token
        body = {"link_token": token.text, "expiration": stamp(token.expires)}
        if asked.hosted_link is not None:
            body["hosted_link_url"] = f"{call.own_url}/hl/{token.text}"
        return body

    def get(self, call: Call[ask.LinkTokenGet]) -> dict[str, Any]:
        """Answer /link/token/get."""
        token = self.find(call.ask.link_token)
        return {
            "link_token": token.text,
            "created_at": stamp(token.created),
            "expiration": stamp(token.expires),
            "metadata": {
                "initial_products": token.asked.products or [],
                "webhook": token.asked.webhook,
                "country_codes": token.asked.country_codes,
                "language": token.asked.language,
                "account_filters": {},
                "redirect_uri": token.asked.redirect_uri,
                "client_name": token.asked.client_name,
            },
            "link_sessions": [_session_body(session) for session in token.sessions],
        }

    def find(self, text: str) -> LinkToken:
        """Give a link token. Raises the vendor's error where there is none, or its sessions are forgotten."""
        token = self._tokens.get(text)
        now = self.vendor.clock.now()
        if token is None:
            raise PlaidError("INVALID_LINK_TOKEN")
        ends = [session.finished for session in token.sessions if session.finished is not None]
        if now > max([token.expires, *(end + _SESSION_KEPT for end in ends)]):
            raise PlaidError("INVALID_LINK_TOKEN")
        return token

    def open(self, token: LinkToken) -> Session:
        """Begin a session, or go on with the one that is open. Raises the vendor's error on an expired token."""
        if self.vendor.clock.now() > token.expires:
            raise PlaidError("INVALID_LINK_TOKEN")
        if not token.sessions or token.sessions[-1].finished is not None:
            token.sessions.append(Session(self.vendor.new_id(), self.vendor.clock.now()))
            self._note(token.sessions[-1], "OPEN")
        return token.sessions[-1]

    def offered(self, token: LinkToken) -> Sequence[Institution]:
        """Give the institutions that the user may choose from: those with every product that is a must."""
        must = token.asked.products or ()
        return [one for one in self.vendor.institutions.values() if all(name in one.products for name in must)]

    def accounts_of(self, token: LinkToken, institution: Institution) -> list[Account]:
        """Give the accounts that the user may choose from."""
        bank = token.item.bank if token.item else self.vendor.world.bank(institution.bank)
        wanted = token.asked.account_filters
        return [account for account in bank.accounts.values() if not wanted or account.type in wanted]

    def succeed(self, token: LinkToken, institution_id: str, chosen: Sequence[str]) -> Session:
        """End the session with an Item: a new one, or in update mode the repaired one. `chosen` are world accounts."""
        session, asked, vendor = self.open(token), token.asked, self.vendor
        if token.item is not None:
            item = token.item
            vendor.repair(item, tell=False)
            if token.selects_accounts:
                item.show(account for account in item.bank.accounts.values() if account.id in chosen)
                vendor.catch_up(item)
        else:
            institution = vendor.institution(institution_id)
            also = [*(asked.required_if_supported_products or ()), *(asked.optional_products or ())]
            products = [*(asked.products or ()), *(name for name in also if name in institution.products)]
            item, session.public_token = vendor.create(
                institution_id,
                products,
                webhook=asked.webhook,
                days=asked.transactions.days_requested if asked.transactions else None,
                chosen=set(chosen).__contains__,
            )
        session.institution = item.institution
        session.accounts = [_chosen_body(account_id, account) for account_id, account in item.accounts.items()]
        self._note(session, "SELECT_INSTITUTION")
        self._note(session, "HANDOFF")
        self._finish(token, session, "SUCCESS")
        return session

    def leave(self, token: LinkToken) -> Session:
        """End the session without anything."""
        session = self.open(token)
        self._note(session, "EXIT")
        self._finish(token, session, "EXITED")
        return session

    def _finish(self, token: LinkToken, session: Session, status: str) -> None:
        session.finished = self.vendor.clock.now()
        if not token.asked.webhook:
            return
        common = {"webhook_type": "LINK", "link_session_id": session.id, "link_token": token.text,
                  "environment": "sandbox"}  # fmt: skip
        tokens = [session.public_token] if session.public_token else []
        send = self.vendor.courier.send
        for public_token in tokens:
            send(token.asked.webhook, common | {"webhook_code": "ITEM_ADD_RESULT", "public_token": public_token})
        send(token.asked.webhook, common | {"webhook_code": "EVENTS", "events": session.events})
        finished = {"webhook_code": "SESSION_FINISHED", "status": status, "public_tokens": tokens}
        send(token.asked.webhook, common | finished)

    def _note(self, session: Session, name: str) -> None:
        bank = session.institution
        named = {"institution_id": bank.id, "institution_name": bank.name} if bank else {}
        metadata: dict[str, Any] = {"request_id": self.vendor.new_id(15)} | named
        now = stamp(self.vendor.clock.now())
        event_id = f"{session.id}-{len(session.events)}"
        session.events.append({"event_name": name, "timestamp": now, "event_id": event_id, "event_metadata": metadata})


def _check(asked: ask.LinkTokenCreate, item: Item | None) -> None:
    if asked.user is None and asked.user_id is None:
        raise PlaidError("MISSING_FIELDS", "the following required fields are missing: user")
    if item is not None and asked.products:
        raise PlaidError("INVALID_FIELD", "products must not be given in update mode")
    if item is None and not asked.products:
        raise PlaidError("MISSING_FIELDS", "the following required fields are missing: products")
    lists = (asked.products, asked.required_if_supported_products, asked.optional_products)
    wrong = sorted({name for names in lists for name in names or ()} & _NOT_FOR_LINK)
    if wrong:
        raise PlaidError("INVALID_PRODUCT", f"not a product for Link: {', '.join(wrong)}")
    lifetime = asked.hosted_link.url_lifetime_seconds if asked.hosted_link else None
    if lifetime is not None and not 0 < lifetime <= _LONGEST_LIFE:
        raise PlaidError("INVALID_FIELD", "url_lifetime_seconds must be at most 21 days")


def _chosen_body(account_id: str, account: Account) -> dict[str, Any]:
    return {
        "id": account_id,
        "name": account.name,
        "mask": account.mask,
        "type": account.type,
        "subtype": account.subtype or "",
        "verification_status": None,
        "class_type": None,
    }


def _session_body(session: Session) -> dict[str, Any]:
    body: dict[str, Any] = {
        "link_session_id": session.id,
        "started_at": stamp(session.started),
        "finished_at": stamp(session.finished),
        "events": session.events,
        "on_success": None,
        "on_exit": None,
        "exit": None,
        "results": None,
    }
    bank = session.institution and {"name": session.institution.name, "institution_id": session.institution.id}
    if session.finished is not None and session.institution is None:
        metadata = {"status": "requires_credentials", "link_session_id": session.id, "request_id": ""}
        body["exit"] = body["on_exit"] = {"error": None, "metadata": metadata | {"institution": None}}
    elif session.finished is not None:
        added = []
        if session.public_token:
            added = [{"public_token": session.public_token, "accounts": session.accounts, "institution": bank}]
            chosen: dict[str, Any] = {"institution": bank, "accounts": session.accounts, "link_session_id": session.id}
            body["on_success"] = {"public_token": session.public_token, "metadata": chosen}
        body["results"] = {
            "item_add_results": added,
            "cra_item_add_results": [],
            "cra_update_results": [],
            "bank_income_results": [],
            "payroll_income_results": [],
            "document_income_results": None,
        }
    return body
