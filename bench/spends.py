"""Spends per second over HTTP, on one hot account and spread over 10,000, against pgbench on the same server.

The hot account is compared with 32 clients that update one single row; the spread with 32 clients that write the rows
of a spend, one transaction each. Every spend has its own idempotency key, a description, and is durable before its 201.
"""

import json
import secrets
import uuid
from collections.abc import Sequence

from bench import rig
from topup.core import api_keys, ids

SPENDS = 10_000
SPREAD = 10_000
RUNS = 5

HOT_ROW = "UPDATE bench_row SET balance = balance - 1 WHERE id = 1;"

ONE_SPEND_A_TRANSACTION = r"""
\set n random(1, 10000)
BEGIN;
SELECT gen_random_uuid() AS t, gen_random_uuid() AS e, account_id AS a, lot_id AS l
  FROM bench_accounts WHERE n = :n \gset
SELECT seq + 1 AS s, balance - 1 AS b FROM accounts WHERE id = :a FOR NO KEY UPDATE \gset
SELECT count(*) FROM idempotency WHERE principal = 'bench' AND route = 'spend' AND key = :t::text;
SELECT id, remaining FROM lots WHERE account_id = :a AND (remaining > 0 OR held > 0);
INSERT INTO transfers (id, debit_account, credit_account, unit, amount, kind, cause_type, cause_id, actor, text_digest,
    recorded_at)
  VALUES (:t, :a, '00000000-0000-7000-8000-000000000003', 'credit', 1, 'USAGE', 'spend', :t::text, 'bench', '\x00',
    now());
INSERT INTO transfer_texts (transfer_id, description, salt) VALUES (:t, 'Essay marked', '\x00');
INSERT INTO entries (account_id, seq, id, transfer_id, amount, balance_after, hash, recorded_at)
  VALUES (:a, :s, :e, :t, -1, :b, '\x00', now());
INSERT INTO entry_lots (account_id, seq, lot_id, amount) VALUES (:a, :s, :l, -1);
UPDATE lots SET remaining = remaining - 1 WHERE id = :l;
UPDATE accounts SET balance = balance - 1, seq = seq + 1 WHERE id = :a;
INSERT INTO idempotency (principal, route, key, fingerprint, status, answer)
  VALUES ('bench', 'spend', :t::text, '\x00', 201, '{"id": "x", "amount": 1, "balanceAfter": 1}');
COMMIT;
"""


def main() -> None:
    """Run the measure and print its table."""
    table = rig.Table()
    with rig.bench() as bench:
        key = application_key(bench)
        hot, spread = accounts(bench, 1), accounts(bench, SPREAD)
        _lay_baselines(bench, spread)
        for _ in range(RUNS):
            for way, targets in (("hot spends", hot), ("spread spends", spread)):
                rig.measure(bench, way, requests(key, [account for account, _ in targets], SPENDS), 201, table)
            table.add("pgbench one row/s", rig.pgbench(bench, HOT_ROW, transactions=SPENDS))
            table.add("pgbench one spend/s", rig.pgbench(bench, ONE_SPEND_A_TRANSACTION, transactions=SPENDS))
    table.ratio("hot ratio", "hot spends/s", "pgbench one row/s")
    table.ratio("spread ratio", "spread spends/s", "pgbench one spend/s")
    table.show()


def application_key(bench: rig.Bench) -> str:
    """An API key that may spend."""
    key = api_keys.build(secrets.token_bytes(api_keys.PREFIX_BYTES), secrets.token_bytes(api_keys.SECRET_BYTES))
    with bench.connect() as connection:
        connection.execute(
            "INSERT INTO api_keys (id, application_id, name, prefix, secret_hash, scopes)"
            " VALUES (%s, %s, 'bench', %s, %s, '{spend}')",
            [ids.new(), ids.new(), key.prefix, key.digest()],
        )
    return key.text


def accounts(
    bench: rig.Bench, count: int, *, credits_each: int = 1_000_000_000, lots_each: int = 1
) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Accounts with so many lots each, laid without the journal: (account, its first lot)."""
    made = [(ids.new(), ids.new(), ids.new()) for _ in range(count)]
    lot_credits = credits_each // lots_each
    with bench.connect() as connection, connection.transaction():
        with connection.cursor().copy("COPY accounts (id, unit, external_id, balance) FROM STDIN") as copy:
            for account_id, _, _ in made:
                copy.write_row((account_id, "credit", str(account_id), credits_each))
        connection.execute("SET LOCAL session_replication_role = replica")
        with connection.cursor().copy(
            "COPY lots (id, account_id, transfer_id, opened_seq, amount, remaining, priority, source, created_at)"
            " FROM STDIN"
        ) as copy:
            for account_id, lot_id, transfer_id in made:
                for number in range(1, lots_each + 1):
                    kept = (account_id, transfer_id, number, lot_credits, lot_credits, 100, "PROMOTION", "2026-01-01")
                    copy.write_row((lot_id if number == 1 else ids.new(), *kept))
    with bench.connect() as connection:
        connection.execute("ANALYZE")
    return [(account_id, lot_id) for account_id, lot_id, _ in made]


def requests(key: str, targets: Sequence[uuid.UUID], count: int) -> list[bytes]:
    """Spends of one credit, each under a key of its own, in turn over the accounts."""
    body = json.dumps({"amount": 1, "description": "Essay marked"}).encode()
    return [
        rig.post(
            f"/api/accounts/{targets[number % len(targets)]}/spends",
            body,
            Authorization=f"Bearer {key}",
            Idempotency_Key=secrets.token_hex(16),
        )
        for number in range(count)
    ]


def _lay_baselines(bench: rig.Bench, spread: Sequence[tuple[uuid.UUID, uuid.UUID]]) -> None:
    with bench.connect() as connection:
        connection.execute("CREATE TABLE bench_row (id int PRIMARY KEY, balance bigint)")
        connection.execute("INSERT INTO bench_row VALUES (1, 1000000000)")
        connection.execute("CREATE TABLE bench_accounts (n bigint PRIMARY KEY, account_id uuid, lot_id uuid)")
        with connection.cursor().copy("COPY bench_accounts FROM STDIN") as copy:
            for number, (account_id, lot_id) in enumerate(spread, start=1):
                copy.write_row((number, account_id, lot_id))
        connection.execute("ANALYZE bench_accounts")


if __name__ == "__main__":
    main()
