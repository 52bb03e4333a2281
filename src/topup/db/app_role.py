"""The role that a running Topup works as: it may read everything and write what it must, and can never rewrite history.

`topup migrate` makes it, with no login of its own; `serve` and `worker` put it on (`SET ROLE`) where they may. Where a
database does not let us make roles, the triggers alone guard the ledger and `topup doctor` says so.
"""

import contextlib

import psycopg
from psycopg import sql

from topup.db import connections, migrate

NAME = "topup_app"

EXISTS = "SELECT FROM pg_roles WHERE rolname = %s"
# Roles belong to the whole server, rights to one database: both must be there.
MAY_WEAR = """
    SELECT coalesce(bool_and(pg_has_role(oid, 'MEMBER') AND has_table_privilege(oid, 'deployment', 'UPDATE')), false)
    FROM pg_roles WHERE rolname = %s
"""
TURN = "SELECT pg_advisory_lock(%s)"
# Advisory locks are a database's own and roles the server's: two databases may be migrated at the same moment.
CROSSED = (psycopg.errors.UniqueViolation, psycopg.errors.DuplicateObject, psycopg.errors.InternalError_)
TRIES = 5

# History is written once: no UPDATE and no DELETE. The schema's own version is none of a running program's business.
GRANTS = (
    "GRANT USAGE ON SCHEMA public TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
    "REVOKE UPDATE, DELETE, TRUNCATE ON transfers, entries, entry_lots FROM {role}",
    "REVOKE DELETE, TRUNCATE ON payments, stripe_events, accounts, lots, idempotency FROM {role}",
    "REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {role}",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
    "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {role}",
    "GRANT {role} TO CURRENT_USER",
)


def ensure(database_url: str) -> bool:
    """Make the role, or give it what the newest schema needs; False where the database does not let us."""
    with psycopg.connect(connections.conninfo(database_url), autocommit=True) as conn:
        conn.execute(TURN, [migrate.LOCK_KEY])
        for _ in range(TRIES - 1):
            with contextlib.suppress(*CROSSED):
                return _made(conn)
        return _made(conn)


def _made(conn: psycopg.Connection) -> bool:
    try:
        with conn.transaction():
            if conn.execute(EXISTS, [NAME]).fetchone() is None:
                conn.execute(sql.SQL("CREATE ROLE {role} NOLOGIN").format(role=sql.Identifier(NAME)))
            for grant in GRANTS:
                conn.execute(sql.SQL(grant).format(role=sql.Identifier(NAME)))
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def may_wear(database_url: str) -> bool:
    """Whether a connection of ours may put the role on, and the role may then do its work in this database."""
    with psycopg.connect(connections.conninfo(database_url)) as conn:
        found = conn.execute(MAY_WEAR, [NAME]).fetchone()
    return bool(found and found[0])
