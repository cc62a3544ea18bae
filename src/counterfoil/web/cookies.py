"""The two cookies: the session's token, and a guest's before there is a session. No script can read them."""

import datetime as dt

from fastapi import Request, Response


def session_name(request: Request) -> str:
    """Name the session's cookie."""
    return _name(request, "counterfoil")


def guest_name(request: Request) -> str:
    """Name the cookie that forms are bound to before anybody has signed in."""
    return _name(request, "counterfoil-guest")


def put(request: Request, response: Response, name: str, value: str, lives: dt.timedelta) -> None:
    """Have the browser keep a cookie."""
    seconds = int(lives.total_seconds())
    secure = _is_https(request)
    response.set_cookie(name, value, max_age=seconds, path="/", httponly=True, samesite="lax", secure=secure)


def drop(request: Request, response: Response, name: str) -> None:
    """Have the browser forget a cookie."""
    response.delete_cookie(name, path="/", httponly=True, samesite="lax", secure=_is_https(request))


def _name(request: Request, name: str) -> str:
    # Over https the prefix keeps other hosts of the domain, and plain http, from planting one.
    return f"__Host-{name}" if _is_https(request) else name


def _is_https(request: Request) -> bool:
    return request.url.scheme == "https"
