"""Signing in with Notion: consent, tokens that rotate, and what happens when they cannot."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from pydantic import BaseModel, SecretStr

from contracts.samples import create, mapping
from contracts.stage import Control, Hurried
from counterfoil.destinations.notion import SPEC, NotionApp, NotionSettings
from counterfoil.destinations.notion.oauth import authorize_url, exchange, revoke
from counterfoil.destinations.notion.sandbox import CLIENT_ID, CLIENT_SECRET, PAGE_ID, emulator
from counterfoil.errors import ActionRequired, RetryLater
from counterfoil.lib.http import Http
from counterfoil.ports import Access, Destination, Identity, Written
from counterfoil.sandbox.server import serving

pytestmark = pytest.mark.anyio
_RETURN_TO = "https://counterfoil.example/back"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def url() -> Iterator[str]:
    notion = emulator()
    notion.limits.scale = None
    with serving(notion) as served:
        yield served.urls["notion"]


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    http = Http(budgets=Hurried())
    yield http
    await http.aclose()


@dataclass
class Signed:
    """A user who signed in, and what was saved since."""

    http: Http
    app: NotionApp
    settings: NotionSettings
    control: Control
    saved: list[BaseModel] = field(default_factory=list)
    meanwhile: Callable[[], None] | None = None  # done while the new tokens are being stored

    def open(self) -> Destination:
        return SPEC.open(Access(self.http, self.app, self.settings, self._save))

    async def _save(self, settings: BaseModel) -> None:
        if self.meanwhile is not None:
            self.meanwhile()
            await asyncio.sleep(0.1)  # for that to go on with a token that is not stored yet, if it did
        used = [call for call in self.control.calls() if call["status"] != 401 and "oauth" not in call["path"]]
        assert used == []
        self.saved.append(settings)


@pytest.fixture
async def signed(url: str, http: Http) -> AsyncIterator[Signed]:
    app = NotionApp(url=url, client_id=CLIENT_ID, client_secret=SecretStr(CLIENT_SECRET))
    tokens = await exchange(http, app, code=await _consent(app), return_to=_RETURN_TO)
    assert tokens.refresh_token is not None
    token, renewal = SecretStr(tokens.access_token), SecretStr(tokens.refresh_token)
    settings = NotionSettings(token=token, page_id=PAGE_ID, refresh_token=renewal)
    control = Control(url)
    yield Signed(http, app, settings, control)
    control.close()


async def _consent(app: NotionApp) -> str:
    """Visit the consent page as a browser would; give the code that comes back."""
    async with httpx2.AsyncClient() as browser:
        page = authorize_url(app, return_to=_RETURN_TO, state="a&b")
        reply = await browser.post(page, data={"outcome": "allow", "ticked": PAGE_ID})
    back = parse_qs(urlsplit(reply.headers["location"]).query)
    assert back["state"] == ["a&b"]
    return back["code"][0]


async def test_signing_in_gives_settings_that_work(signed: Signed) -> None:
    assert (await signed.open().check()).remote_id == PAGE_ID


async def test_a_code_works_once(signed: Signed) -> None:
    code = await _consent(signed.app)
    await exchange(signed.http, signed.app, code=code, return_to=_RETURN_TO)
    with pytest.raises(ActionRequired):
        await exchange(signed.http, signed.app, code=code, return_to=_RETURN_TO)


async def _expire(signed: Signed) -> None:
    signed.control.act("revoke")
    signed.control.forget_calls()


async def test_a_token_that_ran_out_is_renewed_and_saved_before_it_is_used(signed: Signed) -> None:
    await _expire(signed)
    await signed.open().check()
    (saved,) = signed.saved
    assert isinstance(saved, NotionSettings)
    assert saved.token != signed.settings.token and saved.refresh_token != signed.settings.refresh_token
    assert saved.page_id == signed.settings.page_id


async def test_a_request_that_begins_while_new_tokens_are_stored_waits_for_them(signed: Signed) -> None:
    destination, others = signed.open(), list[asyncio.Task[Identity]]()
    await _expire(signed)
    signed.meanwhile = lambda: others.append(asyncio.create_task(_check(destination)))
    assert await destination.check() == await others[0]
    assert len(signed.saved) == 1


async def _check(destination: Destination) -> Identity:
    return await destination.check()


async def test_requests_in_flight_renew_the_token_once(signed: Signed) -> None:
    destination = signed.open()
    (table,) = await destination.prepare([mapping("institutions")])
    await _expire(signed)
    changes = [create(table, f"in-{number}", {"name": f"Bank {number}"}) for number in range(20)]
    outcomes = await destination.write(table, changes)
    assert {type(outcome) for outcome in outcomes} == {Written}
    assert len(signed.saved) == 1
    assert len([call for call in signed.control.calls() if call["path"] == "/v1/oauth/token"]) == 1


async def test_a_refresh_token_that_was_used_elsewhere_asks_the_user_to_sign_in_again(signed: Signed) -> None:
    await _expire(signed)
    await signed.open().check()
    await _expire(signed)
    with pytest.raises(ActionRequired) as caught:
        await signed.open().check()  # with the settings from before
    assert caught.value.code == "token_refused" and "sign in" in caught.value.remedy


async def test_a_wrong_client_secret_names_the_settings_to_check(signed: Signed) -> None:
    await _expire(signed)
    signed.app = signed.app.model_copy(update={"client_secret": SecretStr("wrong")})
    with pytest.raises(ActionRequired) as caught:
        await signed.open().check()
    assert "COUNTERFOIL_NOTION_CLIENT_SECRET" in caught.value.remedy
    assert "wrong" not in caught.value.remedy


async def test_an_internal_token_is_never_renewed(signed: Signed) -> None:
    signed.settings = signed.settings.model_copy(update={"refresh_token": None})
    await _expire(signed)
    with pytest.raises(ActionRequired):
        await signed.open().check()
    assert {call["path"] for call in signed.control.calls()} == {"/v1/users/me"}


# --- the end of a permission -------------------------------------------------------------------------------


async def test_a_revoked_token_opens_nothing_and_is_not_renewed(signed: Signed) -> None:
    await revoke(signed.http, signed.app, signed.settings)
    with pytest.raises(ActionRequired) as caught:
        await signed.open().check()
    assert caught.value.code == "token_refused"
    await revoke(signed.http, signed.app, signed.settings)  # a repeat after a lost reply


async def test_another_consent_keeps_its_own_token(signed: Signed) -> None:
    again = await exchange(signed.http, signed.app, code=await _consent(signed.app), return_to=_RETURN_TO)
    await revoke(signed.http, signed.app, signed.settings)
    signed.settings = signed.settings.model_copy(update={"token": SecretStr(again.access_token)})
    await signed.open().check()


async def test_a_revocation_says_what_is_wrong_without_the_token(signed: Signed) -> None:
    wrong = signed.app.model_copy(update={"client_secret": SecretStr("wrong")})
    with pytest.raises(ActionRequired, match="OAuth client"):
        await revoke(signed.http, wrong, signed.settings)
    signed.control.plan(path="/v1/oauth/revoke", kind="status", status=503, times=4)
    with pytest.raises(RetryLater) as later:
        await revoke(signed.http, signed.app, signed.settings)
    signed.control.plan(path="/v1/oauth/revoke", kind="status", status=400, body={"code": "validation_error"})
    with pytest.raises(ActionRequired, match="refuses to end") as refused:
        await revoke(signed.http, signed.app, signed.settings)
    token = signed.settings.token.get_secret_value()
    assert token not in f"{later.value!r} {refused.value!r} {refused.value.remedy}"
    await signed.open().check()
    signed.control.plan(path="/v1/oauth/revoke", kind="status", status=400, body={"code": "invalid_grant"})
    await revoke(signed.http, signed.app, signed.settings)  # gone already
