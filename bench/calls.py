"""How long each call of a host application and of Stripe takes, one after the other on one connection.

So it is the latency of the call and not that of a queue: p50 and p99 in milliseconds. Then the memory of the process,
idle before the first call and after the last.
"""

import json
import secrets
from collections.abc import Callable, Sequence

from bench import deliveries, rig, spends
from topup.core import ids

CALLS = 1_000
ACCOUNTS = 200
PACKAGE = """
    INSERT INTO packages (id, name, unit, credits, price_minor, currency)
    VALUES (%s, 'Starter Pack', 'credit', 100, 1000, 'gbp')
"""

Asked = Callable[[], Sequence[bytes]]


def main() -> None:
    """Time every call and print the table."""
    with rig.bench() as bench:
        key = spends.application_key(bench)
        with bench.connect() as connection:
            connection.execute("UPDATE api_keys SET scopes = '{read,spend,grant}'")
            connection.execute(PACKAGE, [ids.new()])
        accounts = [str(account_id) for account_id, _ in spends.accounts(bench, ACCOUNTS)]
        delivered = deliveries.requests(bench, deliveries.people(bench, ACCOUNTS), CALLS)
        calls = [*_of_a_host(bench, key, accounts), ("POST /api/webhooks/stripe", 200, lambda: delivered)]
        with rig.app(bench) as served:
            idle_mb = served.memory_mb()
            print(f"{'call':44}{'p50 ms':>10}{'p99 ms':>10}")
            for name, status, asked in calls:
                done = rig.flood(served.host, served.port, asked(), connections=1)
                if set(done.statuses) != {status}:
                    message = f"{name}: {done.statuses}"
                    raise RuntimeError(message)
                print(f"{name:44}{done.percentile_ms(50):10.2f}{done.percentile_ms(99):10.2f}")
            print(f"{'web process, idle, MB':44}{idle_mb:10.1f}")
            print(f"{'web process, after all calls, MB':44}{served.memory_mb():10.1f}")


def _of_a_host(bench: rig.Bench, key: str, accounts: Sequence[str]) -> list[tuple[str, int, Asked]]:
    """Each call by its name, with the status it must be answered with; ids go round over the accounts."""

    def post(path: str, body: object) -> bytes:
        said = {"Authorization": f"Bearer {key}", "Idempotency_Key": secrets.token_hex(16)}
        return rig.post(path, json.dumps(body).encode(), **said)

    def in_turn(make: Callable[[str, str], bytes]) -> Asked:
        turns = [(accounts[n % ACCOUNTS], accounts[(n + 1) % ACCOUNTS]) for n in range(CALLS)]
        return lambda: [make(account, other) for account, other in turns]

    def get(path: str) -> tuple[str, int, Asked]:
        return f"GET {path}", 200, in_turn(lambda account, _: rig.get(path.format(account=account), key))

    def change(path: str, status: int, **body: object) -> tuple[str, int, Asked]:
        return f"POST {path}", status, in_turn(lambda account, _: post(path.format(account=account), body))

    def end_hold(verb: str, status: int) -> tuple[str, int, Asked]:
        return (
            f"POST /api/holds/{{hold}}/{verb}",
            status,
            lambda: [post(f"/api/holds/{hold_id}/{verb}", {}) for hold_id in _open_holds(bench, CALLS // 2)],
        )

    def move(account: str, other: str) -> bytes:
        return post("/api/transfers", {"fromAccountId": account, "toAccountId": other, "amount": 1})

    own = "/api/accounts/{account}"
    return [
        get("/health"),
        get("/api/credit-packages"),
        get(own),
        get(f"{own}/transactions"),
        get(f"{own}/lots"),
        change(f"{own}/spends", 201, amount=1, description="Essay marked"),
        change(f"{own}/spends/preview", 200, amount=1),
        change(f"{own}/grants", 201, amount=1, reason="A gift"),
        change(f"{own}/holds", 201, amount=1),
        end_hold("captures", 201),
        end_hold("release", 200),
        ("POST /api/transfers", 201, in_turn(move)),
    ]


def _open_holds(bench: rig.Bench, count: int) -> list[str]:
    with bench.connect() as connection:
        found = connection.execute("SELECT id::text FROM holds WHERE status = 'OPEN' ORDER BY id LIMIT %s", [count])
        return [row[0] for row in found]


if __name__ == "__main__":
    main()
