"""The one row that says what kind of deployment a database belongs to.

Called by topup.flows.claim_deployment at each start.
"""

from dataclasses import dataclass

from topup.db import sql


@dataclass(frozen=True, slots=True)
class Deployment:
    """`mode` ("test" or "live") and Stripe account are None until the first start claims them."""

    mode: str | None
    stripe_account: str | None
    is_demo: bool


LOCK = "SELECT mode, stripe_account, is_demo FROM deployment FOR UPDATE"


async def lock(conn: sql.Connection) -> Deployment:
    """The row, locked, so that of two first starts the second sees what the first claimed."""
    found = await sql.row(conn, Deployment, LOCK)
    return found or Deployment(mode=None, stripe_account=None, is_demo=False)


CLAIM = """
    UPDATE deployment SET mode = %(mode)s, stripe_account = coalesce(stripe_account, %(stripe_account)s),
                          is_demo = %(is_demo)s
"""


async def claim(conn: sql.Connection, *, mode: str, stripe_account: str | None, is_demo: bool) -> None:
    """Write what the database belongs to from now on; a known account stays."""
    await sql.run(conn, CLAIM, {"mode": mode, "stripe_account": stripe_account, "is_demo": is_demo})
