"""Stripe's lists when Stripe is not well: looping, huge, truncated, of wrong types, refused for a while (33, 36)."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.gateway import scripted_stripe
from tests.gateway.scripted_stripe import Reply, ScriptedStripe
from topup import errors
from topup.flows import stripe_pages
from topup.flows.stripe_pages import Pace
from topup.gateway import listing, stripe, stripe_calls

QUICK = stripe_calls.Patience(answer_seconds=2.0, deadline_seconds=5.0, network_retries=0, pauses_seconds=(0.01,))
SPAN = listing.Span(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC))


@pytest.fixture
async def script() -> AsyncIterator[ScriptedStripe]:
    async with scripted_stripe.running() as running:
        yield running


@pytest.fixture
async def gateway(script: ScriptedStripe) -> AsyncIterator[stripe.Gateway]:
    async with stripe.opened("sk_test_tests", api_base=script.address, patience=QUICK) as opened:
        yield opened


def session(number: int = 1, **changes: object) -> dict[str, Any]:
    return scripted_stripe.session(**{"id": f"cs_test_{number}", "created": 1793700000 - number, **changes})


def page(*sessions: dict[str, Any], has_more: object = False) -> Reply:
    return Reply({"object": "list", "url": "/v1/checkout/sessions", "has_more": has_more, "data": list(sessions)})


def quick() -> Pace:
    return Pace(calls_per_second=10_000, patience_seconds=0.1, first_pause_seconds=0.01)


async def ids(gateway: stripe.Gateway, pace: Pace | None = None) -> list[str]:
    pages = stripe_pages.stream(lambda after_id: gateway.page_of_checkouts(SPAN, after_id=after_id), pace or quick())
    return [seen.id async for found in pages for seen in found]


async def test_pages_follow_each_other_to_the_end_of_the_span(gateway: stripe.Gateway, script: ScriptedStripe) -> None:
    script.will(page(session(1), session(2), has_more=True), page(session(3)))
    assert await ids(gateway) == ["cs_test_1", "cs_test_2", "cs_test_3"]
    first, second = (request.path for request in script.requests)
    assert "created[gte]=1793491200&created[lt]=1793577600&limit=100" in first.replace("%5B", "[").replace("%5D", "]")
    assert "starting_after" not in first
    assert second.endswith("starting_after=cs_test_2")


@pytest.mark.parametrize(
    "replies",
    [
        pytest.param([page(session(1), has_more=True)], id="the same page for ever"),
        pytest.param([page(session(1), has_more=True), page(session(2), has_more=True)] * 3, id="two pages in turn"),
        pytest.param([page(session(9), has_more=True), page(session(1))], id="a page that is newer than the last"),
        pytest.param([page(has_more=True)], id="nothing, and more of it"),
    ],
)
async def test_a_list_that_never_ends_ends(
    gateway: stripe.Gateway, script: ScriptedStripe, replies: list[Reply]
) -> None:
    script.will(*replies)
    with pytest.raises(errors.GatewayError, match="in circles") as refused:
        await ids(gateway)
    assert refused.value.code == "stripe_list_endless"
    assert len(script.requests) <= 4


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(page(*(session(number) for number in range(101))), id="more than was asked for"),
        pytest.param(page(session(1), has_more="perhaps"), id="has_more is no boolean"),
        pytest.param(Reply({"object": "list", "has_more": False}), id="no data"),
        pytest.param(Reply({"object": "list", "has_more": False, "data": {}}), id="data is no list"),
        pytest.param(page(session(1, id=None)), id="no id"),
        pytest.param(page(session(1, id=7)), id="an id that is a number"),
        pytest.param(page(session(1, created="yesterday")), id="a time in words"),
        pytest.param(page(session(1, created=10**20)), id="a time that is none"),
        pytest.param(page({"object": "checkout.session"}), id="an object without anything"),
        pytest.param(page(session(1, metadata="none")), id="metadata is text"),
    ],
)
async def test_what_cannot_be_read_is_refused_at_once(
    gateway: stripe.Gateway, script: ScriptedStripe, reply: Reply
) -> None:
    script.will(reply)
    try:
        found = await ids(gateway)
    except errors.GatewayError as fault:
        assert fault.code == "stripe_unreadable"  # noqa: PT017 - metadata alone may be strange
        assert len(script.requests) == 1
    else:
        assert found == ["cs_test_1"]
        assert "none" in str(reply.body)


@pytest.mark.parametrize(
    "body", ['{"object": "list", "has_more": false, "data": [{"id": "cs', "<html>Bad gateway</html>", ""]
)
async def test_half_an_answer_is_an_error_in_the_end(
    gateway: stripe.Gateway, script: ScriptedStripe, body: str
) -> None:
    script.will(Reply(body))
    with pytest.raises(errors.GatewayError):
        await ids(gateway)


async def test_a_rate_limit_is_waited_out_and_nothing_is_lost(gateway: stripe.Gateway, script: ScriptedStripe) -> None:
    """Fault 33: beyond what one call waits."""
    limited = scripted_stripe.refusal(429, "invalid_request_error", code="rate_limit")
    script.will(page(session(1), has_more=True), *[limited] * 5, page(session(2)))
    assert await ids(gateway, Pace(10_000, patience_seconds=30, first_pause_seconds=0.01)) == ["cs_test_1", "cs_test_2"]


async def test_patience_is_for_the_whole_run_and_ends(gateway: stripe.Gateway, script: ScriptedStripe) -> None:
    """Fault 35: Stripe down for hours ends a run in a sentence; the next one begins where this one did."""
    script.will(scripted_stripe.refusal(500, "api_error"))
    pace = quick()
    with pytest.raises(errors.GatewayError):
        await ids(gateway, pace)
    assert pace.patience_seconds <= 0
    asked = len(script.requests)
    with pytest.raises(errors.GatewayError):
        await ids(gateway, pace)
    assert len(script.requests) - asked <= 2


async def test_calls_keep_their_pace(gateway: stripe.Gateway, script: ScriptedStripe) -> None:
    script.will(*[page(session(number), has_more=True) for number in range(1, 9)], page(session(9)))
    started = time.monotonic()
    assert len(await ids(gateway, Pace(calls_per_second=40))) == 9
    assert time.monotonic() - started >= 8 / 40
