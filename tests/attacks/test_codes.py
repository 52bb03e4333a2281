"""Guessing at codes, and mailing them: bounded for a caller, for an address and for all together (faults 71, 72).

Whoever is right is given back what the try cost, so that nobody is locked out by their own luck or by somebody else.
What one code may be tried, and what ends it, is in `tests/web/test_auth.py`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import httpx2
import psycopg
import pytest

from tests.web.conftest import ORIGIN, PASSWORD, mailed_code
from topup.core import limits
from topup.runtime import house as houses
from topup.settings import Settings
from topup.web import app

VERIFY, RESET, FORGOT = "/api/auth/verify-otp", "/api/auth/reset-password", "/api/auth/forgot-password"
Comer = Callable[[str], httpx2.AsyncClient]


@pytest.fixture
async def comes_from(settings: Settings) -> AsyncIterator[Comer]:
    """A client at an address, of a deployment that is no demo, where nobody has more than their due."""
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(houses.opened(settings.model_copy(update={"is_demo": False})))
        application = app.create_app(house)
        opened: list[httpx2.AsyncClient] = []

        def comer(address: str) -> httpx2.AsyncClient:
            transport = httpx2.ASGITransport(app=application, client=(address, 1))
            opened.append(httpx2.AsyncClient(transport=transport, base_url=ORIGIN))
            return opened[-1]

        yield comer
        for client in opened:
            await client.aclose()


def leave(database_url: str, limit: limits.Limit, units: int) -> None:
    """Use a deployment-wide limit up, but for so many."""
    with psycopg.connect(database_url) as conn:
        used = (limit.burst - units) * limit.every_seconds
        done = conn.execute(
            "UPDATE rate_limits SET arrives_at = topup_now() + make_interval(secs => %s) WHERE bucket LIKE %s",
            [used, f"{limit.name}:%"],
        )
        assert done.rowcount == 1


async def guess(client: httpx2.AsyncClient, number: int, code: str = "000000") -> httpx2.Response:
    return await client.post(VERIFY, json={"email": f"n{number}@example.com", "otp": code})


async def test_one_code_at_many_addresses_is_guessing_too(comes_from: Comer) -> None:
    """Fault 72: the allowance is the caller's, whoever they try it on; another caller has their own."""
    attacker, somebody = comes_from("192.0.2.1"), comes_from("192.0.2.2")
    burst = limits.GUESS_OF_CALLER.burst
    answers = [await guess(attacker, number) for number in range(burst + 3)]
    assert [answer.status_code for answer in answers] == [401] * burst + [429] * 3
    assert int(answers[-1].headers["retry-after"]) >= 1
    reset = {"email": "n1@example.com", "otp": "000000", "password": "a brand new password"}
    assert (await attacker.post(RESET, json=reset)).status_code == 429
    assert (await guess(somebody, 1)).status_code == 401


async def test_guesses_from_everywhere_are_bounded_together(comes_from: Comer, database_url: str) -> None:
    """Fault 72, a net of machines: what each is allowed alone adds up to no more than the deployment's own budget."""
    await guess(comes_from("198.51.100.250"), 0)
    leave(database_url, limits.GUESS_OF_ANYBODY, 5)
    answers = [await guess(comes_from(f"198.51.100.{number}"), number) for number in range(1, 9)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 3
    # One code in a million, guessed so often in a day, is right once in more than ninety days.
    day = limits.GUESS_OF_ANYBODY.burst + 86_400 / limits.GUESS_OF_ANYBODY.every_seconds
    assert day / 1_000_000 * 90 < 1


async def test_a_right_code_costs_nobody_anything(comes_from: Comer, database_url: str) -> None:
    """Fault 71: with one unit left to the whole deployment, person after person proves their address."""
    await guess(comes_from("198.51.100.250"), 0)
    leave(database_url, limits.GUESS_OF_ANYBODY, 1)
    for number in range(3):
        client, email = comes_from(f"203.0.113.{number}"), f"new{number}@example.com"
        who = {"email": email, "password": PASSWORD, "firstName": "New", "lastName": "Person"}
        assert (await client.post("/api/auth/register", json=who)).status_code == 202
        proven = await client.post(VERIFY, json={"email": email, "otp": mailed_code(database_url, email)})
        assert proven.status_code == 200


async def test_a_caller_has_so_many_codes_mailed_and_no_more_whoever_they_are_for(comes_from: Comer) -> None:
    """Fault 72, mail bombing across many mailboxes, by whichever door."""
    attacker = comes_from("192.0.2.1")
    burst = limits.CODE_OF_CALLER.burst
    asked = [attacker.post(FORGOT, json={"email": f"n{number}@example.com"}) for number in range(burst + 5)]
    answers = await asyncio.gather(*asked)
    assert sorted(answer.status_code for answer in answers) == [202] * burst + [429] * 5
    resent = await attacker.post("/api/auth/resend-otp", json={"email": "other@example.com"})
    assert resent.status_code == 429
    assert (await comes_from("192.0.2.2").post(FORGOT, json={"email": "n1@example.com"})).status_code == 202


async def test_one_mailbox_is_filled_by_nobody_wherever_they_come_from(comes_from: Comer) -> None:
    """Fault 72: twenty mails, and then the mailbox has rest."""
    burst = limits.CODE_TO_ADDRESS.burst
    victim = {"email": "victim@example.com"}
    asked = [comes_from(f"198.51.100.{number}").post(FORGOT, json=victim) for number in range(burst + 4)]
    answers = await asyncio.gather(*asked)
    assert sorted(answer.status_code for answer in answers) == [202] * burst + [429] * 4


async def test_every_refusal_is_the_same_however_the_code_is_wrong(comes_from: Comer, database_url: str) -> None:
    """Fault 73: no living code, a wrong one, one of another purpose, one that was used."""
    client, email = comes_from("192.0.2.1"), "zoe@example.com"
    who = {"email": email, "password": PASSWORD, "firstName": "Zoe", "lastName": "Z"}
    await client.post("/api/auth/register", json=who)
    right = mailed_code(database_url, email)
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    reset = {"email": email, "otp": right, "password": "a brand new password"}
    answers = [
        await guess(client, 1),
        await client.post(VERIFY, json={"email": email, "otp": wrong}),
        await client.post(RESET, json=reset),
    ]
    assert (await client.post(VERIFY, json={"email": email, "otp": right})).status_code == 200
    answers.append(await client.post(VERIFY, json={"email": email, "otp": right}))
    assert {answer.status_code for answer in answers} == {401}
    assert len({str({**answer.json(), "requestId": ""}) for answer in answers}) == 1
