"""Which payments' refunds and disputes must be read at Stripe, and what a payment's credits came to. Nothing decided.

A mark is written in the transaction that stores an event; it goes when what was read after it is applied. Called by
topup.flows.receive, take_money_back and those who ask for a refund.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import timedelta
from uuid import UUID

from topup.db import sql

MARK = """
    INSERT INTO money_back_due AS due (payment_id)
    SELECT id FROM payments WHERE id = ANY(%s) ORDER BY id
    ON CONFLICT (payment_id) DO UPDATE SET marks = due.marks + 1, attempts = 0, due_at = excluded.due_at
"""


async def mark(conn: sql.Connection, payment_ids: Collection[UUID]) -> int:
    """Have payments looked at now; in id order, so that two batches do not deadlock."""
    return await sql.run(conn, MARK, [list(payment_ids)])


KNOWN = "SELECT stripe_intent_id, id FROM payments WHERE stripe_intent_id = ANY(%s)"


async def payments_of_intents(conn: sql.Connection, intent_ids: Collection[str]) -> dict[str, UUID]:
    """Which of these intents are of which payment, as far as payments know their intents."""
    return dict(await sql.pairs(conn, KNOWN, [list(intent_ids)]))


STRAY = """
    INSERT INTO money_back_strays AS stray (intent_id)
    SELECT * FROM unnest(%s::text[]) AS told (intent_id) ORDER BY intent_id
    ON CONFLICT (intent_id) DO UPDATE SET attempts = 0, due_at = excluded.due_at
"""


async def note_strays(conn: sql.Connection, intent_ids: Collection[str]) -> None:
    """Keep intents that no payment knows, to be looked into."""
    await sql.run(conn, STRAY, [list(intent_ids)])


@dataclass(frozen=True, slots=True)
class Due:
    """A payment to look at, as one worker has claimed it."""

    payment_id: UUID
    marks: int
    attempts: int


CLAIM = """
    UPDATE money_back_due SET attempts = attempts + 1, due_at = topup_now() + %(lease)s
    WHERE payment_id IN (SELECT payment_id FROM money_back_due WHERE due_at <= (SELECT topup_now())
                         ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
    RETURNING payment_id, marks, attempts
"""


async def claim(conn: sql.Connection, *, lease: timedelta, limit: int) -> list[Due]:
    """The payments that are due longest, each for one worker until the lease ends."""
    return await sql.rows(conn, Due, CLAIM, {"lease": lease, "limit": limit})


CLEAR = "DELETE FROM money_back_due WHERE payment_id = %(payment_id)s AND marks = %(marks)s"


async def clear(conn: sql.Connection, payment_id: UUID, *, marks: int) -> None:
    """It was looked at as it stood at that mark; a later mark stays."""
    await sql.run(conn, CLEAR, {"payment_id": payment_id, "marks": marks})


RETRY = """
    UPDATE money_back_due SET due_at = topup_now() + %(wait)s, last_error = %(error)s
    WHERE payment_id = %(payment_id)s AND marks = %(marks)s
"""


async def retry_later(conn: sql.Connection, due: Due, *, wait: timedelta, error: str) -> None:
    """Look again after a while; a mark that came meanwhile is due as it is."""
    parameters = {"payment_id": due.payment_id, "marks": due.marks, "wait": wait, "error": error}
    await sql.run(conn, RETRY, parameters)


@dataclass(frozen=True, slots=True)
class Stray:
    """An intent that no payment knows."""

    intent_id: str
    attempts: int


CLAIM_STRAYS = """
    UPDATE money_back_strays SET attempts = attempts + 1, due_at = topup_now() + %(lease)s
    WHERE intent_id IN (SELECT intent_id FROM money_back_strays WHERE due_at <= (SELECT topup_now())
                        ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
    RETURNING intent_id, attempts
"""


async def claim_strays(conn: sql.Connection, *, lease: timedelta, limit: int) -> list[Stray]:
    """Intents to look into now."""
    return await sql.rows(conn, Stray, CLAIM_STRAYS, {"lease": lease, "limit": limit})


DROP_STRAY = "DELETE FROM money_back_strays WHERE intent_id = %s"


async def drop_stray(conn: sql.Connection, intent_id: str) -> None:
    """It is known now, or it will never be ours."""
    await sql.run(conn, DROP_STRAY, [intent_id])


STRAY_LATER = "UPDATE money_back_strays SET due_at = topup_now() + %(wait)s WHERE intent_id = %(intent_id)s"


async def stray_later(conn: sql.Connection, intent_id: str, *, wait: timedelta) -> None:
    """Look into it again after a while."""
    await sql.run(conn, STRAY_LATER, {"intent_id": intent_id, "wait": wait})


ADOPT_STRAYS = """
    WITH known AS (
        DELETE FROM money_back_strays s USING payments p WHERE p.stripe_intent_id = s.intent_id RETURNING p.id)
    SELECT DISTINCT id FROM known
"""


async def adopt_strays(conn: sql.Connection) -> list[UUID]:
    """Take out the strays that a payment knows by now; the payments."""
    return await sql.values(conn, ADOPT_STRAYS)


@dataclass(frozen=True, slots=True)
class Stock:
    """What became of a payment's credits: free on its own account, and ended unused wherever they were."""

    unspent: int
    expired: int


# Sessions of an allocation that ended are not lost while they go back to the pool; those that came too late are.
STOCK = """
    SELECT coalesce(sum(l.remaining) FILTER (WHERE l.account_id = %(account_id)s), 0)::bigint AS unspent,
        coalesce(sum((
            SELECT -sum(x.amount) FROM entry_lots x
            JOIN entries e ON e.account_id = x.account_id AND e.seq = x.seq
            JOIN transfers t ON t.id = e.transfer_id AND t.kind = 'EXPIRY'
            LEFT JOIN allocation_ends n ON n.account_id = x.account_id AND n.seq = x.seq
            LEFT JOIN transfers back
                ON back.cause_type = 'allocation_end' AND back.cause_id = l.id::text || ':' || x.seq
            WHERE x.lot_id = l.id
              AND (l.returns_to IS NULL OR (n.settled_at IS NOT NULL AND back.id IS NULL)))), 0)::bigint AS expired
    FROM lots l WHERE l.payment_id = %(payment_id)s
"""


async def stock(conn: sql.Connection, payment_id: UUID, account_id: UUID) -> Stock:
    """What is left of a payment's credits. Settle and lock the account before, where it decides."""
    found = await sql.row(conn, Stock, STOCK, {"payment_id": payment_id, "account_id": account_id})
    return found or Stock(0, 0)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a look at Stripe leaves on the payment."""

    payment_id: UUID
    charged_minor: int
    refunded_minor: int
    disputed_minor: int
    credits_taken_back: int
    credits_expired_instead: int


KEEP_FIGURES = """
    UPDATE payments SET clawback_rev = clawback_rev + 1, charged_minor = %(charged_minor)s,
        refunded_minor = %(refunded_minor)s, disputed_minor = %(disputed_minor)s,
        credits_taken_back = %(credits_taken_back)s, credits_expired_instead = %(credits_expired_instead)s
    WHERE id = %(payment_id)s
"""


async def keep_figures(conn: sql.Connection, figures: Figures) -> None:
    """Write them, and count the look."""
    await sql.run(conn, KEEP_FIGURES, asdict(figures))
