"""What a person left behind, table by table, and how each forgets them (fault 96).

Nothing that moved or was paid is touched: transfers, entries and payments name an id and figures. Their free text lies
in tables of its own, and the chain of hashes holds a salted digest of it. Called by topup.flows.erase alone, in one
transaction; docs/reference/personal-data.md says which column falls under which rule.
"""

from dataclasses import dataclass
from uuid import UUID

from topup.db import sql


@dataclass(frozen=True, slots=True)
class Whom:
    """Somebody to be erased, with their row locked. Who ever began to buy may be known at Stripe."""

    id: UUID
    email: str
    stripe_customer_id: str | None
    has_begun_to_buy: bool


LOCK = """
    SELECT id, email, stripe_customer_id, EXISTS (SELECT FROM payments WHERE user_id = users.id) AS has_begun_to_buy
    FROM users WHERE email = %s AND erased_at IS NULL FOR NO KEY UPDATE
"""


async def lock(conn: sql.Connection, email: str) -> Whom | None:
    """Whose address it is."""
    return await sql.row(conn, Whom, LOCK, [email])


REASONS = """
    SELECT 'payment ' || id || ' is ' || status FROM payments
    WHERE user_id = %(id)s AND status IN ('PENDING', 'PROCESSING', 'REVIEW')
    UNION ALL
    SELECT 'payment ' || p.id || ' is disputed' FROM payments p
    WHERE p.user_id = %(id)s AND (
        EXISTS (SELECT FROM holds WHERE payment_id = p.id AND kind = 'DISPUTE' AND status = 'OPEN')
        OR EXISTS (SELECT FROM disputes WHERE payment_id = p.id
                   AND status NOT IN ('won', 'lost', 'warning_closed', 'prevented')))
    UNION ALL
    SELECT 'a refund of payment ' || p.id || ' is on its way' FROM payments p
    WHERE p.user_id = %(id)s AND (
        EXISTS (SELECT FROM refunds WHERE payment_id = p.id AND status = 'requested')
        OR EXISTS (SELECT FROM money_back_due WHERE payment_id = p.id))
    UNION ALL
    SELECT 'they are the only owner of ' || i.name FROM institutions i JOIN memberships m ON m.institution_id = i.id
    WHERE m.user_id = %(id)s AND m.role = 'OWNER' AND m.status = 'ACTIVE' AND NOT EXISTS (
        SELECT FROM memberships other WHERE other.institution_id = i.id AND other.id <> m.id
            AND other.role = 'OWNER' AND other.status = 'ACTIVE')
    UNION ALL
    SELECT 'event ' || id || ' about them is not processed' FROM stripe_events
    WHERE processed_at IS NULL AND (position(%(email)s in lower(payload::text)) > 0
        OR position(%(customer)s in payload::text) > 0)
    ORDER BY 1
"""


async def reasons_against(conn: sql.Connection, whom: Whom) -> list[str]:
    """What must end first, in words; nothing when they may go."""
    return await sql.values(conn, REASONS, _named(whom))


MEMBERSHIPS = """
    SELECT id, institution_id FROM memberships
    WHERE (user_id = %(id)s OR email = %(email)s) AND status <> 'LEFT' ORDER BY id FOR NO KEY UPDATE
"""


async def memberships(conn: sql.Connection, whom: Whom) -> list[tuple[UUID, UUID]]:
    """Where they still belong, locked: (membership, institution)."""
    return await sql.pairs(conn, MEMBERSHIPS, _named(whom))


ACCOUNTS = """
    SELECT a.id FROM accounts a LEFT JOIN memberships m ON m.id = a.membership_id
    WHERE a.user_id = %(id)s OR m.user_id = %(id)s OR m.email = %(email)s OR a.email = %(email)s
"""


async def accounts(conn: sql.Connection, whom: Whom) -> list[UUID]:
    """Their own accounts, those of their memberships, and those that a host application opened for their address."""
    return await sql.values(conn, ACCOUNTS, _named(whom))


LEFT_OVER = (
    "SELECT unit, sum(balance)::bigint FROM accounts WHERE id = ANY(%s) AND balance <> 0 GROUP BY unit ORDER BY unit"
)


async def left_over(conn: sql.Connection, account_ids: list[UUID]) -> list[tuple[str, int]]:
    """What stays on their accounts, by unit."""
    return await sql.pairs(conn, LEFT_OVER, [account_ids])


# Before the texts go, since it finds answers by the lines and holds that they are about.
ANSWERS = """
    WITH about AS (
        SELECT e.id::text AS id FROM entries e WHERE e.account_id = ANY(%(accounts)s)
        UNION SELECT e.transfer_id::text FROM entries e WHERE e.account_id = ANY(%(accounts)s)
        UNION SELECT h.id::text FROM holds h WHERE h.account_id = ANY(%(accounts)s)
    )
    UPDATE idempotency SET answer = without_words(answer)
    WHERE json_typeof(answer) = 'object' AND (answer->>'id' IN (SELECT id FROM about)
        OR answer->'debit'->>'id' IN (SELECT id FROM about) OR answer->'credit'->>'id' IN (SELECT id FROM about))
"""
NAMES_IN_ANSWERS = """
    UPDATE idempotency SET answer = replace(answer::text, '"' || %(email)s || '"', '"' || %(alias)s || '"')::json
    WHERE position('"' || %(email)s || '"' in answer::text) > 0
"""
TEXTS = """
    DELETE FROM transfer_texts
    WHERE transfer_id IN (SELECT transfer_id FROM entries WHERE account_id = ANY(%(accounts)s))
"""
HOLDS = "UPDATE holds SET description = NULL WHERE account_id = ANY(%(accounts)s) AND description IS NOT NULL"
NAMED_ACCOUNTS = """
    UPDATE accounts SET email = NULL, name = NULL WHERE id = ANY(%(accounts)s) AND num_nonnulls(email, name) > 0
"""
PAYMENTS = """
    UPDATE payments SET receipt_url = NULL, checkout_url = NULL, metadata = '{}'
    WHERE user_id = %(id)s AND (num_nonnulls(receipt_url, checkout_url) > 0 OR metadata <> '{}')
"""
EVENTS = """
    UPDATE stripe_events SET payload = NULL, last_error = NULL
    WHERE payload IS NOT NULL AND processed_at IS NOT NULL AND (
        position(%(email)s in lower(payload::text)) > 0 OR position(%(customer)s in payload::text) > 0
        OR object_id IN (SELECT unnest(ARRAY[stripe_session_id, stripe_intent_id]) FROM payments
                         WHERE user_id = %(id)s))
"""
REFUNDS = """
    UPDATE refunds SET reason = NULL
    WHERE reason IS NOT NULL AND payment_id IN (SELECT id FROM payments WHERE user_id = %(id)s)
"""
CARDS = "DELETE FROM payment_methods WHERE user_id = %(id)s"
MAILS = """
    UPDATE outbox SET recipient = '', details = '{}', last_error = NULL,
        given_up_at = CASE WHEN sent_at IS NULL THEN coalesce(given_up_at, topup_now()) END
    WHERE recipient = %(email)s OR (coalesce(sent_at, given_up_at) IS NOT NULL
        AND position(%(email)s in details::text || coalesce(last_error, '')) > 0)
"""
MAILBOX = "DELETE FROM mailbox WHERE recipient = %(email)s OR position(%(email)s in text_body) > 0"
CODES = "DELETE FROM codes WHERE email = %(email)s OR user_id = %(id)s"
REGISTRATIONS = "DELETE FROM pending_registrations WHERE email = %(email)s"
REFRESH_TOKENS = "DELETE FROM refresh_tokens WHERE login_id IN (SELECT id FROM logins WHERE user_id = %(id)s)"
LOGINS = "DELETE FROM logins WHERE user_id = %(id)s"
PLACES = "UPDATE memberships SET email = %(alias)s WHERE user_id = %(id)s OR email = %(email)s"
ROSTER_ROWS = """
    UPDATE allocations SET roster_key = NULL
    WHERE roster_key IS NOT NULL AND membership_id IN (
        SELECT id FROM memberships WHERE user_id = %(id)s OR email = %(email)s)
"""
ROSTER_FILES = "DELETE FROM roster_files WHERE position(%(email)s in lower(encode(content, 'escape'))) > 0"
PERSON = """
    UPDATE users SET email = %(alias)s, first_name = '', last_name = '', is_admin = false, password_hash = NULL,
        identity_issuer = NULL, identity_subject = NULL, stripe_customer_id = NULL, default_payment_method = NULL,
        disabled_at = coalesce(disabled_at, topup_now()), erased_at = topup_now()
    WHERE id = %(id)s
"""


TAKE_TIME = "SET LOCAL statement_timeout = '10min'"


async def take_time(conn: sql.Connection) -> None:
    """Kept answers and events are looked through one by one; no account is locked while they are."""
    await sql.run(conn, TAKE_TIME)


async def forget(conn: sql.Connection, whom: Whom, account_ids: list[UUID]) -> None:
    """Forget them everywhere. What is processed later cannot bring them back: their row is nobody's by then."""
    named = {**_named(whom), "accounts": account_ids, "alias": f"erased-{whom.id}@erased.invalid"}
    for statement in (
        *(ANSWERS, NAMES_IN_ANSWERS, EVENTS, MAILS, MAILBOX, CODES, REGISTRATIONS, REFRESH_TOKENS, LOGINS),
        *(ROSTER_ROWS, ROSTER_FILES, PLACES, PAYMENTS, REFUNDS, CARDS, TEXTS, HOLDS, NAMED_ACCOUNTS, PERSON),
    ):
        await sql.run(conn, statement, named)


def _named(whom: Whom) -> dict[str, object]:
    """Parameters; no payload holds a customer of this name."""
    return {"id": whom.id, "email": whom.email, "customer": whom.stripe_customer_id or "no customer"}
