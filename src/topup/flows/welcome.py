"""What a new person is given, inside the transaction that makes them: an account and, for a student, welcome credits.

Once for ever: the credits' cause is the person, so no retry and no twin gives them twice (faults 1, 85).
"""

from uuid import UUID

from topup import errors
from topup.core import ids
from topup.db import accounts, memberships, sql, users
from topup.ledger import commands, journal

WELCOME_CREDITS = 100


async def settle(conn: sql.Connection, user: users.User) -> None:
    """Open the person's account, hand them the places set aside for their address, and book the welcome."""
    account_id = await open_account(conn, user)
    await memberships.claim(conn, user_id=user.id, email=user.email)
    if user.role != "STUDENT":
        return
    welcome = commands.Credit(
        account_id=account_id,
        credits=WELCOME_CREDITS,
        kind="WELCOME_BONUS",
        cause=commands.Cause("welcome", str(user.id)),
        actor="topup",
        priority=commands.GRANT_PRIORITY,
        text=commands.Text(description="Welcome credits"),
    )
    (outcome,) = await journal.post(conn, [welcome])
    if isinstance(outcome, commands.Denied):
        raise errors.Broken(f"The welcome of user {user.id} was refused: {outcome.code}.")


async def open_account(conn: sql.Connection, user: users.User) -> UUID:
    """Open the account that every person has, empty."""
    account_id = ids.new()
    if not await accounts.open_for_user(conn, account_id, user_id=user.id, unit="credit", email=user.email):
        raise errors.Broken(f"User {user.id} had an account before they existed.")
    return account_id
