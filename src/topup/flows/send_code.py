"""Issues a one-time code and writes the mail that carries it, inside the caller's transaction.

Shared by signing up, asking again and resetting a password. An address that has somebody gets the same rows and another
mail, so that neither the answer nor its time tells whether it is known (fault 74).
"""

import secrets
from datetime import datetime
from uuid import UUID

from topup.core import codes as rules
from topup.core import ids, mails
from topup.db import codes, outbox, sql


async def send(
    conn: sql.Connection,
    code_key: bytes,
    *,
    purpose: rules.Purpose,
    email: str,
    first_name: str,
    registration_id: UUID | None = None,
    user_id: UUID | None = None,
    is_address_taken: bool = False,
) -> datetime:
    """Write a code in place of the last one, and its mail; when the code ends. A taken address is told by mail."""
    code_id = ids.new()
    code = rules.text_of(secrets.randbelow(rules.NUMBERS))
    expires_at = await codes.issue(
        conn,
        code_id,
        purpose=purpose,
        email=email,
        code_hmac=rules.seal(code_key, purpose=purpose, email=email, code_id=code_id, code=code),
        minutes_valid=rules.MINUTES_VALID,
        registration_id=registration_id,
        user_id=user_id,
    )
    kind = mails.ALREADY_REGISTERED if is_address_taken else mails.VERIFICATION_CODE
    details: dict[str, str | int] = {"firstName": first_name}
    if not is_address_taken:
        details |= {"code": code, "expiresMinutes": rules.MINUTES_VALID, "purpose": purpose}
    await outbox.put(conn, kind=kind, cause=str(code_id), recipient=email, details=details)
    return expires_at
