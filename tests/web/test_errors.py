"""The one table from error to status, and the one shape in which errors leave the house."""

import json
from collections.abc import AsyncIterator

import httpx2
import psycopg
import psycopg_pool
import pytest
from fastapi import FastAPI

from tests.web.conftest import ORIGIN, Visitor
from topup import errors
from topup.runtime.house import House
from topup.web import app as application
from topup.web import errors as problems

MEMBERS = ["type", "title", "status", "detail", "error", "code", "requestId", "errors"]
RAISED: dict[str, Exception] = {
    "unreadable": errors.Unreadable("Cannot be read."),
    "unauthenticated": errors.Unauthenticated("Who are you?"),
    "not_allowed": errors.NotAllowed("Admin access required"),
    "invalid": errors.Invalid("Wrong.", faults=[errors.FieldFault("/name", "Too long.")]),
    "too_large": errors.TooLarge("Too large."),
    "slow_down": errors.SlowDown("Slow down.", retry_after_seconds=7),
    "insufficient": errors.InsufficientCredits("Not enough.", available=3, required=5),
    "conflict": errors.Conflict("In the way.", code="package_name_taken"),
    "not_found": errors.NotFound(),
    "gateway": errors.GatewayError("Stripe is away.", is_retryable=True),
    "unavailable": errors.Unavailable("Starting."),
    "broken": errors.Broken("canary: lot 7 is negative"),
    "database": psycopg.OperationalError("canary: connection to server at 10.0.0.7 refused"),
    "pool": psycopg_pool.PoolTimeout("canary"),
    "unforeseen": RuntimeError("canary: sk_live_secret"),
}


@pytest.fixture
async def breaking(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    """The application with one more route, which raises what it is told."""
    app = application.create_app(house)
    _add_route(app)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=ORIGIN) as client:
        yield client


def _add_route(app: FastAPI) -> None:
    @app.get("/api/raise/{name}")
    async def fail(name: str) -> None:
        raise RAISED[name]


def test_every_error_of_ours_has_a_row_in_the_table() -> None:
    assert set(problems.tree()) == set(problems.STATUSES)


def test_every_status_in_the_table_has_a_title() -> None:
    assert set(problems.STATUSES.values()) <= set(problems.TITLES)


def test_an_error_without_a_row_of_its_own_takes_its_parents() -> None:
    assert problems.status_of(type("Closer", (errors.Conflict,), {})) == 409


ANSWERED = [
    ("unreadable", 400, "unreadable"),
    ("unauthenticated", 401, "unauthenticated"),
    ("insufficient", 402, "insufficient_credits"),
    ("not_allowed", 403, "not_allowed"),
    ("not_found", 404, "not_found"),
    ("conflict", 409, "package_name_taken"),
    ("too_large", 413, "too_large"),
    ("invalid", 422, "invalid"),
    ("slow_down", 429, "slow_down"),
    ("broken", 500, "internal"),
    ("unforeseen", 500, "internal"),
    ("gateway", 503, "gateway_unavailable"),
    ("unavailable", 503, "unavailable"),
    ("database", 503, "unavailable"),
    ("pool", 503, "unavailable"),
]


async def test_every_error_leaves_in_one_shape(breaking: httpx2.AsyncClient) -> None:
    for name, status, code in ANSWERED:
        answer = await breaking.get(f"/api/raise/{name}")
        body = answer.json()
        assert (name, answer.status_code, body["status"], body["code"]) == (name, status, status, code)
        assert list(body)[: len(MEMBERS)] == MEMBERS
        assert answer.headers["content-type"] == "application/problem+json"
        assert body["requestId"] == answer.headers["x-request-id"]
        assert body["error"] == body["detail"].removesuffix(".")
        assert ("retry-after" in answer.headers) == (status in {429, 503})


async def test_what_is_our_own_fault_says_nothing_of_its_cause(breaking: httpx2.AsyncClient) -> None:
    """Fault 87."""
    for name in ("broken", "unforeseen", "database", "pool"):
        answer = await breaking.get(f"/api/raise/{name}")
        assert "canary" not in answer.text
        assert answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_want_of_credit_says_how_much_there_is(breaking: httpx2.AsyncClient) -> None:
    body = (await breaking.get("/api/raise/insufficient")).json()
    assert (body["available"], body["required"]) == (3, 5)


async def test_waiting_time_is_told(breaking: httpx2.AsyncClient) -> None:
    assert (await breaking.get("/api/raise/slow_down")).headers["retry-after"] == "7"


JSON = "application/json"
BODIES: list[tuple[str | bytes, str | None, int, str]] = [
    ("", JSON, 400, "unreadable"),
    ("{", JSON, 400, "unreadable"),
    ("[" * 200_000, JSON, 400, "unreadable"),
    ("9" * 5000, JSON, 400, "unreadable"),
    (b"\xff\xfe\xfd", JSON, 400, "unreadable"),
    ("{}", "text/plain", 415, "unsupported_media_type"),
    ("{}", None, 415, "unsupported_media_type"),
    ("a=b", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
    ("[]", JSON, 422, "invalid"),
    ('"text"', JSON, 422, "invalid"),
    ("null", JSON, 422, "invalid"),
    ("{}", "application/json; charset=utf-8", 422, "invalid"),
    ("{}", "application/merge-patch+json", 422, "invalid"),
    (json.dumps({"email": "\ud800"}), JSON, 422, "invalid"),
    (json.dumps({"\ud800": 1}), JSON, 422, "invalid"),
    ('{"email": NaN, "password": Infinity}', JSON, 422, "invalid"),
]


async def test_a_body_that_is_no_login_is_refused_for_what_is_wrong_with_it(client: httpx2.AsyncClient) -> None:
    """Faults 62, 83, 84: unreadable, of another type, or wrong in its fields; never a fault of ours."""
    for content, content_type, status, code in BODIES:
        headers = {"Content-Type": content_type} if content_type else {}
        answer = await client.post("/api/auth/login", content=content, headers=headers)
        assert (content[:20], answer.status_code, answer.json()["code"]) == (content[:20], status, code)


async def test_every_wrong_field_is_pointed_at(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/api/auth/login", json={"email": 1, "a/b~c": 2})
    pointers = [fault["pointer"] for fault in answer.json()["errors"]]
    assert pointers == ["/email", "/password", "/a~1b~0c"]
    assert all(fault["detail"].endswith(".") for fault in answer.json()["errors"])


async def test_limits_are_told_in_our_own_words(client: httpx2.AsyncClient, admin: Visitor) -> None:
    key = await admin.client.post("/api/admin/keys", json={"name": "", "scopes": []})
    assert [fault["detail"] for fault in key.json()["errors"]] == [
        "This must have at least 1 character.",
        "This must have at least 1 item.",
    ]
    for query, told in (
        ("limit=0", "This must be at least 1."),
        ("limit=101", "This must be at most 100."),
        ("limit=abc", "This must be a whole number."),
        ("includeInactive=maybe", "This must be true or false."),
    ):
        answer = await client.get(f"/api/credit-packages?{query}")
        assert (answer.status_code, answer.json()["errors"][0]["detail"]) == (422, told)


async def test_what_the_router_refuses_is_a_problem_too(client: httpx2.AsyncClient) -> None:
    missing = await client.get("/api/nothing-here")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    verb = await client.put("/api/auth/login", json={})
    assert (verb.status_code, verb.json()["code"]) == (405, "method_not_allowed")
    assert "POST" in verb.headers["allow"]
    slash = await client.post("/api/auth/login/", json={})
    assert slash.status_code == 404


async def test_a_number_that_json_readers_would_change_is_refused(admin: Visitor) -> None:
    """Fault 65."""
    for credits in (2**53, -(2**53), 10**30, 1.0, "1", True, None):
        package = {"name": "Big", "credits": credits, "priceInCents": 1000}
        answer = await admin.client.post("/api/credit-packages", json=package)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/credits"), credits
