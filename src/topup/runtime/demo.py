"""What `topup demo` stands on: a folder, a database, an offline Stripe, generated secrets, demo people.

Everything is on loopback and on this machine; a live key is refused. What is opened here is closed in reverse order,
whatever happens in between; the command line adds web and worker in its own process.
"""

import asyncio
import contextlib
import dataclasses
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import structlog
from psycopg import sql
from pydantic import SecretStr

from topup import errors
from topup.db import app_role, migrate
from topup.flows import claim_deployment, seed_demo, seed_packages, session_prices
from topup.runtime import demo_folder, embedded, house, sandbox_child
from topup.settings import Settings

HOST = "127.0.0.1"
DATABASE = "topup"
LOOK_EVERY_SECONDS = 2.0
LOOPBACK = (HOST, "localhost", "::1")
LIVE = ("sk_live_", "rk_live_", "pk_live_")

log = structlog.get_logger()


@dataclasses.dataclass(frozen=True, slots=True)
class Stage:
    """A demo that is set up and not yet served."""

    settings: Settings
    kept: demo_folder.Kept
    folder: Path
    stripe: sandbox_child.Child

    async def furnish(self, home: house.House) -> None:
        """Claim the database and fill it with what a demo has; a second time changes nothing."""
        faults = await claim_deployment.claim(home.pool, home.stripe, is_demo=True)
        if faults:
            raise errors.Unavailable(f"The demo cannot start: {'; '.join(faults)}.", code="cannot_start")
        await seed_packages.seed(home.pool)
        await session_prices.seed(home.pool)
        await seed_demo.seed(home.pool, seed_demo.Secrets(self.kept.admin_password, self.kept.api_key))

    async def keep_stripe_running(self, stop: asyncio.Event) -> None:
        """Start the offline Stripe again when it dies, at its old address."""
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_EVERY_SECONDS)
            if not stop.is_set() and not self.stripe.is_alive:
                try:
                    await asyncio.to_thread(self.stripe.restart)
                except errors.Unavailable as fault:
                    log.warning("stripe_sandbox_not_restarted", why=fault.detail)
                else:
                    log.warning("stripe_sandbox_restarted")


@contextlib.contextmanager
def opened(folder: Path, given: Settings, *, bound: socket.socket) -> Iterator[Stage]:
    """Set the demo up around the web server's bound socket. `given` is the environment, of which little is taken."""
    ensure_not_live(given)
    kept = dataclasses.replace(demo_folder.kept(folder) or demo_folder.made(), port=bound.getsockname()[1])
    secrets = [s.get_secret_value() for s in given.stripe_webhook_secrets] or [kept.webhook_secret]
    with contextlib.ExitStack() as closing:
        child = sandbox_child.Child(
            sandbox_child.Orders(
                data=folder / demo_folder.STRIPE,
                log=folder / demo_folder.STRIPE_LOG,
                port=kept.stripe_port,
                webhook_url=f"http://{HOST}:{kept.port}/api/webhooks/stripe",
                webhook_secret=secrets[0],
            )
        )
        closing.callback(child.stop)
        server = closing.enter_context(embedded.running(folder / demo_folder.POSTGRES))
        database_url = _database(server)
        migrate.upgrade(database_url)
        app_role.ensure(database_url)
        child.wait_until_ready()
        kept = dataclasses.replace(kept, stripe_port=int(child.address.rpartition(":")[2]))
        demo_folder.keep(folder, kept)
        yield Stage(_settings(given, kept, secrets, database_url, child.address), kept, folder, child)


@contextlib.contextmanager
def joined(folder: Path, given: Settings) -> Iterator[Settings]:
    """The settings of the demo kept here, running or not; its database runs meanwhile, its offline Stripe may not."""
    kept = demo_folder.kept(folder)
    if kept is None:
        raise errors.Unavailable(f"No demo has run on {folder}: `topup demo` starts one.", code="no_demo")
    secrets = [s.get_secret_value() for s in given.stripe_webhook_secrets] or [kept.webhook_secret]
    with embedded.running(folder / demo_folder.POSTGRES) as server:
        yield _settings(given, kept, secrets, server.dsn_for(DATABASE), f"http://{HOST}:{kept.stripe_port}")


@contextlib.contextmanager
def meant(given: Settings, data: Path | None) -> Iterator[Settings]:
    """The settings to work with: the environment's or, where that names no database, those of the demo kept here."""
    folder = (data or demo_folder.default()).absolute()
    is_demo_meant = data is not None or demo_folder.kept(folder) is not None
    has_database = bool(given.database_url.get_secret_value())
    if has_database and data is not None:
        raise errors.Invalid("DATABASE_URL names one database and --data another: unset the one that is not meant.")
    if has_database or not is_demo_meant:
        yield given
        return
    with joined(folder, given) as settings:
        yield settings


def ensure_not_live(given: Settings) -> None:
    """Refuse to run a demo where live keys lie about."""
    keys = (given.stripe_secret_key.get_secret_value(), given.stripe_publishable_key)
    if any(key.startswith(LIVE) for key in keys):
        raise errors.Unavailable(
            "A demo never runs with a live Stripe key: unset STRIPE_SECRET_KEY and STRIPE_PUBLISHABLE_KEY.",
            code="live_key_refused",
        )


def be_local() -> None:
    """Keep calls on loopback away from a proxy that the environment may name."""
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name, ""), HOST, "localhost"]))


def _database(server: embedded.Server) -> str:
    """The address of the demo's database, made at the first start."""
    with psycopg.connect(server.dsn, autocommit=True) as conn:
        if conn.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    return server.dsn_for(DATABASE)


def _is_local(url: str) -> bool:
    """Whether it is a front end on this machine; the address of a real one, set for something else, is left alone."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname in LOOPBACK


def _settings(
    given: Settings, kept: demo_folder.Kept, webhook_secrets: list[str], database_url: str, stripe_address: str
) -> Settings:
    return given.model_copy(
        update={
            "is_demo": True,
            "database_url": SecretStr(database_url),
            "jwt_secret": SecretStr(kept.jwt_secret),
            "stripe_secret_key": SecretStr(given.stripe_secret_key.get_secret_value() or kept.stripe_secret_key),
            "stripe_publishable_key": given.stripe_publishable_key or kept.stripe_publishable_key,
            "stripe_webhook_secrets": [SecretStr(secret) for secret in webhook_secrets],
            "stripe_api_base": stripe_address,
            "frontend_url": given.frontend_url if _is_local(given.frontend_url) else f"http://{HOST}:{kept.port}",
            "host": HOST,
            "port": kept.port,
            "trusted_proxies": "",
        }
    )
