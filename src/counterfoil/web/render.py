"""Makes pages from templates: every value is escaped, a name that is not there is an error."""

import datetime as dt
import secrets
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse

from counterfoil import __version__
from counterfoil.store.workspaces import Display
from counterfoil.web import cookies, csrf, static_files, words
from counterfoil.web.auth import Visitor
from counterfoil.web.nav import NAV

_GUEST_LIVES: Final = dt.timedelta(hours=12)

_SAID: Final = "counterfoil-said"


def _display(context: jinja2.runtime.Context) -> Display:
    visitor: Visitor | None = context.get("visitor")
    return visitor.workspace.display if visitor else words.PLAIN


@jinja2.pass_context
def _money(
    context: jinja2.runtime.Context, amount: Decimal | None, currency: str, *, sign: bool = False, exact: bool = False
) -> str:
    return words.money(amount, currency, sign=sign, exact=exact, display=_display(context))


@jinja2.pass_context
def _number(context: jinja2.runtime.Context, value: Decimal) -> str:
    return words.number(value, _display(context))


_environment: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(
    about=words.about,
    ago=words.ago,
    browser=words.browser,
    cause=words.cause,
    clock=words.clock,
    day=words.day,
    filled=words.filled,
    lasted=words.lasted,
    money=_money,
    number=_number,
    said=words.said,
)
_environment.globals.update(
    static=static_files.address,
    count=words.count,
    moment_of=words.moment_of,
    version=__version__,
    connection_states=words.CONNECTION_STATES,
    sync_states=words.SYNC_STATES,
    run_states=words.RUN_STATES,
)


def page(
    request: Request, template: str, visitor: Visitor | None = None, /, *, status: int = 200, **values: Any
) -> HTMLResponse:
    """Answer with a page. Templates see `visitor`, `path`, `nonce`, `csrf` (a function: the form's token) and `nav`."""
    secret = csrf.secret_of(request)
    said = request.cookies.get(_SAID)
    fresh = secrets.token_urlsafe(24) if secret is None else None
    shown = _environment.get_template(template).render(
        visitor=visitor,
        timezone=visitor.user.timezone if visitor else "UTC",
        path=request.url.path,
        nonce=request.state.nonce,
        csrf=lambda: csrf.token(secret or fresh or ""),
        nav=NAV,
        said=unquote(said) if said else None,
        **values,
    )
    response = HTMLResponse(shown, status)
    if said is not None:
        cookies.drop(request, response, _SAID)
    if fresh is not None:
        cookies.put(request, response, cookies.guest_name(request), fresh, _GUEST_LIVES)
    return response


def guide_of(slug: str) -> str | None:
    """Give the template that explains step by step how to get a connector's credential, None where there is none."""
    name = f"guides/{slug}.html"
    return name if name in _environment.list_templates() else None


def see(request: Request, path: str, said: str | None = None) -> RedirectResponse:
    """Send the browser on after an act, so that a reload repeats nothing; `said` is shown once on top of that page."""
    response = RedirectResponse(path, 303)
    if said is not None:
        cookies.put(request, response, _SAID, quote(said), dt.timedelta(seconds=30))
    return response
