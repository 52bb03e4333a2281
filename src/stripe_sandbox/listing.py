"""Answers one page of a list as Stripe does: newest first, by cursor, `has_more` and the list's own address.

Called by the nouns' list handlers; which filters a list knows is the caller's business.
"""

from typing import Final

from stripe_sandbox import errors, objects
from stripe_sandbox.routing import Call
from stripe_sandbox.store import Body

LIMIT_DEFAULT: Final = 10
LIMIT_MAX: Final = 100
PAGING: Final = ("limit", "starting_after", "ending_before", "created")
COLUMNS: Final = {"type": "kind"}
CREATED: Final = ("gt", "gte", "lt", "lte")


def page(call: Call, kind: str, url: str, /, *filters: str, handled: tuple[str, ...] = (), **wanted: object) -> Body:
    """Return the page that the call's cursor and limit ask for.

    `filters` are parameters that filter by a column; `handled` are those the caller turned into `wanted` columns. Any
    other one is refused: a filter that is ignored would answer too much.
    """
    params = call.params
    for name in params.keys() - {*PAGING, *filters, *handled}:
        raise errors.unsupported(name)
    limit = limit_of(params)
    after, before = params.get("starting_after"), params.get("ending_before")
    if after and before:
        raise errors.invalid("Received both starting_after and ending_before; use one of them.", param="starting_after")
    columns = {COLUMNS.get(name, name): params.get(name) for name in filters}
    conditions = {**columns, **wanted, **created_of(params)}
    store = call.work.store
    if before:
        rows = objects.newer(store, kind, conditions, _place(call, kind, before, "ending_before"), limit + 1)
        return envelope(rows[:limit][::-1], url, has_more=len(rows) > limit)
    place = _place(call, kind, after, "starting_after") if after else None
    rows = objects.older(store, kind, conditions, place, limit + 1)
    return envelope(rows[:limit], url, has_more=len(rows) > limit)


def envelope(data: list[Body], url: str, *, has_more: bool = False) -> Body:
    """Return a list object."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def slice_of(params: Body, data: list[Body], url: str) -> Body:
    """Return the page of a list that is kept inside another object, in the order it is kept."""
    places = {item["id"]: place for place, item in enumerate(data)}
    start = 0
    after = params.get("starting_after")
    if after:
        if after not in places:
            raise errors.no_such("line item", after, "starting_after")
        start = places[after] + 1
    end = start + limit_of(params)
    return envelope(data[start:end], url, has_more=end < len(data))


def limit_of(params: Body) -> int:
    """Return the page size asked for."""
    limit = params.get("limit", LIMIT_DEFAULT)
    if not 1 <= limit <= LIMIT_MAX:
        word = "less than or equal to 100" if limit > LIMIT_MAX else "greater than or equal to 1"
        raise errors.invalid(f"This value must be {word}.", code="parameter_invalid_integer", param="limit")
    return limit


def created_of(params: Body) -> Body:
    """Return the filter by time of creation."""
    created = params.get("created")
    if isinstance(created, dict):
        return {name: created[name] for name in CREATED if name in created}
    return {"gte": created, "lte": created} if created is not None else {}


def _place(call: Call, kind: str, object_id: str, param: str) -> int:
    place = objects.seq(call.work.store, kind, object_id)
    if place is None:
        raise errors.no_such(kind, object_id, param)
    return place
