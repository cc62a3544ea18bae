"""Every page of the product: its routes, and the way to each, which is a link on another page."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from fastapi.routing import APIRoute
from playwright.sync_api import Page
from starlette.routing import BaseRoute, compile_path

from counterfoil.web import pages

# Addresses that show no page to somebody who is signed in, and why.
NO_PAGES: Final[Mapping[str, str]] = {
    "/welcome": "leads to sign-in once there is an owner; the first chapter shows it",
    "/visits/latest": "leads to the visit that this browser began last",
    "/destinations/consent/callback": "takes what a vendor's page sends back",
    "/transactions.{form}": "is a file",
    "/everything.zip": "is a file",
    "/settings": "leads to the first of its pages",
    "/deleted/{word}": "is for whoever has deleted everything; the last chapter shows it",
}
# Routes of which every address is looked at: what they show differs from one to the next.
DIFFER: Final = ("/connections/{connection_id}", "/destinations/new/{kind}", "/connections/new/{provider}")
_LINKS: Final = "() => [...document.querySelectorAll('a[href^=\"/\"]')].map(one => one.pathname)"


def routes() -> list[str]:
    """Give the route of every page, in the order in which they are tried."""
    every: list[BaseRoute] = [route for router in pages.ROUTERS for route in router.routes]
    return [route.path for route in every if isinstance(route, APIRoute) and "GET" in (route.methods or ())]


def lists() -> list[str]:
    """Give the pages that stand for themselves: those that may be empty."""
    return [route for route in routes() if "{" not in route and route not in NO_PAGES]


def walk(page: Page, visit: Callable[[str], None], known: Mapping[str, str]) -> Iterator[str]:
    """Visit a page of every route, by the links that lead there; give the routes that no link has led to.

    `known` are addresses, by route, of pages that no link leads to.
    """
    patterns = {route: compile_path(route)[0] for route in routes()}
    found = [*lists(), *known.values()]
    leads_to = {_route_of(address, patterns) for address in found}
    for address in found:  # which grows on the way
        visit(address)
        for link in page.evaluate(_LINKS):
            route = _route_of(link, patterns)
            if route and link not in found and (route in DIFFER or route not in leads_to):
                leads_to.add(route)
                found.append(link)
    yield from (route for route in patterns if route not in leads_to and route not in NO_PAGES)


def _route_of(address: str, patterns: Mapping[str, re.Pattern[str]]) -> str:
    """Give the route that an address belongs to, an empty text where it is none of a page."""
    found = next((route for route, pattern in patterns.items() if pattern.match(address)), "")
    return "" if found in NO_PAGES else found
