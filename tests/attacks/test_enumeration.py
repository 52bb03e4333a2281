"""Who is known here is not told by words, status, headers or work (fault 74).

Time is compared where it must be, in steps that no load hides; elsewhere the work itself is counted, statements and
password hashes, which says more than a clock on a busy machine.
"""

import time
from collections.abc import Awaitable, Callable

import argon2
import httpx2
import psycopg
import pytest

from tests.web.conftest import PASSWORD, Visitor

KNOWN, UNKNOWN = "alice@example.com", "nobody@example.com"
DOORS: dict[str, dict[str, str]] = {
    "/api/auth/login": {"password": "wrong password"},
    "/api/auth/register": {"password": PASSWORD, "firstName": "A", "lastName": "B"},
    "/api/auth/forgot-password": {},
    "/api/auth/resend-otp": {},
    "/api/auth/verify-otp": {"otp": "000000"},
    "/api/auth/reset-password": {"otp": "000000", "password": PASSWORD},
}
# Far above what writing a mail takes.
STEP_SECONDS = 0.1
CHANGING = {"x-request-id", "date"}


class Work:
    """What was done since it was last asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.statements, self.hashes = 0, 0
        self._count(monkeypatch, psycopg.AsyncCursor, "execute", "statements")
        for name in ("hash", "verify"):
            self._count(monkeypatch, argon2.PasswordHasher, name, "hashes")

    def _count(self, monkeypatch: pytest.MonkeyPatch, owner: type, name: str, what: str) -> None:
        original = getattr(owner, name)

        def counted(*given: object, **named: object) -> object:
            setattr(self, what, getattr(self, what) + 1)
            return original(*given, **named)

        monkeypatch.setattr(owner, name, counted)

    def taken(self) -> tuple[int, int]:
        found, self.statements, self.hashes = (self.statements, self.hashes), 0, 0
        return found


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    return Work(monkeypatch)


def seen(answer: httpx2.Response) -> object:
    """All that an answer tells, but for what is different each time."""
    body = answer.json()
    told = {name: value for name, value in body.items() if name not in {"requestId", "expiresAt"}}
    headers = {name: value for name, value in answer.headers.items() if name not in CHANGING}
    return answer.status_code, sorted(body), told, {name: headers[name] for name in headers if name != "content-length"}


@pytest.mark.parametrize("door", DOORS)
async def test_a_known_address_is_answered_like_an_unknown_one(
    alice: Visitor, client: httpx2.AsyncClient, door: str
) -> None:
    known = await client.post(door, json={"email": KNOWN, **DOORS[door]})
    unknown = await client.post(door, json={"email": UNKNOWN, **DOORS[door]})
    assert seen(known) == seen(unknown)


@pytest.mark.parametrize("door", ["/api/auth/login", "/api/auth/register"])
async def test_a_known_address_is_as_much_work_as_an_unknown_one(
    alice: Visitor, client: httpx2.AsyncClient, work: Work, door: str
) -> None:
    """A password is hashed, or compared with nobody's, and as many statements are run, whoever it is."""
    taken = []
    for email in (KNOWN, UNKNOWN, KNOWN, UNKNOWN):
        work.taken()
        await client.post(door, json={"email": email, **DOORS[door]})
        taken.append(work.taken())
    assert taken[2] == taken[3]
    statements, hashes = taken[3]
    assert (hashes, statements > 2) == (1, True)


async def test_somebody_without_a_password_is_as_much_work_too(
    alice: Visitor, client: httpx2.AsyncClient, work: Work, database_url: str
) -> None:
    """Whoever signs in with Google alone has no hash to compare with."""
    with psycopg.connect(database_url) as conn:
        conn.execute("UPDATE users SET password_hash = NULL")
    taken = []
    for email in (KNOWN, UNKNOWN):
        work.taken()
        await client.post("/api/auth/login", json={"email": email, "password": "wrong password"})
        taken.append(work.taken())
    assert taken[0] == taken[1]


@pytest.mark.parametrize("door", ["/api/auth/forgot-password", "/api/auth/resend-otp"])
async def test_where_the_work_differs_the_answer_leaves_on_the_step(
    alice: Visitor, client: httpx2.AsyncClient, door: str
) -> None:
    """A mail is written for one of them only. The quickest of several counts, which load does not make quicker."""
    assert await _quickest(lambda: client.post(door, json={"email": KNOWN})) >= STEP_SECONDS
    assert await _quickest(lambda: client.post(door, json={"email": UNKNOWN})) >= STEP_SECONDS


async def _quickest(ask: Callable[[], Awaitable[httpx2.Response]]) -> float:
    spent = []
    for _ in range(4):
        began = time.perf_counter()
        answer = await ask()
        spent.append(time.perf_counter() - began)
        assert answer.status_code == 202
    return min(spent)


async def test_an_invitation_tells_nothing_to_whoever_it_is_not_for(alice: Visitor, bob: Visitor) -> None:
    """A token that is none and one that was withdrawn are one answer; who owns an address is not asked of us."""
    answers = [
        await bob.client.post("/api/invitations/accept", json={"token": token})
        for token in ("topup_in_" + "A" * 43, "topup_in_unknown", "x")
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({str({**answer.json(), "requestId": ""}) for answer in answers}) == 1


async def test_inviting_somebody_says_not_whether_they_are_known(alice: Visitor, bob: Visitor) -> None:
    made = await alice.client.post("/api/institutions", json={"name": "Hill", "billingEmail": "b@hill.example"})
    path = f"/api/institutions/{made.json()['id']}/members"
    known = await alice.client.post(path, json={"email": "bob@example.com", "role": "STUDENT"})
    unknown = await alice.client.post(path, json={"email": UNKNOWN, "role": "STUDENT"})
    changing = {"id", "email", "createdAt"}
    assert {name: known.json()[name] for name in known.json().keys() - changing} == {
        name: unknown.json()[name] for name in unknown.json().keys() - changing
    }
