"""Opens the house for `serve` and `worker`, or says in one sentence all that speaks against it.

Nothing is served on a half-right configuration: missing or weak settings, a schema of another version, a standby, a
database of another Stripe mode or account. All faults are named at once, so that nobody mends them one by one.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import psycopg
import sqlalchemy.exc

from topup import errors
from topup.db import app_role, connections, migrate
from topup.flows import claim_deployment
from topup.runtime import house
from topup.settings import Settings


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[house.House]:
    """An open house, working as the role that cannot rewrite history where the database allows it."""
    faults = [*settings.missing_for_production(), *key_faults(settings)]
    url = settings.database_url.get_secret_value()
    if url:
        faults += await asyncio.to_thread(_database_faults, url, is_live=settings.is_live)
    if not faults:
        role = app_role.NAME if await asyncio.to_thread(app_role.may_wear, url) else None
        async with house.opened(settings, role=role) as home:
            faults = await claim_deployment.claim(home.pool, home.stripe, is_demo=settings.is_demo)
            if not faults:
                yield home
                return
    raise errors.Unavailable(f"Topup cannot start: {'; '.join(faults)}.", code="cannot_start")


def ensure_database(url: str) -> None:
    """Refuse in one sentence where `serve` would: a database that is away, a standby, or of another schema."""
    for fault in _database_faults(url):
        raise errors.Unavailable(f"{fault[:1].upper()}{fault[1:]}.", code="cannot_start")


def key_faults(settings: Settings) -> list[str]:
    """Keys of two modes would let a buyer pay in one and be credited in the other."""
    secret, public = settings.stripe_secret_key.get_secret_value(), settings.stripe_publishable_key
    faults = []
    if secret and not secret.startswith(("sk_test_", "rk_test_", "sk_live_", "rk_live_")):
        faults.append("STRIPE_SECRET_KEY is not a Stripe secret key (sk_ or rk_)")
    if public and not public.startswith(("pk_test_", "pk_live_")):
        faults.append("STRIPE_PUBLISHABLE_KEY is not a Stripe publishable key (pk_)")
    elif secret and public and public.startswith("pk_live_") != settings.is_live:
        faults.append("STRIPE_SECRET_KEY and STRIPE_PUBLISHABLE_KEY are of different modes")
    return faults


def _database_faults(url: str, *, is_live: bool = False) -> list[str]:
    try:
        faults = _server_faults(connections.look(url), is_live=is_live)
        if not faults:
            migrate.ensure_current(url)
    except errors.Unavailable as fault:
        return [fault.detail[:1].lower() + fault.detail[1:].removesuffix(".")]
    except (psycopg.Error, sqlalchemy.exc.SQLAlchemyError):
        return ["the database that DATABASE_URL names cannot be reached"]
    return faults


def _server_faults(hosts: Sequence[connections.Host], *, is_live: bool) -> list[str]:
    """One primary and no other; for real money, one that brings what it commits to the disk (faults 23, 24, 30)."""
    primaries = [host for host in hosts if host.takes_writes]
    if all(host.takes_writes is None for host in hosts):
        return ["the database that DATABASE_URL names cannot be reached"]
    if not primaries:
        return ["the database is a standby or read-only, and takes no writes"]
    if len(primaries) > 1:
        names = " and ".join(host.name for host in primaries)
        return [f"{names} both take writes: stop the one that was the primary before, and make it a standby"]
    if is_live and not primaries[0].is_durable:
        return ["fsync or full_page_writes is off in the database, so a power cut would lose payments"]
    return []
