"""Deliveries fulfilled per second over HTTP, against pgbench writing the same rows one transaction each.

5,000 signed `checkout.session.completed` events of 3 to 4 kB over 32 connections, spread over 1,000 accounts; each is
durably fulfilled before its 200.
"""

import json
import secrets
import time
import uuid
from collections.abc import Sequence

import psycopg
import stripe

from bench import rig
from topup.core import ids

DELIVERIES = 5_000
ACCOUNTS = 1_000
RUNS = 5
SNAPSHOT = ("CHECKOUT", "PENDING", "Starter Pack", "credit", 100, 1000, "gbp", False)

PGBENCH = r"""
BEGIN;
SELECT gen_random_uuid() AS t, gen_random_uuid() AS l, gen_random_uuid() AS e, gen_random_uuid() AS o \gset
SELECT account_id AS a, id AS p FROM bench_payments WHERE n = (SELECT nextval('bench_next')) \gset
INSERT INTO stripe_events (id, type, object_id, api_version, is_live, payload, happened_at, outcome,
        processed_at, attempts)
  SELECT 'evt_' || :e::text, 'checkout.session.completed', 'cs', '2026-10-28.endive', false, payload, now(),
          'credited', now(), 1
  FROM bench_payload;
SELECT status FROM payments WHERE id = :p FOR NO KEY UPDATE;
SELECT seq + 1 AS s, balance + 100 AS b FROM accounts WHERE id = :a FOR NO KEY UPDATE \gset
INSERT INTO transfers (id, debit_account, credit_account, unit, amount, kind, cause_type, cause_id, actor,
        text_digest, recorded_at)
  VALUES (:t, '00000000-0000-7000-8000-000000000001', :a, 'credit', 100, 'PURCHASE', 'payment', :p::text,
          'stripe', '\x00', now());
INSERT INTO transfer_texts (transfer_id, description, salt) VALUES (:t, 'Starter Pack', '\x00');
INSERT INTO lots (id, account_id, transfer_id, opened_seq, amount, remaining, priority, source, payment_id, created_at)
  VALUES (:l, :a, :t, :s, 100, 100, 100, 'PURCHASE', :p, now());
INSERT INTO entries (account_id, seq, id, transfer_id, amount, balance_after, hash, recorded_at)
  VALUES (:a, :s, :e, :t, 100, :b, '\x00', now());
INSERT INTO entry_lots (account_id, seq, lot_id, amount) VALUES (:a, :s, :l, 100);
UPDATE accounts SET balance = balance + 100, seq = seq + 1 WHERE id = :a;
UPDATE payments SET status = 'COMPLETED', completed_at = now(), paid_minor = 1000,
        stripe_intent_id = 'pi_' || :p::text WHERE id = :p;
INSERT INTO outbox (id, kind, cause, recipient, details) VALUES (:o, 'receipt', :p::text, 'someone@example.com',
        '{"credits": 100}');
COMMIT;
"""


def main() -> None:
    """Run the measure and print its table."""
    table = rig.Table()
    with rig.bench() as bench:
        known = people(bench, ACCOUNTS)
        for _ in range(RUNS):
            rig.measure(bench, "deliveries", requests(bench, known, DELIVERIES), 200, table)
            table.add("pgbench transactions/s", _baseline(bench, known))
        table.ratio("ratio", "deliveries/s", "pgbench transactions/s")
        table.add("payments credited", bench.value("SELECT count(*) FROM payments WHERE status = 'COMPLETED'"))
        table.show()


def people(bench: rig.Bench, count: int) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """People with an account each, laid without the journal: (user, account)."""
    made = [(ids.new(), ids.new()) for _ in range(count)]
    with bench.connect() as connection, connection.transaction():
        for user_id, account_id in made:
            email = f"{user_id}@example.com"
            connection.execute(
                "INSERT INTO users (id, email, first_name, last_name, role) VALUES (%s, %s, 'Bea', 'Bench', 'STUDENT')",
                [user_id, email],
            )
            connection.execute(
                "INSERT INTO accounts (id, unit, user_id, email) VALUES (%s, 'credit', %s, %s)",
                [account_id, user_id, email],
            )
    return made


def _payments(
    connection: psycopg.Connection, known: Sequence[tuple[uuid.UUID, uuid.UUID]], count: int
) -> list[uuid.UUID]:
    made: list[uuid.UUID] = []
    with connection.cursor().copy(
        "COPY payments (id, user_id, account_id, stripe_session_id, channel, status, package_name, unit, credits,"
        " price_minor, currency, is_live) FROM STDIN"
    ) as copy:
        for number in range(count):
            user_id, account_id = known[number % len(known)]
            payment_id = ids.new()
            copy.write_row((payment_id, user_id, account_id, f"cs_test_{payment_id.hex}", *SNAPSHOT))
            made.append(payment_id)
    connection.execute("ANALYZE payments")
    return made


def requests(bench: rig.Bench, known: Sequence[tuple[uuid.UUID, uuid.UUID]], count: int) -> list[bytes]:
    """Deliveries of new payments, signed, in turn over these people."""
    with bench.connect() as connection:
        return [_request(body(payment_id)) for payment_id in _payments(connection, known, count)]


def body(payment_id: uuid.UUID) -> str:
    """An event of the size that Stripe's have, 3 to 4 kB."""
    session = {
        "id": f"cs_test_{payment_id.hex}",
        "object": "checkout.session",
        "mode": "payment",
        "status": "complete",
        "payment_status": "paid",
        "amount_subtotal": 1000,
        "amount_total": 1000,
        "currency": "gbp",
        "customer": "cus_bench",
        "payment_intent": f"pi_{payment_id.hex}",
        "client_reference_id": str(payment_id),
        "metadata": {"topup_payment_id": str(payment_id)},
        "livemode": False,
        "filling": {f"field_{number}": f"value {number} " + "x" * 40 for number in range(38)},
    }
    event = {
        "id": f"evt_{secrets.token_hex(12)}",
        "object": "event",
        "type": "checkout.session.completed",
        "api_version": "2026-10-28.endive",
        "created": int(time.time()),
        "livemode": False,
        "pending_webhooks": 1,
        "data": {"object": session},
    }
    return json.dumps(event)


def _request(text: str) -> bytes:
    header = stripe.WebhookSignature.generate_signature_header(text, rig.WEBHOOK_SECRET)
    return rig.post("/api/webhooks/stripe", text.encode(), Stripe_Signature=header)


def _baseline(bench: rig.Bench, known: Sequence[tuple[uuid.UUID, uuid.UUID]]) -> float:
    with bench.connect() as connection:
        connection.execute("DROP TABLE IF EXISTS bench_payments, bench_payload")
        connection.execute("DROP SEQUENCE IF EXISTS bench_next")
        connection.execute("CREATE SEQUENCE bench_next CACHE 1")
        connection.execute("CREATE TABLE bench_payload (payload json)")
        connection.execute("INSERT INTO bench_payload VALUES (%s)", [body(ids.new())])
        made = _payments(connection, known, DELIVERIES)
        connection.execute("CREATE TABLE bench_payments (n bigint PRIMARY KEY, id uuid, account_id uuid)")
        with connection.cursor().copy("COPY bench_payments FROM STDIN") as copy:
            for number, payment_id in enumerate(made, start=1):
                copy.write_row((number, payment_id, known[(number - 1) % len(known)][1]))
    return rig.pgbench(bench, PGBENCH, transactions=DELIVERIES - 200)


if __name__ == "__main__":
    main()
