"""Signing up: keep what was typed and mail a code to the address. Nobody exists until the code comes back.

An address that has somebody takes the same path and gets the same answer in the same time; its owner is told by mail.
"""

from dataclasses import dataclass
from datetime import datetime

from psycopg_pool import AsyncConnectionPool

from topup.core import ids, limits
from topup.core.keys import Keys
from topup.core.people import Role
from topup.db import codes, users
from topup.flows import hashing, send_code, throttle


@dataclass(frozen=True, slots=True)
class Registered:
    """A code is on its way and ends then."""

    expires_at: datetime


async def register(
    pool: AsyncConnectionPool,
    keys: Keys,
    *,
    email: str,
    password: str,
    first_name: str,
    last_name: str,
    role: Role,
    caller: limits.Caller,
) -> Registered:
    """Begin a registration. `email` is canonical."""
    await throttle.charge(
        pool,
        [limits.of_caller(keys.bucket, limits.SIGN_UP_OF_CALLER, caller), *code_charges(keys, email, caller)],
    )
    password_hash = await hashing.sealed(password)
    async with pool.connection() as conn:
        owner = await users.find_by_email(conn, email)
        registration_id = ids.new()
        await codes.add_registration(
            conn,
            registration_id,
            email=email,
            first_name=first_name,
            last_name=last_name,
            role=role,
            password_hash=password_hash,
        )
        expires_at = await send_code.send(
            conn,
            keys.code,
            purpose="REGISTER",
            email=email,
            first_name=owner.first_name if owner else first_name,
            registration_id=registration_id,
            is_address_taken=owner is not None,
        )
    return Registered(expires_at)


def code_charges(keys: Keys, email: str, caller: limits.Caller) -> list[limits.Charge]:
    """What every mailed code costs (fault 72)."""
    return [
        limits.of_caller(keys.bucket, limits.CODE_OF_CALLER, caller),
        limits.of_pair(keys.bucket, limits.CODE_TO_ADDRESS_BY_CALLER, caller, email),
        limits.of_address(keys.bucket, limits.CODE_TO_ADDRESS, email),
        limits.of_all(keys.bucket, limits.CODE_TO_ANYBODY, caller),
    ]
