"""What the database says about itself: version, durability, guards, and how the work in it stands.

For `topup doctor` and the figures of topup.flows.show_work; everything here only reads.
"""

from dataclasses import dataclass

from topup.db import app_role, events, sql

GUARDED_TABLES = ["transfers", "entries", "entry_lots"]


@dataclass(frozen=True, slots=True)
class Server:
    """The server behind the address. `unix_seconds` is its clock; `standbys` follow it, whether or not it waits."""

    version_num: int
    version: str
    is_standby: bool
    is_durable: bool
    has_checksums: bool
    waits_for_standby: bool
    standbys: int
    login: str
    unix_seconds: float


SERVER = """
    SELECT current_setting('server_version_num')::int AS version_num, current_setting('server_version') AS version,
        pg_is_in_recovery() AS is_standby,
        current_setting('fsync')::boolean AND current_setting('full_page_writes')::boolean
            AND current_setting('synchronous_commit') <> 'off' AS is_durable,
        current_setting('data_checksums')::boolean AS has_checksums,
        current_setting('synchronous_standby_names') <> '' AS waits_for_standby,
        (SELECT count(*) FROM pg_stat_replication) AS standbys,
        session_user::text AS login, extract(epoch FROM clock_timestamp())::float8 AS unix_seconds
"""


async def server(conn: sql.Connection) -> Server:
    """Works on an empty database too."""
    return (await sql.rows(conn, Server, SERVER))[0]


@dataclass(frozen=True, slots=True)
class Guards:
    """What keeps history from being rewritten: the role that may not, and the triggers that refuse."""

    may_wear_role: bool
    may_role_rewrite: bool
    triggers: int


GUARDS = """
    SELECT coalesce(bool_and(pg_has_role(session_user, role.oid, 'USAGE')), false) AS may_wear_role,
        coalesce(bool_or(has_table_privilege(role.oid, guarded::regclass, privilege)), true) AS may_role_rewrite,
        (SELECT count(*) FROM pg_trigger
         WHERE tgname = 'append_only' AND tgenabled IN ('O', 'A') AND tgrelid = ANY(%(tables)s::regclass[])) AS triggers
    FROM pg_roles AS role, unnest(%(tables)s::text[]) AS guarded,
         unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) AS privilege
    WHERE role.rolname = %(role)s
"""


async def guards(conn: sql.Connection) -> Guards:
    """How the append-only tables are guarded."""
    return (await sql.rows(conn, Guards, GUARDS, {"tables": GUARDED_TABLES, "role": app_role.NAME}))[0]


@dataclass(frozen=True, slots=True)
class Standing:
    """Whose the database is and what it holds. `clock_offset_seconds` is how far money's clock was moved, in a demo."""

    mode: str | None
    stripe_account: str | None
    is_demo: bool
    clock_offset_seconds: float
    admins: int
    packages_on_sale: int
    payments_in_review: int


STANDING = """
    SELECT mode, stripe_account, is_demo, extract(epoch FROM clock_offset)::float8 AS clock_offset_seconds,
        (SELECT count(*) FROM users WHERE is_admin AND disabled_at IS NULL) AS admins,
        (SELECT count(*) FROM packages WHERE is_active) AS packages_on_sale,
        (SELECT count(*) FROM payments WHERE status = 'REVIEW') AS payments_in_review
    FROM deployment
"""


async def standing(conn: sql.Connection) -> Standing:
    """Needs the current schema, as what follows does."""
    return (await sql.rows(conn, Standing, STANDING))[0]


@dataclass(frozen=True, slots=True)
class Inbox:
    """Stripe's events that are stored and not processed: those tried again, and those that no longer are."""

    waiting: int
    given_up: int
    oldest_seconds: float
    last_error: str | None


INBOX = """
    SELECT count(*) FILTER (WHERE attempts < %(attempts_max)s) AS waiting,
        count(*) FILTER (WHERE attempts >= %(attempts_max)s) AS given_up,
        coalesce(extract(epoch FROM topup_now() - min(received_at)), 0)::float8 AS oldest_seconds,
        (array_agg(last_error ORDER BY received_at DESC))[1] AS last_error
    FROM stripe_events WHERE processed_at IS NULL
"""


async def inbox(conn: sql.Connection) -> Inbox:
    """How the inbox stands."""
    return (await sql.rows(conn, Inbox, INBOX, {"attempts_max": events.ATTEMPTS_MAX}))[0]
