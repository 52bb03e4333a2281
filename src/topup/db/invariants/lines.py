"""Invariants of transfers and statement lines: double entry, running balances, the chain of hashes.

Written for millions of rows: hash joins over whole tables, no sub-query that runs once a row. Topup's own accounts have
the ids up to ...0000ff, before all others, so `greatest` picks the customer's side of a transfer.
"""

from topup.db.invariants.invariant import Invariant

SIDES = Invariant(
    "L1_both_sides",
    "Every transfer is one line on each customer account that it names, with its sign, and no line stands alone.",
    """
    WITH due AS (
        SELECT id AS transfer_id, debit_account AS account_id, -amount AS amount FROM transfers
        WHERE debit_account BETWEEN %(first)s AND %(last)s AND debit_account > '00000000-0000-7000-8000-0000000000ff'
        UNION ALL
        SELECT id, credit_account, amount FROM transfers
        WHERE credit_account BETWEEN %(first)s AND %(last)s AND credit_account > '00000000-0000-7000-8000-0000000000ff'
    ),
    told AS (SELECT transfer_id, account_id, amount FROM entries WHERE account_id BETWEEN %(first)s AND %(last)s)
    SELECT account_id, 'transfer ' || transfer_id AS what FROM told FULL JOIN due USING (transfer_id, account_id)
    WHERE told.amount IS DISTINCT FROM due.amount
    """,
)

# Counting is cheap; the grouping, which is not, only runs when the counts differ.
ONCE = Invariant(
    "L1_told_once",
    "No account tells the same transfer twice.",
    """
    SELECT account_id, 'transfer ' || transfer_id AS what FROM entries
    WHERE account_id BETWEEN %(first)s AND %(last)s AND (SELECT count(*) FROM entries) > (
        SELECT count(*) FILTER (WHERE debit_account > '00000000-0000-7000-8000-0000000000ff')
             + count(*) FILTER (WHERE credit_account > '00000000-0000-7000-8000-0000000000ff') FROM transfers)
    GROUP BY account_id, transfer_id HAVING count(*) > 1
    """,
)

LAST_LINE = Invariant(
    "L3_last_line",
    "An account's balance, number of lines and head of the chain are those of its last line.",
    """
    SELECT a.id AS account_id, 'account ' || a.id AS what
    FROM accounts a LEFT JOIN LATERAL (
        SELECT seq, balance_after, hash FROM entries WHERE account_id = a.id ORDER BY seq DESC LIMIT 1
    ) AS last ON true
    WHERE a.system_name IS NULL AND a.id BETWEEN %(first)s AND %(last)s
      AND (a.seq, a.balance, a.head_hash) IS DISTINCT FROM
          (coalesce(last.seq, 0), coalesce(last.balance_after, 0), coalesce(last.hash, decode(repeat('00', 32), 'hex')))
    """,
)

RANGE = Invariant(
    "L5_amounts_in_range",
    "Every amount is at least 1 and at most 2^53 - 1, and no line moves nothing.",
    """
    SELECT greatest(debit_account, credit_account) AS account_id, 'transfer ' || id AS what FROM transfers
    WHERE amount NOT BETWEEN 1 AND 9007199254740991
      AND greatest(debit_account, credit_account) BETWEEN %(first)s AND %(last)s
    UNION ALL
    SELECT account_id, 'entry ' || account_id || '#' || seq FROM entries
    WHERE amount = 0 AND account_id BETWEEN %(first)s AND %(last)s
    """,
)

OVERSPENT = Invariant(
    "L6_nothing_overspent",
    "No account has spent or set aside more than it had; what it owes is debt, and debt leaves nothing to spend.",
    """
    SELECT id AS account_id, 'account ' || id AS what FROM accounts
    WHERE id BETWEEN %(first)s AND %(last)s
      AND (debt < 0 OR held < 0 OR balance < held - debt OR (debt > 0 AND balance <> held - debt))
    """,
)

# The bytes that are hashed are those of topup.ledger.book.line_hash.
CHAIN = Invariant(
    "L4_L7_chain",
    "Lines are numbered from 1 without a gap; each balance and each hash follow from the line before, and the hash also"
    " from all that the line and its transfer say.",
    """
    SELECT e.account_id, 'entry ' || e.account_id || '#' || e.seq AS what
    FROM entries e
    JOIN transfers t ON t.id = e.transfer_id
    LEFT JOIN entries p ON p.account_id = e.account_id AND p.seq = e.seq - 1
    WHERE e.account_id BETWEEN %(first)s AND %(last)s
      AND ((p.seq IS NULL) <> (e.seq = 1) OR e.balance_after <> coalesce(p.balance_after, 0) + e.amount
           OR e.recorded_at <> t.recorded_at OR e.hash <> sha256(
          coalesce(p.hash, decode(repeat('00', 32), 'hex'))
          || int8send(e.seq) || int8send(e.amount) || int8send(e.balance_after) || int8send(e.debt_change)
          || timestamptz_send(e.recorded_at) || uuid_send(e.id)
          || uuid_send(t.id) || uuid_send(t.debit_account) || uuid_send(t.credit_account)
          || coalesce(uuid_send(t.reverses), decode(repeat('00', 16), 'hex'))
          || coalesce(t.text_digest, decode(repeat('00', 32), 'hex'))
          || convert_to(concat_ws(' ', t.kind, t.cause_type, t.actor, t.cause_id), 'UTF8')))
    """,
)

TEXTS = Invariant(
    "L7_texts",
    "A text that has not been erased is the text that was hashed.",
    """
    SELECT greatest(t.debit_account, t.credit_account) AS account_id, 'text of transfer ' || t.id AS what
    FROM transfer_texts x JOIN transfers t ON t.id = x.transfer_id
    WHERE greatest(t.debit_account, t.credit_account) BETWEEN %(first)s AND %(last)s
      AND t.text_digest IS DISTINCT FROM sha256(
          x.salt || convert_to(coalesce(x.description, ''), 'UTF8') || '\\x00'::bytea
          || convert_to(coalesce(x.source_id, ''), 'UTF8') || '\\x00'::bytea
          || convert_to(coalesce(x.metadata::text, ''), 'UTF8'))
    """,
)

# Comparing is only needed where the constraint that forbids it does not stand: it takes a second for each million.
CAUSES = Invariant(
    "L8_one_transfer_per_cause",
    "Every transfer has a cause, and no cause has two transfers.",
    """
    SELECT greatest(debit_account, credit_account) AS account_id, 'transfer ' || id AS what FROM transfers
    WHERE greatest(debit_account, credit_account) BETWEEN %(first)s AND %(last)s
      AND NOT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('one_transfer_per_cause')
                      AND indrelid = 'transfers'::regclass AND indisunique AND indisvalid)
      AND (cause_type, cause_id) IN (
          SELECT cause_type, cause_id FROM transfers GROUP BY cause_type, cause_id HAVING count(*) > 1)
    """,
)

REVERSALS = Invariant(
    "L10_reversals",
    "A reversal is equal and opposite to one spend or capture, and nothing is reversed twice.",
    """
    SELECT r.credit_account AS account_id, 'transfer ' || r.id AS what
    FROM transfers r LEFT JOIN transfers t ON t.id = r.reverses
    WHERE (r.kind = 'REVERSAL' OR r.reverses IS NOT NULL) AND r.credit_account BETWEEN %(first)s AND %(last)s
      AND ((r.kind, t.kind IN ('USAGE', 'HOLD_CAPTURE'), t.debit_account, t.credit_account, t.unit, t.amount)
           IS DISTINCT FROM ('REVERSAL', true, r.credit_account, r.debit_account, r.unit, r.amount)
           OR EXISTS (SELECT FROM transfers o WHERE o.reverses = r.reverses AND o.id <> r.id))
    """,
)

# Most lines move one lot, so only the others are grouped. A line with one part equal to the whole and further parts
# beside it passes here and shows in the sums of its lots (G1) or of its account (G2).
PARTS = Invariant(
    "L11_made_of_lots",
    "What a line moved is what it moved of lots, less what it added to debt.",
    """
    SELECT e.account_id, 'entry ' || e.account_id || '#' || e.seq AS what
    FROM entries e LEFT JOIN entry_lots x ON x.account_id = e.account_id AND x.seq = e.seq
    WHERE e.account_id BETWEEN %(first)s AND %(last)s AND x.amount IS DISTINCT FROM e.amount + e.debt_change
    GROUP BY e.account_id, e.seq, e.amount, e.debt_change
    HAVING coalesce(sum(x.amount), 0) <> e.amount + e.debt_change
    """,
)

OWN_ACCOUNTS = Invariant(
    "L12_own_accounts",
    "Topup's own accounts keep no running figures; what they gave and took stands in the transfers.",
    """
    SELECT id AS account_id, 'account ' || system_name || ' ' || unit AS what FROM accounts
    WHERE system_name IS NOT NULL AND id BETWEEN %(first)s AND %(last)s AND (balance, held, debt, seq) <> (0, 0, 0, 0)
    """,
)

ALL = (
    SIDES,
    ONCE,
    LAST_LINE,
    RANGE,
    OVERSPENT,
    CHAIN,
    TEXTS,
    CAUSES,
    REVERSALS,
    PARTS,
    OWN_ACCOUNTS,
)
