"""Counts a try at a one-time code, commits that, and only then compares (fault 71).

Every refusal is the same sentence, whether the address is unknown or the code wrong, old, used or tried too often.
"""

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.core import codes as rules
from topup.core import limits
from topup.core.keys import Keys
from topup.db import codes


def charges(keys: Keys, caller: limits.Caller) -> list[limits.Charge]:
    """What a guess costs, given back when it was right: one code tried at many accounts is guessing too (fault 72)."""
    return [
        limits.of_caller(keys.bucket, limits.GUESS_OF_CALLER, caller),
        limits.of_all(keys.bucket, limits.GUESS_OF_ANYBODY, caller),
    ]


async def check(
    pool: AsyncConnectionPool, code_key: bytes, *, purpose: rules.Purpose, email: str, code: str
) -> codes.Try:
    """The code's row, when this is its code. It still has to be used up (`codes.use`) in the effect's transaction."""
    async with pool.connection() as conn:
        tried = await codes.count_try(conn, purpose=purpose, email=email)
    if tried is None:
        raise refusal()
    candidate = rules.seal(code_key, purpose=purpose, email=email, code_id=tried.id, code=code)
    if not rules.is_match(tried.code_hmac, candidate):
        raise refusal()
    return tried


def refusal() -> errors.Unauthenticated:
    """The one refusal."""
    return errors.Unauthenticated("That code is not right or no longer valid. Ask for a new one.", code="invalid_code")
