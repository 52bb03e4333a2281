"""One way to break each invariant, and no other. Run with triggers and foreign keys asleep, on tests.ledger.world."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import LiteralString

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)

# Hashes an account's whole statement anew, as somebody would who changed a line and knows how lines are hashed.
FORGER = """
    CREATE FUNCTION pg_temp.forge(forged uuid) RETURNS boolean LANGUAGE plpgsql AS $$
    DECLARE head bytea := decode(repeat('00', 32), 'hex'); line record;
    BEGIN
        FOR line IN SELECT e.seq, e.amount, e.balance_after, e.debt_change, e.recorded_at, e.id AS entry_id, t.*
                    FROM entries e JOIN transfers t ON t.id = e.transfer_id WHERE e.account_id = forged ORDER BY e.seq
        LOOP
            head := sha256(head || int8send(line.seq)
                || int8send((SELECT amount FROM entries WHERE account_id = forged AND seq = line.seq))
                || int8send(line.balance_after) || int8send(line.debt_change) || timestamptz_send(
                    (SELECT recorded_at FROM entries WHERE account_id = forged AND seq = line.seq))
                || uuid_send(line.entry_id) || uuid_send(line.id)
                || uuid_send(line.debit_account) || uuid_send(line.credit_account)
                || coalesce(uuid_send(line.reverses), decode(repeat('00', 16), 'hex'))
                || coalesce(line.text_digest, decode(repeat('00', 32), 'hex'))
                || convert_to(line.kind || ' ' || line.cause_type || ' ' || line.actor || ' ' || line.cause_id,
                              'UTF8'));
            UPDATE entries SET hash = head WHERE account_id = forged AND seq = line.seq;
        END LOOP;
        UPDATE accounts SET head_hash = head WHERE id = forged;
        RETURN true;
    END $$;
    CREATE FUNCTION pg_temp.account(called text) RETURNS uuid LANGUAGE sql STABLE AS $$
        SELECT id FROM accounts WHERE external_id = called OR email = called || '@example.com'
    $$;
    CREATE FUNCTION pg_temp.spends(called text, number int) RETURNS transfers LANGUAGE sql STABLE AS $$
        SELECT t.* FROM transfers t JOIN entries e ON e.transfer_id = t.id
        WHERE t.kind = 'USAGE' AND e.account_id = pg_temp.account(called) ORDER BY e.seq OFFSET number - 1 LIMIT 1
    $$;
    CREATE FUNCTION pg_temp.living_lot(called text, number int) RETURNS lots LANGUAGE sql STABLE AS $$
        SELECT * FROM lots WHERE account_id = pg_temp.account(called) AND remaining > 1
        ORDER BY opened_seq, id OFFSET number - 1 LIMIT 1
    $$;
"""


@dataclass(frozen=True)
class Corruption:
    """What is done, and the one invariant that must notice."""

    breaks: str
    statements: tuple[LiteralString, ...]


def corruption(breaks: str, *statements: LiteralString) -> Corruption:
    return Corruption(breaks, statements)


FORGE_ALICE = "SELECT pg_temp.forge(pg_temp.account('alice'))"
FORGE_BOB = "SELECT pg_temp.forge(pg_temp.account('bob'))"

LINES = (
    corruption(
        "L1_both_sides",
        "UPDATE transfers SET debit_account = pg_temp.account('carol') WHERE id = (pg_temp.spends('alice', 1)).id",
        FORGE_ALICE,
    ),
    corruption(
        "L1_told_once",
        """
        UPDATE entries SET (transfer_id, recorded_at) = (
            SELECT s.id, s.recorded_at FROM pg_temp.spends('alice', 1) AS s)
        WHERE transfer_id = (pg_temp.spends('alice', 2)).id
        """,
        "DELETE FROM transfer_texts WHERE transfer_id NOT IN (SELECT transfer_id FROM entries)",
        "DELETE FROM transfers WHERE id NOT IN (SELECT transfer_id FROM entries)",
        FORGE_ALICE,
    ),
    corruption("L3_last_line", "UPDATE accounts SET head_hash = sha256('') WHERE id = pg_temp.account('alice')"),
    corruption(
        "L4_L7_chain",
        "UPDATE entries SET balance_after = balance_after + 1 WHERE account_id = pg_temp.account('alice') AND seq = 3",
        FORGE_ALICE,
    ),
    corruption(
        "L4_L7_chain",
        "UPDATE entries SET seq = seq + 1 WHERE account_id = pg_temp.account('carol')",
        "UPDATE entry_lots SET seq = seq + 1 WHERE account_id = pg_temp.account('carol')",
        "UPDATE lots SET opened_seq = opened_seq + 1 WHERE account_id = pg_temp.account('carol')",
        "UPDATE accounts SET seq = seq + 1 WHERE external_id = 'carol'",
        "SELECT pg_temp.forge(pg_temp.account('carol'))",
    ),
    corruption(
        "L5_amounts_in_range",
        "ALTER TABLE transfers DROP CONSTRAINT amount_is_positive_and_exact_in_json",
        """
        INSERT INTO transfers (id, debit_account, credit_account, unit, amount, kind, cause_type, cause_id, actor,
                               recorded_at)
        SELECT gen_random_uuid(), a.id, b.id, 'credit', 9007199254740992, 'ADJUSTMENT', 'test', 'huge', 'mallory',
               topup_now()
        FROM accounts a, accounts b WHERE a.system_name = 'promotions' AND b.system_name = 'usage'
          AND (a.unit, b.unit) = ('credit', 'credit')
        """,
    ),
    corruption(
        "L6_nothing_overspent",
        "ALTER TABLE accounts DROP CONSTRAINT debt_leaves_nothing_to_spend",
        """
        UPDATE entry_lots SET amount = amount + 1
        WHERE lot_id = (pg_temp.living_lot('frida', 1)).id AND account_id = pg_temp.account('frida') AND amount < 0
        """,
        "UPDATE entries SET debt_change = 1 WHERE account_id = pg_temp.account('frida') AND amount < 0",
        "UPDATE lots SET remaining = remaining + 1 WHERE id = (pg_temp.living_lot('frida', 1)).id",
        "UPDATE accounts SET debt = 1 WHERE id = pg_temp.account('frida')",
        "SELECT pg_temp.forge(pg_temp.account('frida'))",
    ),
    corruption("L4_L7_chain", "UPDATE transfers SET actor = 'user:mallory' WHERE id = (pg_temp.spends('alice', 1)).id"),
    corruption("L7_texts", "UPDATE transfer_texts SET description = 'Nothing' WHERE source_id = 'essay-17'"),
    corruption(
        "L8_one_transfer_per_cause",
        "ALTER TABLE transfers DROP CONSTRAINT one_transfer_per_cause",
        """
        UPDATE transfers SET cause_id = (pg_temp.spends('alice', 1)).cause_id
        WHERE id = (pg_temp.spends('alice', 2)).id
        """,
        FORGE_ALICE,
    ),
    corruption("L10_reversals", "UPDATE transfers SET reverses = NULL WHERE kind = 'REVERSAL'", FORGE_ALICE),
    corruption(
        "L11_made_of_lots",
        """
        UPDATE entry_lots SET amount = amount - 1 WHERE account_id = pg_temp.account('bob') AND amount < -1
        AND lot_id = (pg_temp.living_lot('bob', 1)).id
        """,
        """
        UPDATE entry_lots SET amount = amount + 1 WHERE account_id = pg_temp.account('bob') AND amount > 1
        AND lot_id = (pg_temp.living_lot('bob', 1)).id
        """,
    ),
    corruption(
        "L12_own_accounts",
        "ALTER TABLE accounts DROP CONSTRAINT system_accounts_keep_no_balance",
        "UPDATE accounts SET balance = 5 WHERE system_name = 'usage' AND unit = 'credit'",
    ),
)

LOTS = (
    corruption(
        "G1_lot_is_its_moves",
        "UPDATE lots SET remaining = remaining - 1 WHERE id = (pg_temp.living_lot('erin', 2)).id",
        "UPDATE lots SET remaining = remaining + 1 WHERE id = (pg_temp.living_lot('erin', 1)).id",
    ),
    corruption(
        "G1_lot_within_bounds",
        "ALTER TABLE lots DROP CONSTRAINT lot_never_grows",
        """
        UPDATE lots SET amount = CASE id WHEN (pg_temp.living_lot('hugo', 1)).id THEN 1 ELSE 3 END
        WHERE account_id = pg_temp.account('hugo')
        """,
    ),
    corruption(
        "G1_lots_are_what_came_in",
        "UPDATE lots SET amount = amount + 1 WHERE id = (pg_temp.living_lot('carol', 1)).id",
    ),
    corruption(
        "G2_balance_is_lots_less_debt",
        "UPDATE lots SET account_id = pg_temp.account('dora') WHERE id = (pg_temp.living_lot('carol', 1)).id",
    ),
    corruption(
        "G3_nothing_spent_after_its_end",
        """
        UPDATE lots SET expires_at = (pg_temp.spends('dora', 1)).recorded_at
        WHERE account_id = pg_temp.account('dora') AND expires_at IS NOT NULL
        """,
    ),
    corruption(
        "G4_burn_order", "UPDATE lots SET priority = 10 WHERE account_id = pg_temp.account('erin') AND priority = 100"
    ),
    corruption(
        "G5_ended_lots_are_booked",
        """
        UPDATE lots SET expires_at = topup_now() - interval '11 minutes' WHERE account_id = pg_temp.account('carol')
        """,
    ),
    corruption("H1_held_of_accounts", "UPDATE accounts SET held = held + 1 WHERE id = pg_temp.account('erin')"),
    corruption(
        "H1_held_of_lots",
        "UPDATE lots SET remaining = remaining - 1, held = held + 1 WHERE id = (pg_temp.living_lot('erin', 1)).id",
    ),
    corruption(
        "H2_holds_add_up",
        "UPDATE hold_lots SET amount = amount + 1 WHERE hold_id = (SELECT id FROM holds WHERE status = 'RELEASED')",
    ),
    corruption("H3_captured_is_told", "UPDATE holds SET captured = captured + 1 WHERE status = 'CAPTURED'"),
    corruption(
        "H4_ended_holds_are_closed",
        "UPDATE holds SET expires_at = topup_now() - interval '11 minutes' WHERE status = 'OPEN' AND kind = 'HOST'",
    ),
)

WAYS_BACK = (
    corruption("R1_taken_back_is_the_share", "UPDATE payments SET charged_minor = 500 WHERE status = 'COMPLETED'"),
    corruption(
        "R2_taken_back_within_granted",
        "ALTER TABLE payments DROP CONSTRAINT taken_back_within_granted",
        """
        UPDATE payments SET credits_expired_instead = 1 WHERE status = 'PENDING'
        """,
    ),
    corruption(
        "R3_each_refund_and_dispute_once", "UPDATE payments SET disputed_minor = 100 WHERE status = 'COMPLETED'"
    ),
    corruption(
        "R3_each_refund_and_dispute_once", "UPDATE payments SET refunded_minor = 400 WHERE status = 'COMPLETED'"
    ),
    corruption(
        "R4_taken_back_is_booked",
        "UPDATE payments SET credits_taken_back = 9, credits_expired_instead = 1 WHERE status = 'COMPLETED'",
    ),
    corruption(
        "R5_held_for_an_open_dispute",
        "UPDATE disputes SET status = 'won'",
        "UPDATE payments SET disputed_minor = 0 WHERE status = 'COMPLETED'",
    ),
    corruption(
        "R6_money_back_is_not_stuck",
        """
        INSERT INTO money_back_due (payment_id, since)
        SELECT id, topup_now() - interval '11 minutes' FROM payments WHERE status = 'COMPLETED'
        """,
    ),
)

SHARING = (
    corruption(
        "A1_pool_adds_up", "UPDATE allocations SET quantity = quantity + 1 WHERE account_id = pg_temp.account('lee')"
    ),
    corruption(
        "A2_allocated_within_purchased",
        """
        UPDATE transfers SET kind = 'WELCOME_BONUS' WHERE kind = 'PROMOTION'
            AND credit_account = (SELECT id FROM accounts WHERE institution_id IS NOT NULL)
        """,
        "SELECT pg_temp.forge(id) FROM accounts WHERE institution_id IS NOT NULL",
    ),
    corruption(
        "A3_given_to_members",
        "UPDATE memberships SET status = 'LEFT', left_at = topup_now() WHERE email = 'lee@example.com'",
    ),
    corruption(
        "A3_given_to_members",
        """
        UPDATE allocations SET membership_id = (SELECT id FROM memberships WHERE email = 'jan@example.com')
        WHERE account_id = pg_temp.account('lee')
        """,
    ),
    corruption(
        "A4_only_unused_goes_back",
        "UPDATE allocations SET returned = returned + 1 WHERE account_id = pg_temp.account('lee')",
        "UPDATE allocations SET returned = returned - 1 WHERE account_id = pg_temp.account('jan')",
    ),
)

DOINGS = (
    corruption(
        "P1_paid_and_credited_are_one",
        """
        UPDATE payments SET status = 'COMPLETED', completed_at = topup_now(), paid_minor = price_minor,
                            stripe_session_id = 'cs_x'
        WHERE status = 'PENDING'
        """,
    ),
    corruption(
        "P2_paid_is_credited_or_looked_at", "UPDATE payments SET paid_minor = price_minor WHERE status = 'PENDING'"
    ),
    corruption("P3_proof_of_payment", "UPDATE payments SET paid_minor = 999 WHERE status = 'COMPLETED'"),
    corruption(
        "P4_stripe_ids_are_unique",
        "ALTER TABLE payments DROP CONSTRAINT one_payment_per_session",
        """
        UPDATE payments SET stripe_session_id = (SELECT stripe_session_id FROM payments WHERE status = 'COMPLETED')
        WHERE status = 'PENDING'
        """,
    ),
    corruption("P6_credited_as_quoted", "UPDATE payments SET credits = credits + 1 WHERE status = 'COMPLETED'"),
    corruption("L9_one_unit_one_mode", "UPDATE payments SET is_live = true WHERE status = 'COMPLETED'"),
    corruption("E1_credited_events", "UPDATE stripe_events SET outcome = 'credited' WHERE type = 'charge.succeeded'"),
    corruption(
        "E2_no_event_is_stuck",
        """
        UPDATE stripe_events SET processed_at = NULL, outcome = NULL, received_at = topup_now() - interval '11 minutes'
        WHERE type = 'charge.succeeded'
        """,
    ),
    corruption("E3_events_of_this_mode", "UPDATE stripe_events SET is_live = true WHERE type = 'charge.succeeded'"),
    corruption(
        "E4_one_message_per_cause",
        "ALTER TABLE outbox DROP CONSTRAINT one_message_per_cause",
        """
        INSERT INTO outbox (id, kind, cause, recipient, details)
        SELECT gen_random_uuid(), kind, cause, recipient, details FROM outbox
        """,
    ),
    corruption(
        "E6_jobs_have_a_living_worker",
        """
        WITH gone AS (
            INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '3 minutes') RETURNING id
        )
        INSERT INTO procrastinate_jobs (queue_name, task_name, status, worker_id)
        SELECT 'default', 'verify', 'doing', id FROM gone
        """,
    ),
    corruption(
        "I1_one_answer_per_key",
        "ALTER TABLE idempotency DROP CONSTRAINT one_answer_per_key",
        "INSERT INTO idempotency SELECT * FROM idempotency",
    ),
    corruption("S1_secrets_are_hashes", "UPDATE users SET password_hash = 'hunter2'"),
    corruption("S2_five_guesses", "ALTER TABLE codes DROP CONSTRAINT five_tries", "UPDATE codes SET attempts = 6"),
    corruption("S3_banned_people_are_out", "UPDATE users SET disabled_at = topup_now()"),
    corruption("S6_guards_stand", "ALTER TABLE transfers DISABLE TRIGGER append_only"),
)

ALL = (*LINES, *LOTS, *WAYS_BACK, *SHARING, *DOINGS)

FACTS_OF_A_LINE = (
    "UPDATE transfers SET kind = 'HOLD_CAPTURE' WHERE id = (pg_temp.spends('alice', 1)).id",
    "UPDATE transfers SET cause_type = 'other' WHERE id = (pg_temp.spends('alice', 1)).id",
    "UPDATE transfers SET cause_id = 'other' WHERE id = (pg_temp.spends('alice', 1)).id",
    "UPDATE transfers SET actor = 'user:mallory' WHERE id = (pg_temp.spends('alice', 1)).id",
    "UPDATE transfers SET text_digest = sha256('') WHERE id = (pg_temp.spends('alice', 1)).id",
    "UPDATE transfers SET reverses = id WHERE id = (pg_temp.spends('alice', 1)).id",
    """
    UPDATE transfers SET credit_account = (SELECT id FROM accounts WHERE system_name = 'promotions' AND unit = 'credit')
    WHERE id = (pg_temp.spends('alice', 1)).id
    """,
    "UPDATE transfers SET debit_account = pg_temp.account('bob') WHERE id = (pg_temp.spends('alice', 1)).id",
    """
    UPDATE entries SET recorded_at = recorded_at + interval '1 microsecond'
    WHERE account_id = pg_temp.account('alice') AND seq = 2
    """,
    "UPDATE transfers SET recorded_at = recorded_at - interval '1 day' WHERE id = (pg_temp.spends('alice', 1)).id",
    "UPDATE entries SET amount = amount + 1 WHERE account_id = pg_temp.account('alice') AND seq = 2",
    "UPDATE entries SET balance_after = balance_after + 1 WHERE account_id = pg_temp.account('alice') AND seq = 2",
    "UPDATE entries SET debt_change = debt_change + 1 WHERE account_id = pg_temp.account('alice') AND seq = 2",
    "UPDATE entries SET id = gen_random_uuid() WHERE account_id = pg_temp.account('alice') AND seq = 2",
    "UPDATE entries SET hash = sha256('') WHERE account_id = pg_temp.account('alice') AND seq = 2",
)
