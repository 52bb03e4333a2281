"""The house: everything a running process holds, built once from its settings and closed in reverse order.

Called by the command line, the tests and the demo. It refuses a schema that this program was not written for.
"""

import functools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

import psycopg
import psycopg_pool

from topup.core import keys
from topup.db import connections
from topup.flows import receive, requests
from topup.gateway import google, mail, protocol, stripe
from topup.runtime import figures, mailers
from topup.runtime.group_commit import GroupCommit
from topup.runtime.key_ring import KeyRing
from topup.settings import Settings

CONNECTION_OPTIONS = (
    "-c lock_timeout=2s -c statement_timeout=15s -c idle_in_transaction_session_timeout=15s -c timezone=UTC"
    " -c default_transaction_isolation=read\\ committed -c synchronous_commit=on"
)
WAIT_FOR_CONNECTION_SECONDS = 5.0
# Deliveries share transactions, one at a time, on a connection that no crowd of other requests can take (fault 25).
DELIVERIES_CONNECTIONS = 1

Pool = psycopg_pool.AsyncConnectionPool


@dataclass(frozen=True, slots=True)
class House:
    """What web and worker work with."""

    settings: Settings
    pool: Pool
    stripe: protocol.Stripe
    mailer: mail.Mailer
    google: google.Issuer | None
    deliveries: GroupCommit[receive.Delivery, str]
    requests: GroupCommit[requests.Request, requests.Answer | requests.KeyReused]
    key_ring: KeyRing

    @property
    def keys(self) -> keys.Keys:
        """What this deployment signs and hides with."""
        return keys.derive(self.settings.jwt_secret.get_secret_value())


@asynccontextmanager
async def opened(settings: Settings, *, role: str | None = None) -> AsyncIterator[House]:
    """Open everything that the settings name. `role` is what its connections work as (`topup.db.app_role`)."""
    options = CONNECTION_OPTIONS if role is None else f"{CONNECTION_OPTIONS} -c role={role}"
    primary = connections.Primary()
    async with (
        _pool(settings, options, primary, connections_max=settings.pool_size) as pool,
        _pool(settings, options, primary, connections_max=DELIVERIES_CONNECTIONS) as pool_of_deliveries,
    ):
        take_deliveries = functools.partial(receive.receive, pool_of_deliveries, is_live=settings.is_live)
        post_requests = functools.partial(requests.post, pool)
        stripe_key = settings.stripe_secret_key.get_secret_value()
        async with (
            stripe.opened(stripe_key, api_base=settings.stripe_api_base, note_call=figures.note_call) as stripe_gateway,
            GroupCommit(take_deliveries, is_passing=is_passing, note_batch=figures.note_deliveries) as deliveries,
            GroupCommit(
                post_requests,
                is_passing=is_passing_for_requests,
                blamed=requests.blamed,
                note_batch=figures.note_requests,
            ) as posting,
            KeyRing(pool, per_second=settings.key_requests_per_second) as key_ring,
        ):
            yield House(
                settings=settings,
                pool=pool,
                stripe=stripe_gateway,
                mailer=mailers.chosen(settings, pool),
                google=_google(settings),
                deliveries=deliveries,
                requests=posting,
                key_ring=key_ring,
            )


def _pool(settings: Settings, options: str, primary: connections.Primary, *, connections_max: int) -> Pool:
    return psycopg_pool.AsyncConnectionPool(
        connections.conninfo(settings.database_url.get_secret_value()),
        min_size=1,
        max_size=connections_max,
        timeout=WAIT_FOR_CONNECTION_SECONDS,
        kwargs={"options": options},
        connection_class=cast("type[psycopg.AsyncConnection]", connections.Connection),
        configure=primary.check,
        open=False,
        name="topup",
    )


def _google(settings: Settings) -> google.Issuer | None:
    return google.Issuer(settings.google_issuer, monotonic=time.monotonic) if settings.google_client_id else None


def is_passing(fault: BaseException) -> bool:
    """Whether a batch that met this may simply be run again: deadlock, lost connection or commit, no free connection.

    Not where a lock was waited for in vain: that is about some members, and the others shall not wait with them.
    """
    if isinstance(fault, psycopg.errors.LockNotAvailable):
        return False
    return isinstance(fault, psycopg.OperationalError | psycopg_pool.PoolTimeout)


def is_passing_for_requests(fault: BaseException) -> bool:
    """The same for keyed requests, where a twin in another process may also have been quicker."""
    return is_passing(fault) or requests.is_twin_race(fault)
