"""Every route by everybody: what is not one's own is not there, what one may not do is refused (faults 66, 67, 76).

The list is `routes.py`; a route of the application that is not in it fails the first test. Each answer on the way is
held against the description, which must name its status and every one of its fields (fault 68), and wears every
security header.
"""

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import jsonschema_rs
import pytest
from fastapi import FastAPI

from tests.attacks import crowd as town
from tests.attacks import routes
from tests.attacks.crowd import NOWHERE, Crowd
from tests.attacks.routes import Route
from tests.web.conftest import ORIGIN
from topup.core import roles
from topup.runtime.house import House
from topup.web import app as application
from topup.web import security_headers

settings = town.settings
crowd = town.crowd

EVERY = tuple(routes.every())
DESCRIPTION = json.loads(
    (Path(__file__).parents[2] / "docs" / "reference" / "openapi.json").read_text(encoding="utf-8")
)
ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
OF_A_SCHOOL = ("member_id", "invited_id", "allocation_id", "roster_id", "purchase_id", "invoice_id", "method_id")
# Shown in a frame of the demo's own, where its policy lets it do nothing.
# Pages whose 404 is an answer: no invitation was followed, nothing is paid, nobody of that name; an invoice that is
# Stripe's has its paper there; and a member has been removed by whoever might, over the API.
MAY_BE_NOTHING = {
    "/demo/sign-in/{slug}",
    "/institutions/{institution_id}/invoices/{invoice_id}",
    "/institutions/{institution_id}/members/{member_id}",
    "/invitation",
    "/payments/{payment_id}/receipt",
    "/static/{path}",
}
A_MAIL = "/demo/mailbox/{mail_id}/html"
# Names that our own columns have, which nobody may set from outside.
FOREIGN_FIELDS = {
    "role": "OWNER",
    "isAdmin": True,
    "is_admin": True,
    "balance": 10**6,
    "userId": NOWHERE,
    "institution_id": NOWHERE,
    "livemode": True,
    "id": NOWHERE,
    "status": "COMPLETED",
    "createdAt": "2020-01-01T00:00:00Z",
}


def _there(app: FastAPI) -> Iterator[tuple[str, str]]:
    """The routes that the application really has, down into what it includes."""
    waiting = list(app.router.routes)
    while waiting:
        route: Any = waiting.pop()
        if hasattr(route, "original_router"):
            waiting += route.original_router.routes
            continue
        for method in set(route.methods) - {"HEAD"}:
            yield method, getattr(route, "path_format", route.path)


async def test_every_route_there_is_has_its_line_in_the_list(house: House) -> None:
    assert set(_there(application.create_app(house))) == {route.address for route in EVERY}


def test_every_call_of_the_table_of_roles_has_a_route() -> None:
    assert {route.call for route in EVERY if route.call is not None} == set(roles.CALLS)


async def test_what_is_anothers_is_not_in_ones_own_institution_either(crowd: Crowd) -> None:
    """Fault 66: the id of one's own institution beside that of another's member, purchase, card or roster."""
    at_home = {**crowd.names, "institution_id": crowd.names["others_institution_id"]}
    asked = 0
    for route in EVERY:
        if route.call is not None and any(f"{{{name}}}" in route.path for name in OF_A_SCHOOL):
            asked += 1
            answer = await crowd.ask(route, "other", at_home)
            assert answer.status_code == 404, (route.name, answer.status_code)
    assert asked > 20


@pytest.mark.slow
async def test_everybody_gets_what_is_theirs_and_nothing_else(crowd: Crowd) -> None:
    """Those who may not come first, since what is asked for may be gone once somebody was let in."""
    wrong: list[str] = []
    for route in EVERY:
        for who in sorted(crowd.everybody, key=lambda who: routes.may(route, who)):
            answer = await crowd.ask(route, who)
            wrong += [f"{route.name} by {who}: {fault}" for fault in _faults(route, who, answer)]
            if not routes.may(route, who) and answer.status_code == 404:
                nothing = await crowd.ask(route, who, dict.fromkeys(crowd.names, NOWHERE))
                if _shown(answer) != _shown(nothing):
                    wrong.append(f"{route.name} by {who}: another's and none are told apart")
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


def _faults(route: Route, who: str, answer: httpx2.Response) -> Iterator[str]:
    """What is wrong with an answer, whoever got it."""
    if routes.may(route, who):
        is_refused = answer.status_code in {401, 403, 405} or answer.status_code >= 500
        if is_refused and not _is_wrong_guess(route, answer):
            yield f"refused with {answer.status_code} {answer.text[:200]}"
        if route.is_page and route.method == "GET" and answer.status_code == 404 and route.path not in MAY_BE_NOTHING:
            yield "nothing is there for who may see it"
    elif route.is_page:
        yield from _page_refusal(route, who, answer)
    elif answer.status_code != routes.refusal(route, who):
        yield f"answered {answer.status_code} instead of {routes.refusal(route, who)}: {answer.text[:200]}"
    yield from _undressed(route, answer)
    if not route.is_page and route.path not in {"/metrics", "/openapi.json", "/api/stripe/webhook"}:
        yield from _undescribed(route, answer)


def _is_wrong_guess(route: Route, answer: httpx2.Response) -> bool:
    """A wrong code or password is no question of who may ask."""
    guesses = ("/api/auth/", "/sign-in", "/verify", "/reset-password")
    return answer.status_code == 401 and route.whose == "anybody" and route.path.startswith(guesses)


def _page_refusal(route: Route, who: str, answer: httpx2.Response) -> Iterator[str]:
    """Nobody, and a key, which no page knows, are sent to sign in; everybody else is answered as over JSON."""
    if who == "nobody" or who in routes.KEYS:
        location = answer.headers.get("location", "")
        if answer.status_code != 303 or not location.startswith(("/sign-in", "/sign-up")):
            yield f"answered {answer.status_code} to {location!r} instead of the way to signing in"
    elif answer.status_code != routes.refusal(route, who):
        yield f"answered {answer.status_code} instead of {routes.refusal(route, who)}"


def _undressed(route: Route, answer: httpx2.Response) -> Iterator[str]:
    """Fault 78: every answer, errors too, says what a browser may do with it."""
    if route.path == A_MAIL and answer.status_code == 200:
        if "; sandbox allow-popups" not in answer.headers["content-security-policy"]:
            yield "a mail may act in the demo's frame"
        return
    # Card fields open Stripe's 3-D Secure in a window of its own.
    has_card_fields = " http" in answer.headers.get("content-security-policy", "").partition("frame-src")[2][:8]
    for name, value in ALWAYS.items():
        if name == "cross-origin-opener-policy" and has_card_fields:
            value = "same-origin-allow-popups"  # noqa: PLW2901
        is_stricter = (name, answer.headers.get(name)) == ("referrer-policy", "no-referrer")
        if answer.headers.get(name) != value and not is_stricter:
            yield f"{name} is {answer.headers.get(name)!r}"
    policy = answer.headers.get("content-security-policy", "")
    if not route.is_page and policy != security_headers.API_POLICY:
        yield f"policy {policy!r}"
    parts = ("default-src 'none'", "base-uri 'none'", "frame-ancestors ")
    if not all(part in policy for part in parts) or "unsafe-inline" in policy.partition("style-src")[0]:
        yield f"policy {policy!r}"
    if not route.path.startswith("/static/") and "no-store" not in answer.headers.get("cache-control", ""):
        yield f"cache-control is {answer.headers.get('cache-control')!r}"


def _undescribed(route: Route, answer: httpx2.Response) -> Iterator[str]:
    """Fault 68: a status or a field that the description does not name."""
    described = DESCRIPTION["paths"][route.address[1]][route.method.lower()]["responses"].get(str(answer.status_code))
    if described is None:
        yield f"status {answer.status_code} is not described"
        return
    media = answer.headers.get("content-type", "").partition(";")[0]
    content = described.get("content", {})
    if media not in content and (answer.content or content):
        yield f"{answer.status_code} as {media!r} is not described"
        return
    if answer.content and media.endswith("json"):
        for fault in _exact(json.dumps(content[media]["schema"], sort_keys=True)).iter_errors(answer.json()):
            yield f"{answer.status_code}: {fault.message} at {'/'.join(map(str, fault.instance_path))}"


@functools.cache
def _exact(schema: str) -> Any:  # noqa: ANN401 - the library has no public type for it
    """A schema that takes no field which it does not name, also where the description is silent about others."""
    closed = _closed({"schema": json.loads(schema), "components": DESCRIPTION["components"]})
    return jsonschema_rs.validator_for({**closed["schema"], "components": closed["components"]})


def _closed(described: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(described, list):
        return [_closed(item) for item in described]
    if not isinstance(described, dict):
        return described
    found = {name: _closed(value) for name, value in described.items()}
    if "properties" in found and found.get("type") == "object":
        found["additionalProperties"] = False
    return found


def _shown(answer: httpx2.Response) -> object:
    """What somebody can tell apart: all but the id of the request."""
    if answer.headers.get("content-type", "").startswith("application/problem+json"):
        return answer.status_code, {**answer.json(), "requestId": ""}
    text = answer.text
    for changing in (answer.headers.get("x-request-id", "none"), answer.request.url.path, _nonce(answer)):
        text = text.replace(changing or "none", "")
    return answer.status_code, text


def _nonce(answer: httpx2.Response) -> str:
    return answer.headers.get("content-security-policy", "").partition("'nonce-")[2].partition("'")[0]


@pytest.mark.slow
async def test_no_body_sets_what_is_ours_to_decide(crowd: Crowd) -> None:
    """Fault 68: a role, a balance, an owner, a mode, an id: each is refused as unknown, and nothing is done."""
    taken: list[str] = []
    bodied = [route for route in EVERY if not route.is_page and isinstance(route.body, dict)]
    for route in bodied:
        who = next(who for who in ("nobody", "admin", *crowd.everybody) if routes.may(route, who))
        for name, value in FOREIGN_FIELDS.items():
            assert isinstance(route.body, dict)
            if name in route.body or (name == "role" and route.path == "/api/auth/register"):
                continue
            answer = await crowd.ask(route, who, body={**route.body, name: value})
            pointers = [fault["pointer"] for fault in answer.json().get("errors", ())]
            if answer.status_code != 422 or f"/{name}" not in pointers:
                taken.append(f"{route.name} took {name}: {answer.status_code} {answer.text[:120]}")
    assert len(bodied) > 20
    if taken:
        pytest.fail("\n".join(taken), pytrace=False)


async def test_no_get_changes_anything(crowd: Crowd) -> None:
    """Fault 77: a link that somebody is made to follow does nothing. The demo's own sign-in exists in no deployment."""
    counted = """SELECT (SELECT count(*) FROM transfers), (SELECT count(*) FROM payments), (SELECT count(*) FROM holds),
        (SELECT count(*) FROM memberships WHERE status <> 'LEFT'), (SELECT count(*) FROM logins WHERE ended_at IS NULL),
        (SELECT count(*) FROM api_keys WHERE revoked_at IS NULL), (SELECT count(*) FROM outbox),
        (SELECT count(*) FROM packages WHERE is_active), (SELECT count(*) FROM allocations WHERE closed_at IS NULL)"""
    async with crowd.house.pool.connection() as conn:
        before = await (await conn.execute(counted)).fetchone()
    for route in EVERY:
        if route.method == "GET":
            for who in ("alice", "OWNER", "admin"):
                await crowd.ask(route, who)
    async with crowd.house.pool.connection() as conn:
        assert await (await conn.execute(counted)).fetchone() == before


async def test_no_other_verb_and_no_odd_path_opens_a_route(crowd: Crowd) -> None:
    """Fault 67: verbs that a route has not, and ways of writing its path, are not another way in."""
    told = {route.address for route in EVERY}
    guarded = [route for route in EVERY if not route.is_page and route.whose != "anybody"]
    nobody = crowd.programs["nobody"]
    for route in guarded:
        path = route.path.format(**crowd.names)
        for verb in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND"):
            if (verb, route.address[1]) not in told and not (verb == "HEAD" and ("GET", route.address[1]) in told):
                answer = await nobody.request(verb, path)
                assert answer.status_code in {401, 405}, (verb, path, answer.status_code)
        for odd in (
            path + "/",
            path.replace("/api/", "/API/", 1),
            ORIGIN + "/" + path,
            path + "%00",
            path + ";x",
            path + ".json",
        ):
            answer = await nobody.request(route.method, odd)
            assert answer.status_code in {401, 404, 405, 400}, (route.method, odd, answer.status_code)
        for header in ("X-HTTP-Method-Override", "X-Original-URL", "X-Rewrite-URL"):
            answer = await nobody.request("GET", "/health", headers={header: path})
            assert answer.json() == {"status": "OK"}
