"""Invariants of lots and holds: what came in is there or went out line by line, in the right order and in time.

What `may_be_late` here is bookkeeping: nothing that has ended can be spent, whether it is booked or not.
"""

from topup.db.invariants.invariant import Invariant

MOVES = Invariant(
    "G1_lot_is_its_moves",
    "What a lot still holds is what its lines made of it.",
    """
    SELECT l.account_id, 'lot ' || l.id AS what
    FROM lots l LEFT JOIN (
        SELECT lot_id, sum(amount) AS moved FROM entry_lots
        WHERE account_id BETWEEN %(first)s AND %(last)s GROUP BY lot_id
    ) AS x ON x.lot_id = l.id
    WHERE l.account_id BETWEEN %(first)s AND %(last)s AND l.remaining + l.held <> coalesce(x.moved, 0)
    """,
)

BOUNDS = Invariant(
    "G1_lot_within_bounds",
    "No part of a lot is negative, and a lot never holds more than came in.",
    """
    SELECT account_id, 'lot ' || id AS what FROM lots
    WHERE account_id BETWEEN %(first)s AND %(last)s AND (remaining < 0 OR held < 0 OR remaining + held > amount)
    """,
)

# What a clawback gives back goes into lots that were there, and only the rest, if any, is a lot of its own.
BIRTH = Invariant(
    "G1_lots_are_what_came_in",
    "The lots that a transfer brought add up to the transfer, or to no more than it where credits were given back.",
    """
    SELECT t.credit_account AS account_id, 'transfer ' || t.id AS what
    FROM lots l JOIN transfers t ON t.id = l.transfer_id
    WHERE t.credit_account BETWEEN %(first)s AND %(last)s
    GROUP BY t.id HAVING sum(l.amount) > t.amount OR (sum(l.amount) < t.amount AND t.cause_type <> 'money_back')
    """,
)

# Together with G1, L3, L4 and L11 it also says that debt is the sum of what lines added to it and repaid of it.
BALANCE = Invariant(
    "G2_balance_is_lots_less_debt",
    "An account's balance is what its lots hold less its debt.",
    """
    SELECT a.id AS account_id, 'account ' || a.id AS what
    FROM accounts a LEFT JOIN (
        SELECT account_id, sum(remaining + held) AS present FROM lots
        WHERE remaining <> 0 OR held <> 0 GROUP BY account_id
    ) AS l ON l.account_id = a.id
    WHERE a.system_name IS NULL AND a.id BETWEEN %(first)s AND %(last)s AND a.balance <> coalesce(l.present, 0) - a.debt
    """,
)

LIFE = Invariant(
    "G3_nothing_spent_after_its_end",
    "No credit was spent or moved at or after its end, and none captured then but by a hold from before.",
    """
    SELECT x.account_id, 'entry ' || x.account_id || '#' || x.seq AS what
    FROM lots l
    JOIN entry_lots x ON x.lot_id = l.id AND x.amount < 0
    JOIN entries e ON e.account_id = x.account_id AND e.seq = x.seq AND e.recorded_at >= l.expires_at
    JOIN transfers t ON t.id = e.transfer_id
    WHERE l.expires_at <= (SELECT topup_now()) AND l.account_id BETWEEN %(first)s AND %(last)s
      AND (t.kind IN ('USAGE', 'TRANSFER') OR (t.kind = 'HOLD_CAPTURE' AND NOT EXISTS (
          SELECT FROM hold_lots p JOIN holds h ON h.id = p.hold_id
          WHERE p.lot_id = l.id AND h.captured > 0 AND h.created_at < l.expires_at)))
    """,
)

# A lot is passed over when a later one in burn order was spent while it held credits. Lots that were ever on hold, or
# were filled again by a reversal, are left out: their empty times cannot be told from lines. The first and the last
# time that any lot behind it was spent tell, for nearly every lot, that nothing need be looked at.
ORDER = Invariant(
    "G4_burn_order",
    "Credits are spent by priority, then by earliest end, then by age.",
    """
    WITH moved AS (
        SELECT lot_id, max(seq) AS last_seq, min(seq) FILTER (WHERE amount < 0) AS first_spent,
               count(*) FILTER (WHERE amount > 0) > 1 AS was_refilled
        FROM entry_lots WHERE account_id BETWEEN %(first)s AND %(last)s GROUP BY lot_id
    ),
    spans AS (
        SELECT l.id, l.account_id, l.priority, coalesce(l.expires_at, 'infinity') AS ends_at, l.opened_seq,
               was_refilled,
               CASE WHEN l.remaining + l.held > 0 THEN 9223372036854775807 ELSE last_seq END AS empty_seq,
               min(first_spent) OVER behind AS first_behind, max(last_seq) OVER behind AS last_behind
        FROM lots l JOIN moved ON moved.lot_id = l.id
        WINDOW behind AS (
            PARTITION BY l.account_id ORDER BY l.priority, coalesce(l.expires_at, 'infinity'), l.opened_seq, l.id
            ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
    )
    SELECT passed.account_id, 'entry ' || passed.account_id || '#' || taken.seq AS what
    FROM spans passed CROSS JOIN LATERAL (
        SELECT x.seq
        FROM entry_lots x
        JOIN lots l ON l.id = x.lot_id
        JOIN entries e ON e.account_id = x.account_id AND e.seq = x.seq
        JOIN transfers t ON t.id = e.transfer_id
        WHERE x.account_id = passed.account_id AND x.seq >= passed.opened_seq AND x.seq < passed.empty_seq
          AND x.amount < 0
          AND (l.priority, coalesce(l.expires_at, 'infinity'), l.opened_seq, l.id)
              > (passed.priority, passed.ends_at, passed.opened_seq, passed.id)
          AND t.kind IN ('USAGE', 'TRANSFER') AND t.cause_type <> 'take_back'
        LIMIT 1
    ) AS taken
    WHERE NOT passed.was_refilled AND NOT EXISTS (SELECT FROM hold_lots h WHERE h.lot_id = passed.id)
      AND passed.first_behind < passed.empty_seq AND passed.last_behind >= passed.opened_seq
    """,
)

ENDED_LOTS = Invariant(
    "G5_ended_lots_are_booked",
    "What ended more than ten minutes ago has been booked as expired.",
    """
    SELECT l.account_id, 'lot ' || l.id AS what FROM lots l JOIN accounts a ON a.id = l.account_id
    WHERE l.is_living AND l.remaining > 0 AND l.expires_at < (SELECT topup_now()) - interval '10 minutes'
      AND a.frozen_at IS NULL
      AND l.account_id BETWEEN %(first)s AND %(last)s
    """,
    may_be_late=True,
)

HELD = Invariant(
    "H1_held_of_accounts",
    "What is held of an account is what its open holds have not captured.",
    """
    SELECT a.id AS account_id, 'account ' || a.id AS what
    FROM accounts a LEFT JOIN (
        SELECT account_id, sum(amount - captured) AS open FROM holds WHERE status = 'OPEN' GROUP BY account_id
    ) AS h ON h.account_id = a.id
    WHERE a.id BETWEEN %(first)s AND %(last)s AND a.held <> coalesce(h.open, 0)
    """,
)

HELD_OF_LOTS = Invariant(
    "H1_held_of_lots",
    "What is held of a lot is what open holds still hold of it.",
    """
    SELECT l.account_id, 'lot ' || l.id AS what
    FROM lots l LEFT JOIN (
        SELECT p.lot_id, sum(p.remaining) AS open FROM hold_lots p JOIN holds h ON h.id = p.hold_id
        WHERE h.status = 'OPEN' GROUP BY p.lot_id
    ) AS h ON h.lot_id = l.id
    WHERE l.account_id BETWEEN %(first)s AND %(last)s AND l.held <> coalesce(h.open, 0)
    """,
)

HOLDS = Invariant(
    "H2_holds_add_up",
    "A hold's parts add up to it; open, to what it has not captured; closed, to nothing.",
    """
    SELECT h.account_id, 'hold ' || h.id AS what
    FROM holds h LEFT JOIN (
        SELECT hold_id, sum(amount) AS amount, sum(remaining) AS remaining FROM hold_lots GROUP BY hold_id
    ) AS p ON p.hold_id = h.id
    WHERE h.account_id BETWEEN %(first)s AND %(last)s
      AND (p.amount IS DISTINCT FROM h.amount OR h.captured NOT BETWEEN 0 AND h.amount
           OR p.remaining <> CASE WHEN h.status = 'OPEN' THEN h.amount - h.captured ELSE 0 END)
    """,
)

CAPTURED = Invariant(
    "H3_captured_is_told",
    "What hosts captured of an account's holds is what its lines of captures took.",
    """
    SELECT account_id, 'account ' || account_id AS what
    FROM (SELECT account_id, sum(captured) AS taken FROM holds WHERE kind = 'HOST' GROUP BY account_id) AS h
    FULL JOIN (
        SELECT debit_account AS account_id, sum(amount) AS told FROM transfers
        WHERE kind = 'HOLD_CAPTURE' GROUP BY debit_account
    ) AS t USING (account_id)
    WHERE account_id BETWEEN %(first)s AND %(last)s AND coalesce(h.taken, 0) <> coalesce(t.told, 0)
    """,
)

ENDED_HOLDS = Invariant(
    "H4_ended_holds_are_closed",
    "A hold that ended more than ten minutes ago has been closed.",
    """
    SELECT h.account_id, 'hold ' || h.id AS what FROM holds h JOIN accounts a ON a.id = h.account_id
    WHERE h.status = 'OPEN' AND h.expires_at < (SELECT topup_now()) - interval '10 minutes' AND a.frozen_at IS NULL
      AND h.account_id BETWEEN %(first)s AND %(last)s
    """,
    may_be_late=True,
)

ALL = (
    MOVES,
    BOUNDS,
    BIRTH,
    BALANCE,
    LIFE,
    ORDER,
    ENDED_LOTS,
    HELD,
    HELD_OF_LOTS,
    HOLDS,
    CAPTURED,
    ENDED_HOLDS,
)
