"""Signing in with an ID token of Google's, or of an issuer like it (fault 75).

Who somebody is, is (issuer, subject) and nothing else. An address that already has somebody is refused: only its owner,
signed in, may link the two. A person seen for the first time is a student with an account and a welcome.
"""

import json
from base64 import urlsafe_b64decode
from datetime import datetime

from psycopg_pool import AsyncConnectionPool

from topup import errors
from topup.core import addresses, id_tokens, ids, limits
from topup.core.keys import Keys
from topup.db import users
from topup.db.logins import Kind
from topup.flows import logins, throttle, welcome
from topup.gateway.google import Issuer

NAME_LENGTH_MAX = 100


async def sign_in_with_google(
    pool: AsyncConnectionPool,
    keys: Keys,
    issuer: Issuer | None,
    *,
    id_token: str,
    client_id: str,
    kind: Kind,
    caller: limits.Caller,
    now: datetime,
) -> logins.Opened:
    """Open a login for whom the token names."""
    tries = limits.of_caller(keys.bucket, limits.SIGN_IN_OF_CALLER, caller)
    await throttle.charge(pool, [tries])
    identity = await identify(issuer, id_token=id_token, client_id=client_id, now=now)
    email = _canonical(identity.email)
    async with pool.connection() as conn:
        known = {"issuer": identity.issuer, "subject": identity.subject}
        user = await users.find_by_identity(conn, **known)
        if user is None:
            names = _names(identity, email)
            user = await users.add_with_identity(conn, ids.new(), email=email, **names, **known)
            if user is not None:
                await welcome.settle(conn, user)
            else:
                # Either a twin of this very request was first, or somebody else has the address.
                user = await users.find_by_identity(conn, **known)
        if user is None:
            raise errors.Conflict(
                "There is an account with this address already. Sign in to it, then link Google.",
                code="sign_in_to_link",
            )
        opened = await logins.open_for(conn, user.id, kind=kind)
    await throttle.give_back(pool, [tries])
    return opened


async def identify(issuer: Issuer | None, *, id_token: str, client_id: str, now: datetime) -> id_tokens.Identity:
    """Whom a token names, or a refusal. Asks the issuer for its keys, outside any transaction."""
    if issuer is None or not client_id:
        raise errors.NotFound("Signing in with Google is not set up here.", code="google_not_set_up")
    keys = await issuer.keys(key_id=_key_id(id_token))
    identity = id_tokens.read(id_token, keys, issuer=issuer.issuer, client_id=client_id, now=now)
    if identity is None:
        raise errors.Unauthenticated("Google's word for this sign-in could not be confirmed.", code="id_token_invalid")
    return identity


def _key_id(id_token: str) -> str | None:
    """Which key the token says it is signed with; a hint for fetching, never for trusting."""
    try:
        part = id_token.partition(".")[0]
        header = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        key_id = header.get("kid")
    except (ValueError, AttributeError, RecursionError):
        return None
    return key_id if isinstance(key_id, str) else None


def _canonical(email: str) -> str:
    try:
        return addresses.canonical(email)
    except ValueError as error:
        raise errors.Unauthenticated(
            "Google's address for you cannot be used here.", code="id_token_invalid"
        ) from error


def _names(identity: id_tokens.Identity, email: str) -> dict[str, str]:
    """What to call them; names from outside are cut and cleaned like anybody's."""
    first = _clean(identity.first_name) or email.partition("@")[0]
    return {"first_name": first[:NAME_LENGTH_MAX], "last_name": _clean(identity.last_name)[:NAME_LENGTH_MAX]}


def _clean(name: str) -> str:
    return "".join(character for character in name if character.isprintable()).strip()
