"""Which mailer a house gets: SMTP where a server is configured, the mailbox in a demo, else one that names the setting.

In a demo every mail is kept for the mailbox page, also when a mail server is configured and gets it too.
"""

import psycopg_pool

from topup.db import mailbox
from topup.gateway import mail
from topup.settings import Settings


class DemoMailbox:
    """Keeps mails in the database for the mailbox page, then hands them to `onward`, if there is one."""

    def __init__(self, pool: psycopg_pool.AsyncConnectionPool, onward: mail.Mailer | None) -> None:
        self._pool = pool
        self._onward = onward

    async def send(self, letter: mail.Mail) -> None:
        """Keep the mail; a second time is no second mail."""
        async with self._pool.connection() as conn:
            await mailbox.put(
                conn,
                letter.id,
                recipient=letter.recipient,
                subject=letter.subject,
                text_body=letter.text,
                html_body=letter.html,
            )
        if self._onward is not None:
            await self._onward.send(letter)

    async def check(self) -> str:
        """Nothing can be wrong with the mailbox itself."""
        onward = f", and {await self._onward.check()}" if self._onward is not None else ""
        return f"mails are kept at /demo/mailbox{onward}"


def chosen(settings: Settings, pool: psycopg_pool.AsyncConnectionPool) -> mail.Mailer:
    """The mailer that the settings ask for."""
    server = mail.Smtp(settings) if settings.smtp_host else None
    if settings.is_demo:
        return DemoMailbox(pool, server)
    return server or mail.NoServer()
