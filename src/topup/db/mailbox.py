"""The demo's mailbox: mails that a page shows instead of, or beside, a mail server. Empty in every real deployment.

Written by topup.runtime.mailers, read by topup.flows.read_mailbox.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from topup.db import sql


@dataclass(frozen=True, slots=True)
class Kept:
    """A mail as it was sent."""

    id: UUID
    recipient: str
    subject: str
    text_body: str
    html_body: str
    created_at: datetime


PUT = """
    INSERT INTO mailbox (id, recipient, subject, text_body, html_body)
    VALUES (%(id)s, %(recipient)s, %(subject)s, %(text_body)s, %(html_body)s)
    ON CONFLICT (id) DO NOTHING
"""


async def put(
    conn: sql.Connection, mail_id: UUID, *, recipient: str, subject: str, text_body: str, html_body: str
) -> None:
    """Keep a mail; the same mail again is kept once."""
    parameters = {
        "id": mail_id,
        "recipient": recipient,
        "subject": subject,
        "text_body": text_body,
        "html_body": html_body,
    }
    await sql.run(conn, PUT, parameters)


NEWEST = """
    SELECT id, recipient, subject, text_body, html_body, created_at FROM mailbox
    ORDER BY created_at DESC, id DESC LIMIT %s
"""


async def newest(conn: sql.Connection, *, limit: int) -> list[Kept]:
    """The last mails, newest first."""
    return await sql.rows(conn, Kept, NEWEST, [limit])


FIND = "SELECT id, recipient, subject, text_body, html_body, created_at FROM mailbox WHERE id = %s"


async def find(conn: sql.Connection, mail_id: UUID) -> Kept | None:
    """One mail."""
    return await sql.row(conn, Kept, FIND, [mail_id])
