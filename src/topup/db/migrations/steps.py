"""What a revision does: run SQL as it stands.

The driver is used directly, since procrastinate's and our own SQL hold `%` and several statements in one file.
A lock that is not had within a second ends the try, so that it never queues all traffic behind a long read (faults 91);
topup.db.migrate tries again. Requests wait twice as long for a lock, so none of them fails for it.
"""

from importlib import resources

from alembic import op

from topup import errors


def run(file_name: str) -> None:
    """Run one file of `sql/`."""
    execute(resources.files("topup.db.migrations").joinpath("sql", file_name).read_text(encoding="utf-8"))


def execute(statements: str) -> None:
    """Run several statements in the migration's transaction."""
    driver = op.get_bind().connection.driver_connection
    if driver is None:
        raise errors.Broken("A migration runs without a connection.")
    driver.execute("SET LOCAL lock_timeout = '1s'")
    driver.execute(statements)
