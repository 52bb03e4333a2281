"""Rate limit buckets: one statement takes a unit or says how long to wait.

Never part of a caller's transaction: a unit taken stays taken when the work fails.
"""

from datetime import timedelta

from topup.db import sql

# GCRA: a bucket's arrives_at runs ahead of now by one interval for each unit taken, and may be `burst` intervals ahead.
TAKE = """
    INSERT INTO rate_limits (bucket, arrives_at) VALUES (%(bucket)s, topup_now() + %(interval)s)
    ON CONFLICT (bucket) DO UPDATE
    SET arrives_at = greatest(topup_now(), rate_limits.arrives_at) + %(interval)s
    WHERE rate_limits.arrives_at + %(interval)s <= topup_now() + %(tolerance)s
    RETURNING true
"""
WAIT = """
    SELECT extract(epoch FROM least(arrives_at + %(interval)s - %(tolerance)s - topup_now(), %(interval)s))::float8
    FROM rate_limits WHERE bucket = %(bucket)s
"""


async def take(conn: sql.Connection, bucket: str, *, burst: int, every_seconds: float) -> float:
    """Take one unit: 0 when it was there, else the seconds until there may be one."""
    interval = timedelta(seconds=every_seconds)
    parameters = {"bucket": bucket, "interval": interval, "tolerance": burst * interval}
    if await sql.value(conn, TAKE, parameters):
        return 0.0
    return max(0.001, await sql.value(conn, WAIT, parameters) or 0.0)


GIVE_BACK = "UPDATE rate_limits SET arrives_at = arrives_at - %(interval)s WHERE bucket = %(bucket)s"


async def give_back(conn: sql.Connection, bucket: str, *, every_seconds: float) -> None:
    """Return a unit that was taken for a try that turned out well."""
    await sql.run(conn, GIVE_BACK, {"bucket": bucket, "interval": timedelta(seconds=every_seconds)})


PRUNE = "DELETE FROM rate_limits WHERE arrives_at < topup_now() - interval '1 hour'"


async def prune(conn: sql.Connection) -> int:
    """Forget buckets that are full again."""
    return await sql.run(conn, PRUNE)
