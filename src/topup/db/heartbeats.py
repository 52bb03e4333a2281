"""When each loop and timer of the worker last did its work, for doctor and the alarms.

Wall-clock time, also where a demo has moved money's clock. Written by topup.worker.
"""

from dataclasses import dataclass

from topup.db import sql


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One loop or timer: how long ago it last succeeded, and what has gone wrong since."""

    name: str
    age_seconds: float
    last_error: str | None


BEAT = """
    INSERT INTO heartbeats (name, beaten_at) VALUES (%s, clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET beaten_at = excluded.beaten_at, last_error = NULL
"""


async def beat(conn: sql.Connection, name: str) -> None:
    """It did its work just now."""
    await sql.run(conn, BEAT, [name])


# A loop that never succeeded has no row yet; its first failure makes one that is as old as can be.
MISS = """
    INSERT INTO heartbeats (name, beaten_at, last_error) VALUES (%(name)s, 'epoch', %(error)s)
    ON CONFLICT (name) DO UPDATE SET last_error = excluded.last_error
"""


async def miss(conn: sql.Connection, name: str, *, error: str) -> None:
    """It failed just now; the time of its last success stays."""
    await sql.run(conn, MISS, {"name": name, "error": error})


ALL = """
    SELECT name, extract(epoch FROM clock_timestamp() - beaten_at)::float8 AS age_seconds, last_error
    FROM heartbeats ORDER BY name
"""


async def everyone(conn: sql.Connection) -> list[Heartbeat]:
    """All that ever beat."""
    return await sql.rows(conn, Heartbeat, ALL)
