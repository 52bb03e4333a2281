"""Brings a database's schema to the one this program was written for, and says where it stands.

`serve` and `worker` refuse a schema that is behind or ahead; `topup migrate` and the demo bring it up to date.
"""

import time
from importlib import resources

import psycopg
import sqlalchemy
from alembic import command, config, script
from alembic.runtime import migration

from topup import errors
from topup.db import connections

LOCK_KEY = 0x70_70_75_70
# A migration gives a lock up after a second; for what queued behind it to get through, it stays away twice as long.
LOCK_PATIENCE_SECONDS = 600.0
LOCK_PAUSE_SECONDS = 2.0


def upgrade(database_url: str, revision: str = "head") -> None:
    """Run all outstanding revisions up to one, each in a transaction. Two at once wait for each other.

    A lock that somebody holds for long is tried for again and again, so that traffic never queues behind a migration
    for more than a second (fault 91).
    """
    deadline = time.monotonic() + LOCK_PATIENCE_SECONDS
    while True:
        try:
            _upgrade(database_url, revision)
        except psycopg.errors.LockNotAvailable as fault:
            if time.monotonic() > deadline:
                raise errors.Unavailable(
                    "Somebody holds a lock that the migration needs, and does not let go. What is done is done; run it"
                    " again when no long query runs.",
                    code="schema_locked",
                ) from fault
            time.sleep(LOCK_PAUSE_SECONDS)
        else:
            return


def _upgrade(database_url: str, revision: str) -> None:
    engine = _engine(connections.conninfo(database_url))
    try:
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:key)"), {"key": LOCK_KEY})
            connection.commit()
            alembic = _alembic()
            alembic.attributes["connection"] = connection
            command.upgrade(alembic, revision)
            connection.commit()
    finally:
        engine.dispose()


def ensure_current(database_url: str) -> None:
    """Refuse a schema that is behind or ahead of this program, in one sentence."""
    wanted, present = head_revision(), current_revision(database_url)
    if present == wanted:
        return
    if present is not None and not knows(present):
        raise errors.Unavailable(
            f"The database's schema ({present}) is newer than this program ({wanted}): deploy the newer program.",
            code="schema_ahead",
        )
    raise errors.Unavailable(
        f"The database's schema ({present or 'empty'}) is behind this program ({wanted}): run `topup migrate` first.",
        code="schema_behind",
    )


def head_revision() -> str | None:
    """The revision this program was written for."""
    return _scripts().get_current_head()


def knows(revision: str) -> bool:
    """Whether this program can make, and bring further, a schema of that revision."""
    return revision in {known.revision for known in _scripts().walk_revisions()}


def current_revision(database_url: str) -> str | None:
    """The revision the database is at, a standby's too; None when it is empty."""
    engine = _engine(database_url)
    try:
        with engine.connect() as connection:
            return migration.MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def _alembic() -> config.Config:
    alembic = config.Config()
    alembic.set_main_option("script_location", str(resources.files("topup.db") / "migrations"))
    return alembic


def _scripts() -> script.ScriptDirectory:
    return script.ScriptDirectory.from_config(_alembic())


def _engine(conninfo: str) -> sqlalchemy.Engine:
    return sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(conninfo),
        poolclass=sqlalchemy.NullPool,
    )
