"""Lists as Stripe gives them: newest first, paged by id, filtered by time, with objects expanded in place."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from typing import Any, Final

from counterfoil.providers.stripe.sandbox.gate import Body, missing, refused, whole
from counterfoil.providers.stripe.sandbox.till import Dated, Shelf, T

Find = Callable[[str], tuple[Body, str] | None]  # id -> the object and the permission that reading it needs
PAGING: Final = "limit starting_after ending_before"
_EXPANDABLE: Final = frozenset({"source", "balance_transaction", "failure_balance_transaction", "charge"})


def listed(
    shelf: Shelf[T],
    params: Mapping[str, Any],
    url: str,
    shape: Callable[[T], Body],
    keep: Callable[[T], bool] = lambda _: True,
    time_filter: str = "created",
) -> Body:
    """Give one page of a list. https://docs.stripe.com/api/pagination"""
    limit = whole(params, "limit", 10)
    if not 1 <= limit <= 100:
        side = "less than or equal to 100" if limit > 100 else "greater than or equal to 1"
        raise refused(400, f"This value must be {side}.", code="parameter_invalid_integer", param="limit")
    low, high = _between(shelf, params.get(time_filter, {}))
    if before := params.get("ending_before"):
        low = max(low, _place(shelf, before, "ending_before") + 1)
        return _page(_upwards(shelf, low, high, limit, keep), url, shape)
    if after := params.get("starting_after"):
        high = min(high, _place(shelf, after, "starting_after"))
    found: list[T] = []
    has_more = False
    for place in range(high - 1, low - 1, -1):
        if keep(shelf[place]):
            if len(found) == limit:
                has_more = True
                break
            found.append(shelf[place])
    return _page((found, has_more), url, shape)


def _upwards(shelf: Shelf[T], low: int, high: int, limit: int, keep: Callable[[T], bool]) -> tuple[list[T], bool]:
    found = [shelf[place] for place in range(low, high) if keep(shelf[place])]
    return found[:limit][::-1], len(found) > limit


def _page(found: tuple[list[T], bool], url: str, shape: Callable[[T], Body]) -> Body:
    return {"object": "list", "data": [shape(one) for one in found[0]], "has_more": found[1], "url": url}


def _between(shelf: Shelf[T], bounds: Any) -> tuple[int, int]:
    def created(one: Dated) -> int:
        return one.created

    if not isinstance(bounds, dict):
        exact = whole({"created": bounds}, "created")
        return bisect_left(shelf, exact, key=created), bisect_right(shelf, exact, key=created)
    low, high = 0, len(shelf)
    for name in bounds:
        second = whole(bounds, name)
        match name:
            case "gte":
                low = max(low, bisect_left(shelf, second, key=created))
            case "gt":
                low = max(low, bisect_right(shelf, second, key=created))
            case "lt":
                high = min(high, bisect_left(shelf, second, key=created))
            case "lte":
                high = min(high, bisect_right(shelf, second, key=created))
            case _:
                raise refused(400, f"Received unknown parameter: {name}", code="parameter_unknown", param=name)
    return low, high


def _place(shelf: Shelf[T], key: str, param: str) -> int:
    one = shelf.find(key)
    if one is None:
        raise missing("object", key, param, 400)
    place = bisect_left(shelf, one.created, key=lambda other: other.created)
    while shelf[place].id != key:
        place += 1
    return place


def expand(body: Body, params: Mapping[str, Any], find: Find, allowed: Callable[[str], None]) -> Body:
    """Put objects in the place of their ids. https://docs.stripe.com/api/expanding_objects"""
    paths = params.get("expand", [])
    for path in [paths] if isinstance(paths, str) else paths:
        steps = path.split(".")
        if len(steps) > 4:
            raise refused(400, "You cannot expand more than 4 levels of a property.", param="expand")
        targets = body["data"] if steps[0] == "data" and body.get("object") == "list" else [body]
        for target in targets:
            _expand(target, steps[1:] if steps[0] == "data" else steps, find, allowed)
    return body


def _expand(target: Body, steps: list[str], find: Find, allowed: Callable[[str], None]) -> None:
    name, *rest = steps
    if name not in _EXPANDABLE:
        raise refused(400, f"This property cannot be expanded ({name}).", param="expand")
    if isinstance(target.get(name), str):
        found = find(target[name])
        if found is None:
            return
        allowed(found[1])
        target[name] = found[0]
    if rest and isinstance(target.get(name), dict):
        _expand(target[name], rest, find, allowed)
