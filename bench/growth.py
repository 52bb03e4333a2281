"""What history costs: a spend and the first statement page with ten thousand entries in the tables, and ten million.

And what lots cost: a spend on an account with one lot, and on one with ten thousand.

The history is laid by the server itself, without the journal, so its hashes are no chain: it is there to fill tables
and indexes, not to be audited. Spends are spread over all accounts; pages are read as the machine door reads them.
"""

import sys
import uuid
from collections.abc import Sequence

from bench import rig, spends

ACCOUNTS = 1_000
SMALL = 10_000
LARGE = 10_000_000
REQUESTS = 6_000
RUNS = 3
LOTS = 10_000

FILL = """
    INSERT INTO transfers (id, debit_account, credit_account, unit, amount, kind, cause_type, cause_id, actor,
                           recorded_at)
    SELECT gen_random_uuid(), account_id, '00000000-0000-7000-8000-000000000003', 'credit', 1, 'USAGE', 'laid',
           account_id || '/' || seq, 'bench', now()
    FROM bench_accounts, generate_series(%(first)s::bigint, %(last)s::bigint) AS seq;
    INSERT INTO entries (account_id, seq, id, transfer_id, amount, balance_after, hash, recorded_at)
    SELECT a.account_id, split_part(t.cause_id, '/', 2)::bigint, gen_random_uuid(), t.id, -1, 1,
           sha256(t.cause_id::bytea), now()
    FROM transfers t JOIN bench_accounts a ON a.account_id = t.debit_account
    WHERE t.cause_type = 'laid' AND split_part(t.cause_id, '/', 2)::bigint BETWEEN %(first)s AND %(last)s;
    INSERT INTO entry_lots (account_id, seq, lot_id, amount)
    SELECT a.account_id, seq, a.lot_id, -1
    FROM bench_accounts a, generate_series(%(first)s::bigint, %(last)s::bigint) AS seq;
    UPDATE accounts SET seq = %(last)s FROM bench_accounts a WHERE accounts.id = a.account_id;
"""


def main() -> None:
    """Fill, measure, fill more, measure again, and print both with their ratio."""
    large = int(sys.argv[1]) if len(sys.argv) > 1 else LARGE
    table = rig.Table()
    with rig.bench() as bench:
        key = reading_key(bench)
        made = spends.accounts(bench, ACCOUNTS)
        with bench.connect() as connection:
            connection.execute("CREATE TABLE bench_accounts (account_id uuid PRIMARY KEY, lot_id uuid)")
            with connection.cursor().copy("COPY bench_accounts FROM STDIN") as copy:
                for row in made:
                    copy.write_row(row)
        targets = [account_id for account_id, _ in made]
        _fill(bench, 1, SMALL // ACCOUNTS)
        _measure(bench, key, targets, "small", table)
        last = bench.value("SELECT max(seq) FROM accounts")
        _fill(bench, last + 1, large // ACCOUNTS)
        _measure(bench, key, targets, "large", table)
        table.add("entries", bench.value("SELECT count(*) FROM entries"))
        table.add("database MB", bench.value("SELECT pg_database_size(current_database())") / 2**20)
        for lots in (1, LOTS):
            ((crowded, _),) = spends.accounts(bench, 1, lots_each=lots)
            for _ in range(RUNS):
                rig.measure(bench, f"spends, lots {lots}", spends.requests(key, [crowded], REQUESTS), 201, table)
    table.ratio(f"spends: CPU {LOTS} lots to one", f"spends, lots {LOTS} CPU ms", "spends, lots 1 CPU ms")
    for what in ("spends", "pages"):
        table.ratio(f"{what}: CPU large to small", f"{what}, large CPU ms", f"{what}, small CPU ms")
    table.show()


def reading_key(bench: rig.Bench) -> str:
    """An API key that may spend and read."""
    text = spends.application_key(bench)
    with bench.connect() as connection:
        connection.execute("UPDATE api_keys SET scopes = '{read,spend}'")
    return text


def _fill(bench: rig.Bench, first: int, last: int) -> None:
    with bench.connect() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET statement_timeout = 0")
        step = 500
        for start in range(first, last + 1, step):
            end = min(start + step - 1, last)
            for statement in FILL.split(";")[:-1]:
                connection.execute(statement.encode(), {"first": start, "last": end})
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def _measure(bench: rig.Bench, key: str, targets: Sequence[uuid.UUID], size: str, table: rig.Table) -> None:
    for _ in range(RUNS):
        rig.measure(bench, f"spends, {size}", spends.requests(key, targets, REQUESTS), 201, table)
        pages = [rig.get(f"/api/accounts/{targets[n % len(targets)]}/transactions", key) for n in range(REQUESTS)]
        rig.measure(bench, f"pages, {size}", pages, 200, table)


if __name__ == "__main__":
    main()
