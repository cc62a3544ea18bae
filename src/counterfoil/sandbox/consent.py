"""The consent page of an emulated vendor: says what is asked for, and sends the browser back with the answer."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Final
from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

_STYLE: Final = """
:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:8vh auto;padding:0 1rem}
h1{font-size:1.25rem}label{display:block;padding:.35rem 0}
button{font:inherit;padding:.7rem 1rem;margin:.5rem .5rem .5rem 0;border-radius:8px;border:1px solid #8886}
"""


async def ask(
    request: Request, vendor: str, asks: Mapping[str, str], allow: Callable[[Sequence[str]], str]
) -> Response:
    """Show the page, or (POST) carry out what the person chose.

    `asks` is what can be ticked, by the word that `allow` gets for it; `allow` gives the code to send back.
    """
    if request.method == "GET":
        return _page(vendor, asks)
    form = parse_qs((await request.body()).decode())
    query = request.query_params
    allowed = form.get("outcome") == ["allow"]
    answer = {"code": allow(form.get("ticked", []))} if allowed else {"error": "access_denied"}
    state = {"state": query["state"]} if "state" in query else {}
    return RedirectResponse(f"{query.get('redirect_uri', '')}?{urlencode(answer | state)}", 303)


def _page(vendor: str, asks: Mapping[str, str]) -> Response:
    ticks = "".join(
        f'<label><input type=checkbox name=ticked value="{escape(word)}" checked> {escape(text)}</label>'
        for word, text in asks.items()
    )
    return HTMLResponse(
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{escape(vendor)}</title><style>{_STYLE}</style>"
        f"<h1>Counterfoil wants to use your {escape(vendor)}</h1><form method=post>{ticks}"
        "<button name=outcome value=allow>Allow</button><button name=outcome value=deny>Cancel</button></form>"
        "<p><small>This is an emulator; nothing leaves this computer.</small></p>"
    )
