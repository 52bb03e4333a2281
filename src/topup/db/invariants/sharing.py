"""Invariants of pools and allocations: what was given out is what came in, and goes back only where it was unused.

The rows of `allocations` are held against the lines of the ledger, which neither writes for the other. With the last
line of the pool (L3) the first of these is the contract's equation: purchased = available + allocated + expired + taken
back.
"""

from topup.db.invariants.invariant import Invariant

# What ended on an account that a student had passed it on to goes back to the pool too, and is no allocation's.
ADDS_UP = Invariant(
    "A1_pool_adds_up",
    "What a pool's lines say was given and came back is what its allocations say.",
    """
    SELECT a.id AS account_id, 'pool of institution ' || a.institution_id AS what
    FROM accounts a
    LEFT JOIN (
        SELECT institution_id, sum(quantity - returned) AS away FROM allocations GROUP BY institution_id
    ) AS given ON given.institution_id = a.institution_id
    LEFT JOIN (
        SELECT e.account_id, -sum(e.amount) AS away
        FROM entries e
        JOIN transfers t ON t.id = e.transfer_id
        LEFT JOIN lots l
            ON l.id = CASE WHEN t.cause_type = 'allocation_end' THEN split_part(t.cause_id, ':', 1)::uuid END
        WHERE e.account_id IN (SELECT id FROM accounts WHERE institution_id IS NOT NULL)
          AND e.account_id BETWEEN %(first)s AND %(last)s
          AND (t.cause_type IN ('allocation', 'take_back')
               OR l.transfer_id IN (SELECT transfer_id FROM allocations))
        GROUP BY e.account_id
    ) AS told ON told.account_id = a.id
    WHERE a.institution_id IS NOT NULL AND a.id BETWEEN %(first)s AND %(last)s
      AND coalesce(given.away, 0) <> coalesce(told.away, 0)
    """,
)

WITHIN = Invariant(
    "A2_allocated_within_purchased",
    "No institution has given out more than ever came into its pool.",
    """
    SELECT a.id AS account_id, 'pool of institution ' || a.institution_id AS what
    FROM accounts a JOIN (
        SELECT institution_id, sum(quantity - returned - expired) AS allocated FROM allocations GROUP BY institution_id
    ) AS given ON given.institution_id = a.institution_id
    WHERE a.id BETWEEN %(first)s AND %(last)s AND given.allocated > (
        SELECT coalesce(sum(e.amount), 0) FROM entries e JOIN transfers t ON t.id = e.transfer_id
        WHERE e.account_id = a.id AND e.amount > 0 AND t.kind IN ('PURCHASE', 'PROMOTION', 'ADJUSTMENT', 'TRANSFER')
          AND t.cause_type NOT IN ('take_back', 'allocation_end', 'debt_repayment'))
    """,
)

MEMBERS = Invariant(
    "A3_given_to_members",
    "An allocation that is open is a member's, invited or come, of the institution that gave it.",
    """
    SELECT al.account_id, 'allocation ' || al.id AS what
    FROM allocations al
    LEFT JOIN memberships m ON m.id = al.membership_id AND m.institution_id = al.institution_id AND m.status <> 'LEFT'
    LEFT JOIN accounts a ON a.id = al.account_id AND a.membership_id = m.id
    WHERE al.closed_at IS NULL AND a.id IS NULL AND al.account_id BETWEEN %(first)s AND %(last)s
    """,
)

UNUSED = Invariant(
    "A4_only_unused_goes_back",
    "What an allocation says went back or expired is what lines took of its own lots, which used sessions are not in.",
    """
    SELECT al.account_id, 'allocation ' || al.id AS what
    FROM allocations al LEFT JOIN (
        SELECT l.transfer_id, -sum(x.amount) AS taken
        FROM lots l
        JOIN entry_lots x ON x.lot_id = l.id AND x.amount < 0
        JOIN entries e ON e.account_id = x.account_id AND e.seq = x.seq
        JOIN transfers t ON t.id = e.transfer_id
        LEFT JOIN allocation_ends d ON d.account_id = x.account_id AND d.seq = x.seq AND d.lot_id = x.lot_id
        WHERE l.returns_to IS NOT NULL AND l.account_id BETWEEN %(first)s AND %(last)s
          AND (t.cause_type = 'take_back' OR d.settled_at IS NOT NULL)
        GROUP BY l.transfer_id
    ) AS told ON told.transfer_id = al.transfer_id
    WHERE al.account_id BETWEEN %(first)s AND %(last)s AND al.returned + al.expired <> coalesce(told.taken, 0)
    """,
)

ALL = (
    ADDS_UP,
    WITHIN,
    MEMBERS,
    UNUSED,
)
