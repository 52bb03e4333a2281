"""The one row that says what kind of deployment a database belongs to, and where it lives.

Called by topup.flows.claim_deployment at each start, by topup.flows.adopt and by a restore.
"""

from dataclasses import dataclass
from datetime import datetime

from topup.db import sql


@dataclass(frozen=True, slots=True)
class Deployment:
    """`mode` ("test" or "live") and Stripe account are None until the first start claims them, and so is `place`.

    `here` is where the database is now: the server's own number, made when its files were, and the database's in it.
    Both survive a fail-over; neither survives a dump.
    """

    mode: str | None = None
    stripe_account: str | None = None
    is_demo: bool = False
    place: str | None = None
    here: str = ""
    restored_from: datetime | None = None
    is_restoring: bool = False

    @property
    def is_elsewhere(self) -> bool:
        """Whether this is a copy of a database that lives, or lived, in another place."""
        return self.place is not None and self.place != self.here


READ = """
    SELECT mode, stripe_account, is_demo, place, restored_from, is_restoring,
        (SELECT system_identifier FROM pg_control_system()) || '/' ||
        (SELECT oid FROM pg_database WHERE datname = current_database()) AS here
    FROM deployment
"""
LOCK = READ + "FOR UPDATE"


async def read(conn: sql.Connection) -> Deployment:
    """The row, for whoever only looks."""
    return await sql.row(conn, Deployment, READ) or Deployment()


async def lock(conn: sql.Connection) -> Deployment:
    """The row, locked, so that of two first starts the second sees what the first claimed."""
    return await sql.row(conn, Deployment, LOCK) or Deployment()


CLAIM = """
    UPDATE deployment SET mode = %(mode)s, stripe_account = coalesce(stripe_account, %(stripe_account)s),
                          is_demo = %(is_demo)s, place = %(place)s, restored_from = NULL
"""


async def claim(conn: sql.Connection, *, mode: str, stripe_account: str | None, is_demo: bool, place: str) -> None:
    """Write what the database belongs to from now on; a known account stays."""
    parameters = {"mode": mode, "stripe_account": stripe_account, "is_demo": is_demo, "place": place}
    await sql.run(conn, CLAIM, parameters)


ADOPT = "UPDATE deployment SET place = %s, restored_from = NULL"


async def adopt(conn: sql.Connection, *, place: str) -> None:
    """This copy is the database to go on with."""
    await sql.run(conn, ADOPT, [place])


BEGIN_RESTORE = "UPDATE deployment SET is_restoring = true"


async def begin_restore(conn: sql.Connection) -> None:
    """Whatever happens now, nothing starts on half a restore."""
    await sql.run(conn, BEGIN_RESTORE)


END_RESTORE = "UPDATE deployment SET is_restoring = false, restored_from = %s"


async def end_restore(conn: sql.Connection, *, restored_from: datetime) -> None:
    """All rows are here, of a backup of that moment."""
    await sql.run(conn, END_RESTORE, [restored_from])
