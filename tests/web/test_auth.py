"""Signing up, in and out over JSON: what is promised, and what is refused."""

import asyncio
from typing import Any, LiteralString

import httpx2
import psycopg

from tests.web.conftest import ORIGIN, PASSWORD, Visitor, mailed_code, sign_up
from topup.core import codes, limits
from topup.runtime.house import House

ALICE = {"email": "alice@example.com", "password": PASSWORD, "firstName": "Alice", "lastName": "Arnold"}


def _rows(database_url: str, statement: LiteralString) -> list[tuple[Any, ...]]:
    with psycopg.connect(database_url) as connection:
        return connection.execute(statement).fetchall()


def _run(database_url: str, statement: LiteralString, *values: object) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(statement, values)


def _pass_time(database_url: str, minutes: int) -> None:
    moved = "UPDATE deployment SET is_demo = true, clock_offset = clock_offset + make_interval(mins => %s)"
    _run(database_url, moved, minutes)


def _kinds(database_url: str) -> list[str]:
    return [row[0] for row in _rows(database_url, "SELECT kind FROM outbox ORDER BY id")]


def _refusal(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_new_student_has_an_account_a_login_and_a_welcome(alice: Visitor, database_url: str) -> None:
    me = await alice.client.get("/api/auth/me")
    assert me.json() == alice.user
    assert alice.user["role"] == "STUDENT"
    assert alice.user["isAdmin"] is False
    assert alice.login["expiresIn"] == 3600
    lots = _rows(database_url, "SELECT account_id::text, amount, priority, source FROM lots")
    assert lots == [(alice.user["accountId"], 100, 50, "WELCOME_BONUS")]


async def test_an_instructor_is_a_label_without_a_welcome(client: httpx2.AsyncClient, database_url: str) -> None:
    ida = await sign_up(client, database_url, email="ida@example.com", firstName="Ida", lastName="I", role="INSTRUCTOR")
    assert ida.user["role"] == "INSTRUCTOR"
    assert ida.user["accountId"]
    assert _rows(database_url, "SELECT * FROM lots") == []


async def test_nobody_exists_before_the_code_comes_back(client: httpx2.AsyncClient, database_url: str) -> None:
    assert (await client.post("/api/auth/register", json=ALICE)).status_code == 202
    assert _rows(database_url, "SELECT * FROM users") == []
    login = await client.post("/api/auth/login", json={"email": ALICE["email"], "password": PASSWORD})
    assert _refusal(login) == (401, "invalid_credentials")


async def test_a_taken_address_is_answered_like_a_free_one(alice: Visitor, database_url: str) -> None:
    """Fault 74: the same answer and the same rows; the owner is told by mail, and no code is told to anybody."""
    counted = "SELECT (SELECT count(*) FROM pending_registrations), (SELECT count(*) FROM codes), count(*) FROM outbox"
    before = _rows(database_url, counted)[0]
    taken = await alice.client.post("/api/auth/register", json={**ALICE, "password": "another password"})
    between = _rows(database_url, counted)[0]
    free = await alice.client.post("/api/auth/register", json={**ALICE, "email": "new@example.com"})
    after = _rows(database_url, counted)[0]
    assert taken.status_code == free.status_code == 202
    assert taken.json().keys() == free.json().keys()
    assert taken.json()["message"] == free.json()["message"]
    assert [b - a for a, b in zip(before, between, strict=True)] == [b - a for a, b in zip(between, after, strict=True)]
    assert _kinds(database_url) == ["verification_code", "already_registered", "verification_code"]
    told = _rows(database_url, "SELECT details FROM outbox WHERE kind = 'already_registered'")
    assert told == [({"firstName": "Alice"},)]


async def test_not_even_the_right_guess_takes_a_taken_address_over(
    alice: Visitor, house: House, database_url: str
) -> None:
    """Fault 73: the code that nobody was told makes nobody and changes nobody, should it be guessed."""
    await alice.client.post("/api/auth/register", json={**ALICE, "password": "another password"})
    (living,) = _rows(database_url, "SELECT id FROM codes WHERE used_at IS NULL")
    guessed = codes.seal(house.keys.code, purpose="REGISTER", email=ALICE["email"], code_id=living[0], code="123456")
    _run(database_url, "UPDATE codes SET code_hmac = %s WHERE used_at IS NULL", guessed)
    guess = await alice.client.post("/api/auth/verify-otp", json={"email": ALICE["email"], "otp": "123456"})
    assert _refusal(guess) == (401, "invalid_code")
    login = await alice.client.post("/api/auth/login", json={"email": ALICE["email"], "password": "another password"})
    assert login.status_code == 401
    assert _rows(database_url, "SELECT count(*) FROM users") == [(1,)]


async def test_a_code_is_used_once(client: httpx2.AsyncClient, database_url: str) -> None:
    await client.post("/api/auth/register", json=ALICE)
    proof = {"email": ALICE["email"], "otp": mailed_code(database_url, ALICE["email"])}
    assert (await client.post("/api/auth/verify-otp", json=proof)).status_code == 200
    assert _refusal(await client.post("/api/auth/verify-otp", json=proof)) == (401, "invalid_code")


async def test_a_new_code_ends_the_old_one(client: httpx2.AsyncClient, database_url: str) -> None:
    await client.post("/api/auth/register", json=ALICE)
    old = mailed_code(database_url, ALICE["email"])
    assert (await client.post("/api/auth/resend-otp", json={"email": ALICE["email"]})).status_code == 202
    new = mailed_code(database_url, ALICE["email"])
    if old != new:
        refused = await client.post("/api/auth/verify-otp", json={"email": ALICE["email"], "otp": old})
        assert _refusal(refused) == (401, "invalid_code")
    proven = await client.post("/api/auth/verify-otp", json={"email": ALICE["email"], "otp": new})
    assert proven.status_code == 200


async def test_a_code_activates_the_registration_it_was_issued_for(
    client: httpx2.AsyncClient, database_url: str
) -> None:
    """Fault 73: a later registration's password is not smuggled in under an earlier code, nor the other way."""
    await client.post("/api/auth/register", json={**ALICE, "password": "first password", "firstName": "First"})
    await client.post("/api/auth/register", json={**ALICE, "password": "second password", "firstName": "Second"})
    proof = {"email": ALICE["email"], "otp": mailed_code(database_url, ALICE["email"])}
    login = await client.post("/api/auth/verify-otp", json=proof)
    assert login.json()["user"]["firstName"] == "Second"
    for password, status in (("first password", 401), ("second password", 200)):
        answer = await client.post("/api/auth/login", json={"email": ALICE["email"], "password": password})
        assert answer.status_code == status


async def test_a_code_ends_after_ten_minutes(client: httpx2.AsyncClient, database_url: str) -> None:
    await client.post("/api/auth/register", json=ALICE)
    proof = {"email": ALICE["email"], "otp": mailed_code(database_url, ALICE["email"])}
    _pass_time(database_url, 11)
    assert _refusal(await client.post("/api/auth/verify-otp", json=proof)) == (401, "invalid_code")


async def test_a_hundred_parallel_guesses_are_five(client: httpx2.AsyncClient, database_url: str) -> None:
    """Fault 71: tries are counted before comparing, so after them even the right code is refused."""
    await client.post("/api/auth/register", json=ALICE)
    right = mailed_code(database_url, ALICE["email"])
    wrong = [f"{number:06d}" for number in range(101) if f"{number:06d}" != right][:100]
    guesses = [client.post("/api/auth/verify-otp", json={"email": ALICE["email"], "otp": code}) for code in wrong]
    answers = await asyncio.gather(*guesses)
    assert {answer.status_code for answer in answers} <= {401, 429}
    assert _rows(database_url, "SELECT attempts FROM codes") == [(5,)]
    last = await client.post("/api/auth/verify-otp", json={"email": ALICE["email"], "otp": right})
    assert _refusal(last) == (401, "invalid_code")
    await client.post("/api/auth/resend-otp", json={"email": ALICE["email"]})
    fresh = {"email": ALICE["email"], "otp": mailed_code(database_url, ALICE["email"])}
    assert (await client.post("/api/auth/verify-otp", json=fresh)).status_code == 200


async def test_parallel_proofs_make_one_person_with_one_welcome(client: httpx2.AsyncClient, database_url: str) -> None:
    """Faults 3, 73."""
    await client.post("/api/auth/register", json=ALICE)
    proof = {"email": ALICE["email"], "otp": mailed_code(database_url, ALICE["email"])}
    answers = await asyncio.gather(*(client.post("/api/auth/verify-otp", json=proof) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]
    counted = "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM logins), (SELECT sum(amount) FROM lots)"
    assert _rows(database_url, counted) == [(1, 1, 100)]


async def test_asking_again_for_a_code_never_says_who_is_known(client: httpx2.AsyncClient, database_url: str) -> None:
    unknown = await client.post("/api/auth/resend-otp", json={"email": "nobody@example.com"})
    await client.post("/api/auth/register", json=ALICE)
    known = await client.post("/api/auth/resend-otp", json={"email": ALICE["email"]})
    assert (unknown.status_code, unknown.json()) == (known.status_code, known.json())
    assert _kinds(database_url) == ["verification_code", "verification_code"]


async def test_wrong_password_and_unknown_address_are_one_answer(alice: Visitor, client: httpx2.AsyncClient) -> None:
    """Fault 74."""
    answers = [
        await client.post("/api/auth/login", json={"email": email, "password": "wrong password"})
        for email in ("alice@example.com", "nobody@example.com")
    ]
    told = [{**answer.json(), "requestId": ""} for answer in answers]
    assert told[0] == told[1]
    assert _refusal(answers[0]) == (401, "invalid_credentials")


async def test_the_address_of_a_login_is_read_in_any_spelling(alice: Visitor, client: httpx2.AsyncClient) -> None:
    """Fault 84."""
    login = await client.post("/api/auth/login", json={"email": " ALICE@Example.com", "password": PASSWORD})
    assert login.json()["user"] == alice.user


async def test_guessing_at_one_account_is_slowed_down_but_its_owner_elsewhere_is_not(
    alice: Visitor, client: httpx2.AsyncClient, house: House
) -> None:
    """Fault 71: the attacker uses up their own allowance."""
    wrong = {"email": "alice@example.com", "password": "wrong password"}
    burst = limits.SIGN_IN_TO_ACCOUNT_BY_CALLER.burst
    answers = await asyncio.gather(*(client.post("/api/auth/login", json=wrong) for _ in range(burst + 10)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 10
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    elsewhere = httpx2.ASGITransport(app=client._transport.app, client=("192.0.2.9", 1))  # pyrefly: ignore
    async with httpx2.AsyncClient(transport=elsewhere, base_url=ORIGIN) as owner:
        login = await owner.post("/api/auth/login", json={"email": "alice@example.com", "password": PASSWORD})
    assert login.status_code == 200


async def test_signing_in_rightly_is_never_too_often(alice: Visitor, client: httpx2.AsyncClient) -> None:
    right = {"email": "alice@example.com", "password": PASSWORD}
    answers = [
        await client.post("/api/auth/login", json=right) for _ in range(limits.SIGN_IN_TO_ACCOUNT_BY_CALLER.burst + 1)
    ]
    assert {answer.status_code for answer in answers} == {200}


async def test_mail_to_one_address_is_rationed(client: httpx2.AsyncClient, database_url: str) -> None:
    """Fault 72."""
    answers = [
        await client.post("/api/auth/forgot-password", json={"email": "alice@example.com"})
        for _ in range(limits.CODE_TO_ADDRESS_BY_CALLER.burst + 1)
    ]
    assert [answer.status_code for answer in answers] == [202] * limits.CODE_TO_ADDRESS_BY_CALLER.burst + [429]


async def test_a_refresh_token_is_traded_for_the_next(alice: Visitor) -> None:
    first = await alice.client.post("/api/auth/refresh", json={"refreshToken": alice.login["refreshToken"]})
    assert first.json()["user"] == alice.user
    assert first.json()["refreshToken"] != alice.login["refreshToken"]
    second = await alice.client.post("/api/auth/refresh", json={"refreshToken": first.json()["refreshToken"]})
    assert second.status_code == 200


async def test_a_refresh_token_that_comes_back_ends_the_login(alice: Visitor) -> None:
    """Fault 70: thief or owner, one of the two is not who they say."""
    first = await alice.client.post("/api/auth/refresh", json={"refreshToken": alice.login["refreshToken"]})
    again = await alice.client.post("/api/auth/refresh", json={"refreshToken": alice.login["refreshToken"]})
    assert _refusal(again) == (401, "refresh_token_invalid")
    after = await alice.client.post("/api/auth/refresh", json={"refreshToken": first.json()["refreshToken"]})
    assert after.status_code == 401
    assert (await alice.client.get("/api/auth/me")).status_code == 401


async def test_parallel_refreshes_never_leave_two_chains(alice: Visitor, database_url: str) -> None:
    trade = {"refreshToken": alice.login["refreshToken"]}
    answers = await asyncio.gather(*(alice.client.post("/api/auth/refresh", json=trade) for _ in range(6)))
    assert sum(answer.status_code == 200 for answer in answers) <= 1
    assert _rows(database_url, "SELECT count(*) FROM refresh_tokens WHERE used_at IS NULL") == [(1,)]


async def test_a_refresh_token_ends_when_unused_and_a_login_ends_anyway(alice: Visitor, database_url: str) -> None:
    token = alice.login["refreshToken"]
    for _ in range(3):
        _pass_time(database_url, 13 * 24 * 60)
        answer = await alice.client.post("/api/auth/refresh", json={"refreshToken": token})
        token = answer.json().get("refreshToken", token)
    assert _refusal(answer) == (401, "refresh_token_invalid")


async def test_logging_out_ends_both_tokens(alice: Visitor) -> None:
    """Fault 70."""
    out = {"refreshToken": alice.login["refreshToken"]}
    gone = await alice.client.post("/api/auth/logout", json=out)
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await alice.client.get("/api/auth/me")).status_code == 401
    assert (await alice.client.post("/api/auth/refresh", json=out)).status_code == 401
    assert (await alice.client.post("/api/auth/logout", json=out)).status_code == 204
    assert (await alice.client.post("/api/auth/logout", json={"refreshToken": "nonsense"})).status_code == 204


async def test_a_ban_and_a_changed_role_act_at_once(alice: Visitor, admin: Visitor, database_url: str) -> None:
    """Fault 70: tokens are not believed, rows are."""
    _run(database_url, "UPDATE users SET disabled_at = topup_now() WHERE email = 'alice@example.com'")
    assert (await alice.client.get("/api/auth/me")).status_code == 401
    login = await alice.client.post("/api/auth/login", json={"email": "alice@example.com", "password": PASSWORD})
    assert _refusal(login) == (403, "account_disabled")
    _run(database_url, "UPDATE users SET is_admin = false WHERE email = 'admin@example.com'")
    refused = await admin.client.post("/api/credit-packages", json={})
    assert (refused.status_code, refused.json()["error"]) == (403, "Admin access required")


async def test_an_access_token_ends_after_an_hour(alice: Visitor, database_url: str) -> None:
    _pass_time(database_url, 61)
    assert _refusal(await alice.client.get("/api/auth/me")) == (401, "token_invalid")


async def test_what_is_no_access_token_is_nobody(client: httpx2.AsyncClient) -> None:
    for header in ("Bearer", "Bearer ", "Bearer x.y.z", "Basic YTpi", "topup", "Bearer topup_rt_x"):
        answer = await client.get("/api/auth/me", headers={"Authorization": header})
        assert (header, answer.status_code) == (header, 401)
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_refresh_token_is_no_access_token(alice: Visitor) -> None:
    """Fault 69."""
    header = {"Authorization": f"Bearer {alice.login['refreshToken']}"}
    assert (await alice.client.get("/api/auth/me", headers=header)).status_code == 401


async def test_a_mailed_code_sets_a_new_password_and_ends_every_login(alice: Visitor, database_url: str) -> None:
    """Fault 70."""
    sent = await alice.client.post("/api/auth/forgot-password", json={"email": "alice@example.com"})
    assert sent.status_code == 202
    reset = {
        "email": "alice@example.com",
        "otp": mailed_code(database_url, "alice@example.com"),
        "password": "a brand new password",
    }
    done = await alice.client.post("/api/auth/reset-password", json=reset)
    assert done.json()["user"] == alice.user
    assert (await alice.client.get("/api/auth/me")).status_code == 401
    header = {"Authorization": f"Bearer {done.json()['accessToken']}"}
    assert (await alice.client.get("/api/auth/me", headers=header)).status_code == 200
    for password, status in ((PASSWORD, 401), ("a brand new password", 200)):
        login = await alice.client.post("/api/auth/login", json={"email": "alice@example.com", "password": password})
        assert login.status_code == status


async def test_a_code_for_one_purpose_does_nothing_for_another(alice: Visitor, database_url: str) -> None:
    """Fault 73."""
    await alice.client.post("/api/auth/forgot-password", json={"email": "alice@example.com"})
    code = mailed_code(database_url, "alice@example.com")
    verify = await alice.client.post("/api/auth/verify-otp", json={"email": "alice@example.com", "otp": code})
    assert _refusal(verify) == (401, "invalid_code")
    await alice.client.post("/api/auth/register", json={**ALICE, "email": "new@example.com"})
    other = mailed_code(database_url, "new@example.com")
    reset = {"email": "new@example.com", "otp": other, "password": "a brand new password"}
    assert _refusal(await alice.client.post("/api/auth/reset-password", json=reset)) == (401, "invalid_code")


async def test_an_unknown_address_is_mailed_no_reset_code(client: httpx2.AsyncClient, database_url: str) -> None:
    answer = await client.post("/api/auth/forgot-password", json={"email": "nobody@example.com"})
    assert answer.status_code == 202
    assert _kinds(database_url) == []


ODD: list[dict[str, object]] = [
    {"email": "alice"},
    {"email": 1},
    {"password": "short"},
    {"password": "x" * 129},
    {"password": "nul\x00in it, long enough"},
    {"firstName": ""},
    {"firstName": "  \u200b "},
    {"firstName": "Al\nice"},
    {"firstName": "\u202eecilA"},
    {"firstName": "x" * 101},
    {"lastName": None},
    {"role": "ADMIN"},
    {"isAdmin": True},
    {"balance": 1000},
    {"is_admin": True},
    {"first_name": "Alice"},
]


async def test_a_registration_with_anything_odd_in_it_is_refused(client: httpx2.AsyncClient) -> None:
    """Faults 68, 84: no role, no flag and no field of ours comes in from outside."""
    for change in ODD:
        answer = await client.post("/api/auth/register", json={**ALICE, **change})
        pointers = [fault["pointer"] for fault in answer.json()["errors"]]
        assert (answer.status_code, pointers) == (422, [f"/{name}" for name in change])


async def test_no_answer_repeats_a_password(client: httpx2.AsyncClient) -> None:
    """Fault 87."""
    answer = await client.post("/api/auth/register", json={**ALICE, "email": "no", "password": "canary\x00canary"})
    assert "canary" not in answer.text
