"""What a proxy says of a caller, and a neighbour of our cookies, is believed only where it must be (faults 72, 77)."""

import dataclasses

import httpx2
import pytest

from tests.web import served, visits
from tests.web.conftest import ORIGIN
from topup.core import limits
from topup.runtime.house import House
from topup.settings import Settings
from topup.web import app as application


def guesses(url: str, forwarded: str) -> list[int]:
    """One more wrong guess than a caller has, each with another address in the header."""
    with httpx2.Client(base_url=url) as client:
        return [
            client.post(
                "/api/auth/verify-otp",
                json={"email": f"n{number}@example.com", "otp": "000000"},
                headers={"X-Forwarded-For": forwarded.format(number=number)},
            ).status_code
            for number in range(limits.GUESS_OF_CALLER.burst + 1)
        ]


@pytest.mark.parametrize(
    ("trusted", "forwarded", "last"),
    [
        ("", "198.51.100.{number}", 429),
        ("192.0.2.1", "198.51.100.{number}", 429),
        ("127.0.0.1", "198.51.100.{number}", 401),
        ("127.0.0.1", "198.51.100.{number}, 203.0.113.7", 429),
    ],
    ids=["no proxy", "another proxy", "our proxy", "a name put before ours"],
)
def test_who_a_request_comes_from_is_believed_of_our_own_proxy_alone(
    settings: Settings, trusted: str, forwarded: str, last: int
) -> None:
    """Fault 72: the limits count an address, and only the last one that our proxy saw."""
    deployed = settings.model_copy(update={"is_demo": False, "trusted_proxies": trusted})
    with served.running(deployed) as url:
        answers = guesses(url, forwarded)
    assert set(answers[:-1]) == {401}
    assert answers[-1] == last


async def test_a_cookie_that_a_neighbour_planted_signs_nobody_in(house: House, settings: Settings) -> None:
    """Fault 77: on https the name itself ties a cookie to this very host; others of the name are not looked at."""
    secure = settings.model_copy(update={"frontend_url": "https://credits.example.com"})
    app = application.create_app(dataclasses.replace(house, settings=secure))
    transport = httpx2.ASGITransport(app=app)
    cookies = {"topup": "topup_pg_x", "topup-8000": "topup_pg_x", "topup-443": "topup_pg_x"}
    async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN, cookies=cookies) as client:
        page = await client.get("/sign-in", headers=visits.HTML)
        laid = page.headers.get_list("set-cookie")
    assert laid
    assert all(cookie.startswith("__Host-") and "Secure" in cookie and "Domain" not in cookie for cookie in laid)
