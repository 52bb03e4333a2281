"""What every request passes on its way in and out."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.web.conftest import ORIGIN
from topup import errors
from topup.runtime.house import House
from topup.settings import Settings
from topup.web import app as application
from topup.web import body_limit, security_headers, serving


@contextlib.asynccontextmanager
async def _served(house: House) -> AsyncIterator[int]:
    """The application on a real socket."""
    bound, stop, ready = serving.bind("127.0.0.1", 0), asyncio.Event(), asyncio.Event()
    app = application.create_app(house)
    with contextlib.closing(bound):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(serving.serve(app, bound, settings=house.settings, stop=stop, on_ready=ready.set))
            await ready.wait()
            try:
                yield bound.getsockname()[1]
            finally:
                stop.set()


def test_a_port_is_ones_own_from_the_moment_it_is_bound() -> None:
    """Two that start at one moment: the later is told at once, and not when it begins to answer."""
    with (
        contextlib.closing(serving.bind("127.0.0.1", 0)) as first,
        pytest.raises(errors.Unavailable, match="cannot be used"),
    ):
        serving.bind("127.0.0.1", first.getsockname()[1])


async def test_a_request_keeps_its_callers_id_only_if_it_is_one(client: httpx2.AsyncClient) -> None:
    """Fault 88."""
    kept = await client.get("/health", headers={"X-Request-Id": "trace-1234.abc_DEF"})
    assert kept.headers["x-request-id"] == "trace-1234.abc_DEF"
    for offered in ("short", "x" * 65, "with space", '{"a":1}'):
        answer = await client.get("/health", headers={"X-Request-Id": offered})
        assert answer.headers["x-request-id"] != offered
        assert len(answer.headers["x-request-id"]) == 32


async def test_a_body_over_its_announced_limit_is_refused(client: httpx2.AsyncClient) -> None:
    """Fault 83."""
    answer = await client.post("/api/auth/login", content=b" " * (body_limit.LIMIT_BYTES + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    just_fits = await client.post("/api/auth/login", content=b" " * body_limit.LIMIT_BYTES)
    assert just_fits.status_code != 413


async def test_a_body_that_announces_nothing_is_counted_on_a_real_socket(house: House) -> None:
    """Fault 83: chunked, so only counting can tell."""

    async def drip() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 64 * 1024

    async with _served(house) as port, httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        answer = await client.post("/api/auth/login", content=drip(), headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        assert (await client.get("/health")).status_code == 200


async def test_an_answer_to_programs_may_load_and_keep_nothing(client: httpx2.AsyncClient) -> None:
    headers = (await client.get("/health")).headers
    assert headers["content-security-policy"] == security_headers.API_POLICY
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "strict-transport-security" not in headers


def test_a_page_may_send_its_buy_form_on_to_stripes_checkout_only() -> None:
    """A form is answered by a redirect, and the policy holds for where that leads."""
    live = security_headers.StripeOrigins.of(Settings())
    policy = security_headers.page_policy("n0nce", live, uses_elements=False)
    assert "form-action 'self' https://checkout.stripe.com;" in policy
    assert "script-src 'self' 'nonce-n0nce';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "js.stripe.com" not in policy


def test_stripes_script_is_let_in_where_card_fields_are() -> None:
    live = security_headers.StripeOrigins.of(Settings())
    policy = security_headers.page_policy("n0nce", live, uses_elements=True)
    assert "script-src 'self' 'nonce-n0nce' https://js.stripe.com https://*.js.stripe.com;" in policy
    assert "connect-src 'self' https://api.stripe.com;" in policy
    assert "frame-src https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com;" in policy


def test_a_demo_trusts_its_own_sandbox_in_stripes_place() -> None:
    demo = Settings.model_validate({"is_demo": True, "stripe_api_base": "http://127.0.0.1:9123/v1"})
    policy = security_headers.page_policy("n0nce", security_headers.StripeOrigins.of(demo), uses_elements=True)
    assert "form-action 'self' http://127.0.0.1:9123;" in policy
    assert "stripe.com" not in policy


async def test_https_is_asked_for_where_people_reach_us_by_it(house: House, settings: Settings) -> None:
    secure = settings.model_copy(update={"frontend_url": "https://credits.example.com"})
    app = application.create_app(dataclasses.replace(house, settings=secure))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=ORIGIN) as client:
        headers = (await client.get("/health")).headers
    assert headers["strict-transport-security"].startswith("max-age=31536000")


async def test_another_origin_is_not_let_in_and_ours_only_with_a_bearer(client: httpx2.AsyncClient) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    ours = await client.options("/api/auth/login", headers={"Origin": ORIGIN, **asked})
    assert ours.headers["access-control-allow-origin"] == ORIGIN
    assert "access-control-allow-credentials" not in ours.headers
    foreign = await client.options("/api/auth/login", headers={"Origin": "https://evil.example", **asked})
    assert "access-control-allow-origin" not in foreign.headers


async def test_health_asks_nobody_and_readiness_names_each_check(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/health")).json() == {"status": "OK"}
    ready = await client.get("/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "READY")
    assert ready.json()["checks"] == {"database": "ok", "schema": "ok"}


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics", "/", "/api/credit-packages", "/openapi.json"])
async def test_head_is_answered_like_get_without_the_body(client: httpx2.AsyncClient, path: str) -> None:
    """Fault 67: and what takes no GET takes no HEAD."""
    head, got = await client.head(path), await client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]
    assert (await client.head("/api/auth/login")).status_code == 405


async def test_readiness_fails_while_the_database_is_away_and_health_does_not(
    client: httpx2.AsyncClient, house: House
) -> None:
    await house.pool.close()
    assert (await client.get("/health")).status_code == 200
    ready = await client.get("/ready")
    assert (ready.status_code, ready.json()["checks"]["database"]) == (503, "not answering")
    refused = await client.post("/api/auth/login", json={"email": "alice@example.com", "password": "password"})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")


async def test_figures_are_counted_by_route_and_not_by_address(client: httpx2.AsyncClient) -> None:
    await client.get("/api/credit-packages/one-canary")
    figures = (await client.get("/metrics")).text
    assert 'route="/api/credit-packages/{package_id}"' in figures
    assert "canary" not in figures
