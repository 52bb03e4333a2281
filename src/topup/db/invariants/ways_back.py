"""Invariants of money that went back: what was taken of the credits is the share of the money, once and no more.

Written from the tables of refunds and disputes, apart from topup.core.money_back, which decides by the same rule.
"""

from topup.db.invariants.invariant import Invariant

# One that was looked at before it was credited is due for another look, and only then has anything to give.
SHARE = Invariant(
    "R1_taken_back_is_the_share",
    "Of a completed payment the same share of credits is taken back as of the money, rounded down.",
    """
    SELECT p.account_id, 'payment ' || p.id AS what
    FROM payments p CROSS JOIN LATERAL (
        SELECT (SELECT coalesce(sum(r.amount_minor), 0) FROM refunds r
                WHERE r.payment_id = p.id AND r.status NOT IN ('failed', 'canceled', 'refused'))
             + (SELECT coalesce(sum(d.amount_minor), 0) FROM disputes d
                WHERE d.payment_id = p.id AND (d.status = 'lost' OR d.status LIKE 'appeal%%')
                  AND (d.withdrawn_minor = 0 OR d.reinstated_minor < d.withdrawn_minor)) AS back_minor
    ) AS went
    WHERE p.status = 'COMPLETED' AND p.account_id BETWEEN %(first)s AND %(last)s
      AND p.credits_taken_back + p.credits_expired_instead <> coalesce(
          floor(p.credits::numeric * least(p.charged_minor, went.back_minor) / nullif(p.charged_minor, 0)), 0)
      AND NOT EXISTS (SELECT FROM money_back_due d WHERE d.payment_id = p.id)
    """,
)

BOUNDS = Invariant(
    "R2_taken_back_within_granted",
    "Nothing is taken back of a payment that is not completed, and of no payment more than was granted.",
    """
    SELECT account_id, 'payment ' || id AS what FROM payments
    WHERE account_id BETWEEN %(first)s AND %(last)s
      AND (credits_taken_back < 0 OR credits_expired_instead < 0
           OR credits_taken_back + credits_expired_instead > CASE WHEN status = 'COMPLETED' THEN credits ELSE 0 END)
    """,
)

ONCE = Invariant(
    "R3_each_refund_and_dispute_once",
    "A payment's refunded and disputed money are the sums of its refunds and disputes, and what failed counts nothing.",
    """
    SELECT p.account_id, 'payment ' || p.id AS what
    FROM payments p
    LEFT JOIN (
        SELECT payment_id, sum(amount_minor) AS minor FROM refunds
        WHERE status NOT IN ('requested', 'refused', 'failed', 'canceled') GROUP BY payment_id
    ) AS r ON r.payment_id = p.id
    LEFT JOIN (
        SELECT payment_id, sum(amount_minor) AS minor FROM disputes
        WHERE status NOT LIKE 'warning%%' AND status NOT IN ('won', 'prevented')
          AND (withdrawn_minor = 0 OR reinstated_minor < withdrawn_minor) GROUP BY payment_id
    ) AS d ON d.payment_id = p.id
    WHERE p.account_id BETWEEN %(first)s AND %(last)s
      AND (p.refunded_minor, p.disputed_minor) IS DISTINCT FROM (coalesce(r.minor, 0), coalesce(d.minor, 0))
    """,
)

BOOKED = Invariant(
    "R4_taken_back_is_booked",
    "What a payment says was taken back is what transfers took and gave back on its account.",
    """
    SELECT p.account_id, 'payment ' || p.id AS what
    FROM payments p LEFT JOIN (
        SELECT split_part(cause_id, ':', 1) AS payment_id, greatest(debit_account, credit_account) AS account_id,
               sum(CASE WHEN debit_account > credit_account THEN amount ELSE -amount END) AS net
        FROM transfers WHERE cause_type = 'money_back' GROUP BY 1, 2
    ) AS t ON t.payment_id = p.id::text
    WHERE p.account_id BETWEEN %(first)s AND %(last)s
      AND (p.credits_taken_back <> coalesce(t.net, 0) OR p.account_id <> coalesce(t.account_id, p.account_id))
    """,
)

HELD = Invariant(
    "R5_held_for_an_open_dispute",
    "Credits are held for a dispute only while it is open, and only those of the payment that is disputed.",
    """
    SELECT h.account_id, 'hold ' || h.id AS what
    FROM holds h
    JOIN hold_lots x ON x.hold_id = h.id
    JOIN lots l ON l.id = x.lot_id
    LEFT JOIN payments p ON p.id = h.payment_id AND p.account_id = h.account_id AND p.disputed_minor > 0
    WHERE h.kind = 'DISPUTE' AND h.status = 'OPEN' AND h.account_id BETWEEN %(first)s AND %(last)s
      AND (p.id IS NULL OR l.payment_id IS DISTINCT FROM h.payment_id)
    """,
)

WAITING = Invariant(
    "R6_money_back_is_not_stuck",
    "Refunds and disputes that were told are read at Stripe within ten minutes, and a refund asked for is answered.",
    """
    SELECT NULL::uuid AS account_id, 'payment ' || payment_id AS what FROM money_back_due
    WHERE since < topup_now() - interval '10 minutes'
    UNION ALL
    SELECT NULL, 'refund ' || id FROM refunds
    WHERE status = 'requested' AND created_at < topup_now() - interval '10 minutes'
    """,
    may_be_late=True,
)

ALL = (SHARE, BOUNDS, ONCE, BOOKED, HELD, WAITING)
