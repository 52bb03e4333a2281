"""Makes an institution, with its empty pool and its first owner: whoever asked for it.

The pool is opened once and for ever, before any member has an account, so that it is always the first to be locked.
"""

from uuid import UUID

from topup import errors
from topup.core import ids
from topup.core.people import Person
from topup.db import institutions, memberships, session_accounts, sql
from topup.db.institutions import Institution


async def create(conn: sql.Connection, *, name: str, billing_email: str, person: Person) -> Institution:
    """The new institution. Everything that it ever needs of the ledger is one account."""
    made = await institutions.add(conn, ids.new(), name=name, billing_email=billing_email, created_by=person.user_id)
    if made is None:
        raise errors.Broken("A new institution returned no row.")
    await session_accounts.open_pool(conn, ids.new(), made.id, name=name)
    await memberships.add_founder(conn, ids.new(), institution_id=made.id, user_id=person.user_id, email=person.email)
    return made


async def pool_account(conn: sql.Connection, institution_id: UUID) -> UUID:
    """The pool that every institution has since it was made."""
    account_id = await session_accounts.pool_of(conn, institution_id)
    if account_id is None:
        raise errors.Broken(f"Institution {institution_id} has no pool.")
    return account_id
