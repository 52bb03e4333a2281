"""Invariants of payments, deliveries, answers and people: what was paid was credited, and its traces are whole.

Those that no single account breaks name no account, so nothing is frozen for them.
"""

from topup.db.invariants.invariant import Invariant

CREDITED = Invariant(
    "P1_paid_and_credited_are_one",
    "A payment is COMPLETED if and only if its credits came in, and no purchase came in without a payment.",
    """
    SELECT p.account_id, 'payment ' || p.id AS what
    FROM payments p LEFT JOIN transfers t ON t.cause_type = 'payment' AND t.cause_id = p.id::text
    WHERE p.account_id BETWEEN %(first)s AND %(last)s AND (p.status = 'COMPLETED') <> (t.id IS NOT NULL)
    UNION ALL
    SELECT t.credit_account, 'transfer ' || t.id
    FROM transfers t LEFT JOIN payments p ON t.cause_type = 'payment' AND p.id::text = t.cause_id
    WHERE t.kind = 'PURCHASE' AND p.id IS NULL AND t.credit_account BETWEEN %(first)s AND %(last)s
    """,
)

PAID = Invariant(
    "P2_paid_is_credited_or_looked_at",
    "A payment whose money came in is credited, or a person looks or has looked at it.",
    """
    SELECT NULL::uuid AS account_id, 'payment ' || id AS what FROM payments
    WHERE paid_minor IS NOT NULL AND status NOT IN ('COMPLETED', 'REVIEW', 'FAILED')
      AND account_id BETWEEN %(first)s AND %(last)s
    """,
)

# One that an admin completed after a review may differ: that is what the review was for.
PROOF = Invariant(
    "P3_proof_of_payment",
    "A completed payment has an id at Stripe and the very sum that was quoted.",
    """
    SELECT account_id, 'payment ' || id AS what FROM payments
    WHERE status = 'COMPLETED' AND review_reason IS NULL AND account_id BETWEEN %(first)s AND %(last)s
      AND (coalesce(paid_minor, CASE WHEN is_on_trust THEN price_minor END) IS DISTINCT FROM price_minor
           OR num_nonnulls(stripe_session_id, stripe_intent_id, stripe_invoice_id) = 0)
    """,
)

STRIPE_IDS = Invariant(
    "P4_stripe_ids_are_unique",
    "No two payments share a checkout session, an intent or an invoice.",
    """
    SELECT account_id, 'payment ' || id AS what FROM payments
    WHERE account_id BETWEEN %(first)s AND %(last)s AND (
        stripe_session_id IN (SELECT stripe_session_id FROM payments GROUP BY stripe_session_id HAVING count(*) > 1)
        OR stripe_intent_id IN (SELECT stripe_intent_id FROM payments GROUP BY stripe_intent_id HAVING count(*) > 1)
        OR stripe_invoice_id IN (SELECT stripe_invoice_id FROM payments GROUP BY stripe_invoice_id HAVING count(*) > 1))
    """,
)

QUOTED = Invariant(
    "P6_credited_as_quoted",
    "What came in for a payment is what its snapshot says, in its unit, on its account.",
    """
    SELECT p.account_id, 'payment ' || p.id AS what
    FROM payments p JOIN transfers t ON t.cause_type = 'payment' AND t.cause_id = p.id::text
    WHERE p.account_id BETWEEN %(first)s AND %(last)s
      AND (t.kind, t.amount, t.unit, t.credit_account) IS DISTINCT FROM ('PURCHASE', p.credits, p.unit, p.account_id)
    """,
)

ONE_UNIT = Invariant(
    "L9_one_unit_one_mode",
    "A lot, its transfer, its account and its payment agree in unit, and every payment in the deployment's mode.",
    """
    SELECT l.account_id, 'lot ' || l.id AS what
    FROM lots l
    JOIN accounts a ON a.id = l.account_id
    JOIN transfers t ON t.id = l.transfer_id
    LEFT JOIN payments p ON p.id = l.payment_id
    WHERE l.account_id BETWEEN %(first)s AND %(last)s
      AND (t.unit <> a.unit OR (l.payment_id IS NOT NULL AND p.unit IS DISTINCT FROM a.unit))
    UNION ALL
    SELECT p.account_id, 'payment ' || p.id FROM payments p, deployment d
    WHERE p.is_live <> (d.mode = 'live') AND p.account_id BETWEEN %(first)s AND %(last)s
    """,
)

EVENTS = Invariant(
    "E1_credited_events",
    "An event that says it credited is about a payment that stands COMPLETED.",
    """
    SELECT NULL::uuid AS account_id, 'event ' || e.id AS what FROM stripe_events e
    WHERE e.outcome = 'credited' AND NOT EXISTS (
        SELECT FROM payments p WHERE p.stripe_session_id = e.object_id AND p.status = 'COMPLETED')
      AND NOT EXISTS (SELECT FROM payments p WHERE p.stripe_intent_id = e.object_id AND p.status = 'COMPLETED')
      AND NOT EXISTS (SELECT FROM payments p WHERE p.stripe_invoice_id = e.object_id AND p.status = 'COMPLETED')
    """,
)

WAITING_EVENTS = Invariant(
    "E2_no_event_is_stuck",
    "An event that came more than ten minutes ago has been processed, or will be tried again soon.",
    """
    SELECT NULL::uuid AS account_id, 'event ' || id AS what FROM stripe_events
    WHERE processed_at IS NULL AND received_at < topup_now() - interval '10 minutes'
      AND (next_try_at IS NULL OR next_try_at < topup_now() - interval '5 minutes')
    """,
    may_be_late=True,
)

MODE = Invariant(
    "E3_events_of_this_mode",
    "An event of another mode than the deployment's has been ignored.",
    """
    SELECT NULL::uuid AS account_id, 'event ' || e.id AS what FROM stripe_events e, deployment d
    WHERE e.is_live <> (d.mode = 'live') AND e.outcome <> 'ignored'
    """,
)

MESSAGES = Invariant(
    "E4_one_message_per_cause",
    "No cause is told twice.",
    """
    SELECT NULL::uuid AS account_id, 'message ' || kind || ' ' || cause AS what FROM outbox
    GROUP BY kind, cause HAVING count(*) > 1
    """,
)

# Their clock is the wall's, also where a demo has moved money's.
JOBS = Invariant(
    "E6_jobs_have_a_living_worker",
    "A job in progress is in the hands of a worker that has shown itself in the last two minutes.",
    """
    SELECT NULL::uuid AS account_id, 'job ' || j.task_name || ' ' || j.id AS what
    FROM procrastinate_jobs j LEFT JOIN procrastinate_workers w ON w.id = j.worker_id
    WHERE j.status = 'doing' AND coalesce(w.last_heartbeat < clock_timestamp() - interval '2 minutes', true)
    """,
    may_be_late=True,
)

# As with causes: the constraint stands, or all keys are compared.
ANSWERS = Invariant(
    "I1_one_answer_per_key",
    "No idempotency key has two answers.",
    """
    SELECT NULL::uuid AS account_id, 'key ' || route || ' ' || key AS what FROM idempotency
    WHERE NOT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('one_answer_per_key')
                      AND indrelid = 'idempotency'::regclass AND indisunique AND indisvalid)
    GROUP BY principal, route, key HAVING count(*) > 1
    """,
)

SECRETS = Invariant(
    "S1_secrets_are_hashes",
    "Passwords, codes, cookies, tokens and keys are stored as hashes of the right form.",
    """
    SELECT NULL::uuid AS account_id, 'password of user ' || id AS what FROM users
        WHERE password_hash NOT LIKE '$argon2id$%%'
    UNION ALL SELECT NULL, 'password of registration ' || id FROM pending_registrations
        WHERE password_hash NOT LIKE '$argon2id$%%'
    UNION ALL SELECT NULL, 'code ' || id FROM codes WHERE length(code_hmac) <> 32
    UNION ALL SELECT NULL, 'cookie of login ' || id FROM logins WHERE length(cookie_hash) <> 32
    UNION ALL SELECT NULL, 'refresh token ' || id FROM refresh_tokens WHERE length(token_hash) <> 32
    UNION ALL SELECT NULL, 'API key ' || id FROM api_keys WHERE length(secret_hash) <> 32
    """,
)

GUESSES = Invariant(
    "S2_five_guesses",
    "No code was tried more than five times.",
    "SELECT NULL::uuid AS account_id, 'code ' || id AS what FROM codes WHERE attempts NOT BETWEEN 0 AND 5",
)

BANNED = Invariant(
    "S3_banned_people_are_out",
    "Nobody whose user is disabled is still signed in.",
    """
    SELECT NULL::uuid AS account_id, 'login ' || l.id AS what FROM logins l JOIN users u ON u.id = l.user_id
    WHERE u.disabled_at IS NOT NULL AND l.ended_at IS NULL AND l.expires_at > topup_now()
    """,
)

GUARDS = Invariant(
    "S6_guards_stand",
    "The triggers that keep history from being rewritten are there and switched on.",
    """
    SELECT NULL::uuid AS account_id, 'trigger ' || guard.name || ' on ' || guard.relation AS what
    FROM (VALUES
        ('transfers', 'append_only'), ('entries', 'append_only'), ('entry_lots', 'append_only'),
        ('lots', 'born_as_it_stays'), ('lots', 'keep_for_ever'), ('holds', 'keep_for_ever'),
        ('hold_lots', 'keep_for_ever'), ('accounts', 'keep_for_ever'),
        ('payments', 'guard'), ('payments', 'keep_for_ever')
    ) AS guard (relation, name)
    LEFT JOIN pg_trigger t
        ON t.tgrelid = to_regclass(guard.relation) AND t.tgname = guard.name AND t.tgenabled IN ('O', 'A')
    WHERE t.oid IS NULL
    """,
)

ALL = (
    CREDITED,
    PAID,
    PROOF,
    STRIPE_IDS,
    QUOTED,
    ONE_UNIT,
    EVENTS,
    WAITING_EVENTS,
    MODE,
    MESSAGES,
    JOBS,
    ANSWERS,
    SECRETS,
    GUESSES,
    BANNED,
    GUARDS,
)
