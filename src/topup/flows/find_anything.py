"""Finds whatever a mail to support names: a person, an account, a payment, by address, name, reference or Stripe's id.

For admins alone; the caller sees to that. Only reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg_pool

from topup.core import ids
from topup.db import holders, payments

FOUND_MAX = 25


@dataclass(frozen=True, slots=True)
class Found:
    """What fits. `is_cut` says that there is more than is shown."""

    accounts: Sequence[holders.Holder]
    payments: Sequence[payments.Payment]
    is_cut: bool


async def find(pool: psycopg_pool.AsyncConnectionPool, text: str) -> Found:
    """Everything that fits a text, which is no more than spaces where nothing was asked."""
    text = "".join(letter for letter in text if letter.isprintable()).strip()
    reference = ids.read(text)
    async with pool.connection() as conn:
        if reference is not None:
            accounts = await holders.by_reference(conn, reference, limit=FOUND_MAX + 1)
        else:
            accounts = await holders.search(conn, text, limit=FOUND_MAX + 1) if text else []
        paid = await payments.search(conn, text=text, payment_id=reference) if text else []
    return Found(accounts[:FOUND_MAX], paid, is_cut=len(accounts) > FOUND_MAX)
