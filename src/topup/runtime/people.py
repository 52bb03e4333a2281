"""What `topup users` does: makes admins, shuts people out and erases them, and says in words how it went.

Called by the command line; it opens a house for one flow and closes it.
"""

from topup import errors
from topup.core import addresses, passwords
from topup.flows import ban, create_admin, erase
from topup.runtime import house
from topup.settings import Settings


def address(email: str) -> str:
    """The address as we store it, or a refusal."""
    try:
        return addresses.canonical(email)
    except ValueError as fault:
        raise errors.Invalid(f"{email} is not a mail address.") from fault


def ensure_password(password: str) -> None:
    """Refuse one that nobody could sign up with."""
    if not passwords.LENGTH_MIN <= len(password) <= passwords.LENGTH_MAX:
        raise errors.Invalid(f"A password has {passwords.LENGTH_MIN} to {passwords.LENGTH_MAX} characters.")


async def make_admin(
    settings: Settings, email: str, password: str, names: tuple[str, str], *, is_password_reset: bool
) -> list[str]:
    """Make an admin; what to say of it."""
    async with house.opened(settings) as home:
        await create_admin.create_admin(
            home.pool,
            email=email,
            password=password,
            first_name=names[0],
            last_name=names[1],
            is_password_reset=is_password_reset,
        )
    return [f"{email} is an admin."]


async def shut_out(settings: Settings, email: str, *, is_lifted: bool) -> list[str]:
    """Ban a person, or lift their ban; what to say of it."""
    async with house.opened(settings) as home:
        if is_lifted:
            await ban.unban(home.pool, email=email)
            return [f"{email} may sign in again."]
        ended = await ban.ban(home.pool, email=email)
    return [f"{email} is shut out; {ended} sign-in{'' if ended == 1 else 's'} ended."]


async def forget(settings: Settings, email: str) -> list[str]:
    """Erase a person; what to say of it."""
    async with house.opened(settings) as home:
        erased = await erase.erase(home.pool, home.stripe, email=email)
    left_over = [
        f"{balance} {unit}{'' if abs(balance) == 1 else 's'} stay in the books, where nobody can spend them."
        for unit, balance in erased.left_over
    ]
    return [*left_over, f"{email} is erased; the books know them as {erased.user_id}."]
