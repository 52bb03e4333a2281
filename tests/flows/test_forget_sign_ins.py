"""What signing in leaves behind does not stay for ever."""

from tests import people
from topup.core import keys, limits
from topup.db import sql
from topup.flows import forget_sign_ins, logins, refresh, register

KEYS = keys.derive("tests-only-tests-only-tests-only-tests")
COUNTS = """
    SELECT ARRAY[(SELECT count(*) FROM codes), (SELECT count(*) FROM pending_registrations),
        (SELECT count(*) FROM logins), (SELECT count(*) FROM refresh_tokens), (SELECT count(*) FROM rate_limits)]
"""


async def _counts(pool: people.Pool) -> list[int]:
    async with pool.connection() as conn:
        return await sql.value(conn, COUNTS)


async def _pass_days(pool: people.Pool, days: int) -> None:
    moved = "UPDATE deployment SET is_demo = true, clock_offset = clock_offset + make_interval(days => %s)"
    async with pool.connection() as conn:
        await sql.run(conn, moved, [days])


async def _register(pool: people.Pool, email: str) -> None:
    await register.register(
        pool,
        KEYS,
        email=email,
        password="correct horse battery",
        first_name="Carol",
        last_name="Clark",
        role="STUDENT",
        caller=limits.Caller("192.0.2.1"),
    )


async def test_what_is_still_of_use_is_kept_and_the_rest_forgotten(pool: people.Pool, alice: people.Person) -> None:
    await _register(pool, "carol@example.com")
    async with pool.connection() as conn:
        opened = await logins.open_for(conn, alice.user_id, kind="API")
    assert await _counts(pool) == [1, 1, 1, 1, 5]
    assert await forget_sign_ins.forget(pool) == 0

    await _pass_days(pool, 13)
    opened = await refresh.refresh(pool, refresh_token=opened.secret)
    await _register(pool, "dave@example.com")
    assert await forget_sign_ins.forget(pool) > 0
    codes, registrations, living, tokens, _ = await _counts(pool)
    assert (codes, registrations, living, tokens) == (1, 1, 1, 2)
    assert (await refresh.refresh(pool, refresh_token=opened.secret)).person.user_id == alice.user_id

    await _pass_days(pool, 100)
    await forget_sign_ins.forget(pool)
    assert await _counts(pool) == [0, 0, 0, 0, 0]


async def test_a_proven_registration_leaves_its_person(pool: people.Pool, alice: people.Person) -> None:
    await _pass_days(pool, 100)
    await forget_sign_ins.forget(pool)
    async with pool.connection() as conn:
        assert await sql.value(conn, "SELECT count(*) FROM users") == 1
