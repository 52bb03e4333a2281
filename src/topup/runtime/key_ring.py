"""Lets host applications in by their API key, mostly without asking the database.

A key that was let in is known for `KNOWN_SECONDS`, so a revocation or an end acts within that in every process, and at
once in the one that was asked for it. A busy key is looked up again in the background before the time is over, so its
requests never wait; its last use is written the same way, once a minute. Each key has a rate of its own, in this
process alone. Called by topup.web.auth.
"""

import asyncio
import math
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID

import psycopg_pool
import structlog

from topup import errors
from topup.core import api_keys as keys
from topup.core import buckets
from topup.db import api_keys

KNOWN_SECONDS = 5.0
REFRESH_AFTER_SECONDS = 3.0
NOTE_USE_EVERY_SECONDS = 60.0
# However many unknown keys are tried at once, they never take all connections.
LOOKUPS_MAX = 2
KNOWN_MAX = 1000

log = structlog.get_logger()


@dataclass(slots=True)
class _Known:
    """A living key as it was read. Wrong secrets are told from right ones here, without the database."""

    application: keys.Application
    digest: bytes
    read_at_seconds: float
    bucket: buckets.Bucket
    use_noted_at_seconds: float = -math.inf


@dataclass(slots=True)
class KeyRing:
    """The keys that this process knows at the moment."""

    pool: psycopg_pool.AsyncConnectionPool
    per_second: int
    clock: Callable[[], float] = time.monotonic
    _known: dict[str, _Known] = field(default_factory=dict)
    _lookups: dict[str, asyncio.Task[_Known | None]] = field(default_factory=dict)
    _turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LOOKUPS_MAX))
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        """Nothing is read before it is needed."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let what runs in the background end."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def let_in(self, text: str) -> keys.Application:
        """The application whose key this is. Raises Unauthenticated, or SlowDown when the key is used too fast."""
        key = keys.read(text)
        known = await self._find(key.prefix) if key is not None else None
        if key is None or known is None or not key.fits(known.digest):
            raise errors.Unauthenticated(
                "This API key is not known, or it was revoked or has ended.", code="key_invalid"
            )
        now_seconds = self.clock()
        if wait_seconds := known.bucket.take(now_seconds):
            raise errors.SlowDown(
                "This key is used faster than it may be.", retry_after_seconds=math.ceil(wait_seconds)
            )
        if now_seconds - known.use_noted_at_seconds > NOTE_USE_EVERY_SECONDS:
            known.use_noted_at_seconds = now_seconds
            self._start(self._note_use(known))
        return known.application

    def forget(self, key_id: UUID) -> None:
        """Look this key up again when it comes next. What is being looked up now may be older than the change."""
        self._lookups.clear()
        for prefix in [prefix for prefix, known in self._known.items() if known.application.key_id == key_id]:
            del self._known[prefix]

    async def _find(self, prefix: str) -> _Known | None:
        known = self._known.get(prefix)
        age_seconds = math.inf if known is None else self.clock() - known.read_at_seconds
        if age_seconds < REFRESH_AFTER_SECONDS:
            return known
        lookup = self._lookups.get(prefix)
        if lookup is None:
            lookup = self._lookups[prefix] = self._start(self._look_up(prefix))
        return known if age_seconds < KNOWN_SECONDS else await asyncio.shield(lookup)

    async def _look_up(self, prefix: str) -> _Known | None:
        try:
            async with self._turn, self.pool.connection() as conn:
                # Before the question, so that the answer is never taken for younger than it is.
                asked_at_seconds = self.clock()
                living = await api_keys.find_living(conn, prefix)
        finally:
            is_overtaken = self._lookups.get(prefix) is not asyncio.current_task()
            if not is_overtaken:
                del self._lookups[prefix]
        before = None if is_overtaken else self._known.pop(prefix, None)
        if living is None:
            return None
        known = _Known(
            keys.Application(living.application_id, living.id, living.name, frozenset(living.scopes)),
            living.secret_hash,
            asked_at_seconds,
            bucket=before.bucket if before else buckets.Bucket(self.per_second, 2 * self.per_second),
            use_noted_at_seconds=before.use_noted_at_seconds if before else -math.inf,
        )
        if not is_overtaken and len(self._known) < KNOWN_MAX:
            self._known[prefix] = known
        return known

    async def _note_use(self, known: _Known) -> None:
        async with self._turn, self.pool.connection() as conn:
            await api_keys.note_use(conn, known.application.key_id)

    def _start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end)
        return task

    def _end(self, task: asyncio.Task[Any]) -> None:
        """A lookup that failed is tried again by whoever needs it; nobody may be waiting for this one."""
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.warning("api_key_not_read", error=type(fault).__name__)
