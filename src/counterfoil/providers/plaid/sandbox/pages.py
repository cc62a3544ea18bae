"""The hosted pages: choose a bank and its accounts, log in again, or leave."""

from collections.abc import Sequence
from html import escape
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from counterfoil.providers.plaid.sandbox.errors import PlaidError
from counterfoil.providers.plaid.sandbox.items import Institution
from counterfoil.providers.plaid.sandbox.link import Link, LinkToken

_STYLE: Final = """
:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:8vh auto;padding:0 1rem}
h1{font-size:1.25rem}fieldset{border:1px solid #8885;border-radius:8px;margin:1rem 0;padding:.5rem 1rem}
label{display:block;padding:.35rem 0}small{opacity:.65}
button,a.bank{font:inherit;display:block;width:100%;box-sizing:border-box;padding:.7rem 1rem;margin:.5rem 0;
border-radius:8px;border:1px solid #8886;background:none;color:inherit;text-align:left;text-decoration:none}
button.go{background:#1f5fa8;color:#fff;text-align:center;border:0}button.leave{text-align:center;border:0;opacity:.7}
"""


def hosted_pages(link: Link) -> Sequence[Route]:
    """Give the routes of the pages under /hl/."""

    async def show(request: Request) -> Response:
        try:
            token = link.find(request.path_params["token"])
            link.open(token)
            if token.item is not None:
                return _page(_again(link, token))
            wanted = request.query_params.get("institution")
            return _page(_accounts(link, token, link.vendor.institution(wanted)) if wanted else _banks(link, token))
        except PlaidError as error:
            return _refused(error)

    async def finish(request: Request) -> Response:
        form = parse_qs((await request.body()).decode())
        try:
            token = link.find(request.path_params["token"])
            if form.get("outcome") == ["exit"]:
                link.leave(token)
            else:
                link.succeed(token, form.get("institution", [""])[0], form.get("account", []))
        except PlaidError as error:
            return _refused(error)
        target = token.hosted.completion_redirect_uri if token.hosted else None
        return RedirectResponse(target, 303) if target else _page("<h1>Done</h1><p>You may close this window.</p>")

    path = "/hl/{token}"
    return (Route(path, show, methods=["GET"]), Route(path, finish, methods=["POST"]))


def _banks(link: Link, token: LinkToken) -> str:
    banks = "".join(
        f'<a class=bank href="?institution={escape(one.id)}">{escape(one.name)}</a>' for one in link.offered(token)
    )
    return f"<h1>Choose your bank</h1><p>{escape(token.asked.client_name)} asks to read it.</p>{banks}{_leave()}"


def _accounts(link: Link, token: LinkToken, bank: Institution) -> str:
    boxes = "".join(
        f'<label><input type=checkbox name=account value="{escape(account.id)}" checked> {escape(account.name)} '
        f"<small>••{escape(account.mask or '')}</small></label>"
        for account in link.accounts_of(token, bank)
    )
    return (
        f"<h1>{escape(bank.name)}</h1><form method=post><input type=hidden name=institution value={escape(bank.id)}>"
        f"<fieldset><legend>Accounts to share</legend>{boxes}</fieldset>"
        f"<button class=go name=outcome value=success>Share</button></form>{_leave()}"
    )


def _again(link: Link, token: LinkToken) -> str:
    assert token.item is not None
    bank = token.item.institution
    if token.selects_accounts:
        return _accounts(link, token, bank)
    return (
        f"<h1>Log in to {escape(bank.name)} again</h1><form method=post>"
        f"<button class=go name=outcome value=success>Log in</button></form>{_leave()}"
    )


def _leave() -> str:
    return "<form method=post><button class=leave name=outcome value=exit>Leave</button></form>"


def _refused(error: PlaidError) -> Response:
    return _page(f"<h1>This link does not work any more</h1><p>{escape(error.code)}</p>", 400)


def _page(content: str, status: int = 200) -> HTMLResponse:
    head = f"<meta charset=utf-8><meta name=viewport content='width=device-width'><style>{_STYLE}</style>"
    return HTMLResponse(f"<!doctype html><html lang=en><title>Connect a bank</title>{head}{content}", status)
