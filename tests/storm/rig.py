"""All that a storm needs around the application: a database, an offline Stripe, a mail server, processes to break.

The rig itself never breaks: it prepares, delivers what Stripe would deliver, looks, and audits.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString, TypeVar, cast
from uuid import UUID

from tests import mail_servers, people
from tests.mail_servers import MailServer
from tests.storm import processes
from tests.storm.processes import Nursery
from tests.stripe_boxes import StripeBox
from topup.core import ids, keys, tokens
from topup.db import app_role, sql
from topup.flows import keys as key_flow
from topup.flows import logins, seed_packages, session_prices, verify
from topup.runtime import house

T = TypeVar("T")
WEBHOOK_SECRET = "whsec_of_the_storm"
JWT_SECRET = "storms-only-storms-only-storms-only-storms"
FRONTEND = "http://testserver:8000"


@dataclass
class Rig:
    """What stands still in the storm."""

    database_url: str
    box: StripeBox
    mail: MailServer
    nursery: Nursery
    pool: people.Pool
    runner: asyncio.Runner
    log: Path
    api_key: str = ""
    opened_at: float = field(default_factory=time.monotonic)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something asynchronous."""
        return self.runner.run(work)

    def settings(self, **more: object) -> dict[str, Any]:
        """The settings of a process."""
        return {
            "database_url": self.database_url,
            "jwt_secret": JWT_SECRET,
            "stripe_secret_key": "sk_test_storms",
            "stripe_publishable_key": "pk_test_shops",
            "stripe_webhook_secrets": [WEBHOOK_SECRET],
            "stripe_api_base": self.box.url,
            "frontend_url": FRONTEND,
            "smtp_host": "127.0.0.1",
            "smtp_port": self.mail.port,
            "smtp_tls": "off",
            "mail_from": "Topup <billing@shop.example>",
            **more,
        }

    def furnish(self) -> None:
        """What is on sale, and a host application that may do everything."""
        app_role.ensure(self.database_url)
        self.run(seed_packages.seed(self.pool))
        self.run(session_prices.seed(self.pool))
        scopes = ("read", "spend", "grant")
        self.api_key = self.run(key_flow.create(self.pool, name="Host", scopes=scopes, created_by=None)).text

    def person(self) -> tuple[people.Person, str]:
        """Somebody new, and their access token."""

        async def enter() -> tuple[people.Person, str]:
            made = await people.person(self.pool, f"Alice{ids.new().hex}")
            async with self.pool.connection() as conn:
                opened = await logins.open_for(conn, made.user_id, kind="API")
            token = tokens.issue_access(
                keys.derive(JWT_SECRET).access_token,
                user_id=made.user_id,
                login_id=opened.person.login_id,
                issued_at=opened.opened_at,
            )
            return made, token

        return self.run(enter())

    async def look(self, statement: LiteralString, *parameters: object) -> Any:  # noqa: ANN401 - as the database has it
        """The one value of a query."""
        async with self.pool.connection() as conn:
            return await sql.value(conn, statement, list(parameters))

    def value(self, statement: LiteralString, *parameters: object) -> Any:  # noqa: ANN401 - as the database has it
        """The same, for who does not wait."""
        return self.run(self.look(statement, *parameters))

    async def act(self, statement: LiteralString, *parameters: object) -> None:
        """A statement in a transaction of its own."""
        async with self.pool.connection() as conn:
            await sql.run(conn, statement, list(parameters))

    def execute(self, statement: LiteralString, *parameters: object) -> None:
        """The same, for who does not wait."""
        self.run(self.act(statement, *parameters))

    def balance(self, account_id: object) -> int:
        return int(self.value("SELECT balance FROM accounts WHERE id = %s", UUID(str(account_id))))

    def audit(self) -> None:
        """Everything holds that must."""
        assert self.run(verify.verify(self.pool)).breaches == ()


@contextlib.contextmanager
def running(database_url: str, box: StripeBox, folder: Path) -> Iterator[Rig]:
    """A rig for the length of a block."""
    log = folder / "processes.log"
    with processes.nursery(log) as nursery, _mail_server() as mail, asyncio.Runner() as runner:
        options = {"options": house.CONNECTION_OPTIONS}
        pool = people.Pool(
            database_url,
            min_size=1,
            max_size=4,
            kwargs=options,
            check=people.Pool.check_connection,
            open=False,
        )
        runner.run(pool.open())
        rig = Rig(database_url, box, mail, nursery, cast("people.Pool", pool), runner, log)
        rig.furnish()
        try:
            yield rig
        finally:
            runner.run(pool.close())


@contextlib.contextmanager
def _mail_server() -> Iterator[MailServer]:
    """A mail server in a thread of its own."""
    ready, servers = threading.Event(), list[tuple[MailServer, asyncio.AbstractEventLoop, asyncio.Event]]()

    async def serve() -> None:
        stop = asyncio.Event()
        async with mail_servers.running() as server:
            servers.append((server, asyncio.get_running_loop(), stop))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(10)
    server, loop, stop = servers[0]
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
