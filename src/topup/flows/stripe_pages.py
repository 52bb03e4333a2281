"""Reads Stripe's lists page by page, at a modest pace, patiently, and never for ever.

One page is in memory at a time. Refusals that pass are waited out with growing pauses, up to a budget for the whole
run; a list that goes in circles or backwards ends in an error (faults 33, 36).
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from topup import errors
from topup.gateway import listing

Answer = TypeVar("Answer")
log = structlog.get_logger()

PAGES_MAX = 20_000
PAUSE_MAX_SECONDS = 30.0


@dataclass(slots=True)
class Pace:
    """How often Stripe is asked, and how long it is waited for in all. One for each run.

    Stripe takes 25 calls a second of one kind from an account, and buyers come first.
    """

    calls_per_second: float = 8.0
    patience_seconds: float = 180.0
    first_pause_seconds: float = 1.0
    _next_at: float = 0.0

    async def ask(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Make a call when its turn has come, again after a refusal that may pass; GatewayError when patience ends."""
        pause_seconds = self.first_pause_seconds
        while True:
            await self._turn()
            try:
                return await call()
            except errors.GatewayError as fault:
                if not fault.is_retryable or fault.code == "stripe_unreadable" or self.patience_seconds <= 0:
                    raise
                log.info("stripe_waited_for", code=fault.code, pause_seconds=pause_seconds)
            spread_seconds = pause_seconds * random.uniform(0.5, 1.0)  # noqa: S311 - it spreads callers, no more
            self.patience_seconds -= spread_seconds
            await asyncio.sleep(spread_seconds)
            pause_seconds = min(pause_seconds * 2, PAUSE_MAX_SECONDS)

    async def _turn(self) -> None:
        now = time.monotonic()
        self._next_at = max(self._next_at, now) + 1 / self.calls_per_second
        await asyncio.sleep(max(0.0, self._next_at - now - 1 / self.calls_per_second))


async def stream(
    fetch: Callable[[str | None], Awaitable[listing.Page[listing.T]]], pace: Pace
) -> AsyncIterator[tuple[listing.T, ...]]:
    """The pages of a list, newest first. `fetch` gets the id that the page before ended with."""
    after: listing.T | None = None
    seen = set[str]()
    for _ in range(PAGES_MAX):
        after_id = None if after is None else after.id
        page = await pace.ask(lambda: fetch(after_id))  # noqa: B023 - awaited before it changes
        if after is not None and page.items and page.items[0].created_at > after.created_at:
            raise _endless()
        if page.items:
            yield page.items
        if not page.has_more:
            return
        if not page.items or page.items[-1].id in seen:
            raise _endless()
        after = page.items[-1]
        seen.add(after.id)
    raise _endless()


def _endless() -> errors.GatewayError:
    return errors.GatewayError(
        "Stripe's list goes in circles; nothing can be said about what was not reached.",
        code="stripe_list_endless",
        is_retryable=False,
    )
