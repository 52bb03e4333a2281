"""How long and how often Stripe is asked: deadlines, pauses, the breaker, and one log line for each refusal.

The SDK repeats conflicts, 5xx and lost connections under the same idempotency key; what it does not repeat (429, and
409 while our twin still runs) is waited for here. A deadline bounds it all, since a person may be waiting (33-36).
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import stripe
import structlog

from topup import errors
from topup.gateway import breaker, stripe_errors

Answer = TypeVar("Answer")
Meaning = TypeVar("Meaning")

log = structlog.get_logger(__name__)

_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long Stripe is waited for. The deadline is for one call with all its repeats."""

    connect_seconds: float = 3.0
    answer_seconds: float = 12.0
    deadline_seconds: float = 25.0
    network_retries: int = 2
    pauses_seconds: tuple[float, ...] = (0.3, 0.6, 1.2, 2.4, 2.4)


ORDINARY = Patience()
PAGE_SIZE = 100

NoteCall = Callable[[str, str, float], None]


def note_nothing(_call: str, _outcome: str, _seconds: float) -> None:
    """For those who count nothing."""


class Caller:
    """Makes calls for one key and remembers whether Stripe answers at all."""

    def __init__(self, patience: Patience, note: NoteCall = note_nothing) -> None:
        self._patience = patience
        self._note = note
        self._breaker = breaker.Breaker(monotonic=time.monotonic)

    async def call(
        self, ask: Callable[[], Awaitable[Answer]], understand: Callable[[Answer], Meaning], *, is_write: bool
    ) -> Meaning:
        """Ask, and understand the answer; every failure is one of ours, with its outcome known or unknown."""
        started, outcome = time.monotonic(), "broken"
        try:
            meaning = await self._ask(ask, understand, is_write=is_write)
            outcome = "ok"
        except errors.TopupError as fault:
            outcome = fault.code
            raise
        finally:
            self._note(_name(ask), outcome, time.monotonic() - started)
        return meaning

    async def _ask(
        self, ask: Callable[[], Awaitable[Answer]], understand: Callable[[Answer], Meaning], *, is_write: bool
    ) -> Meaning:
        if not self._breaker.may_call():
            raise stripe_errors.resting()
        try:
            async with asyncio.timeout(self._patience.deadline_seconds):
                answer = await self._insist(ask)
            self._breaker.succeeded()
            return understand(answer)
        except (stripe.StripeError, TimeoutError) as error:
            raise self._refusal(error, is_write=is_write) from error
        except _UNREADABLE as error:
            log.error("stripe_unreadable", **stripe_errors.describe_unreadable(error))  # noqa: TRY400 - no answer in logs
            raise stripe_errors.unreadable(is_write=is_write) from error

    async def _insist(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Ask again after a pause while Stripe only says that we should come back."""
        for pause_seconds in self._patience.pauses_seconds:
            try:
                return await ask()
            except stripe.StripeError as error:
                if not stripe_errors.is_worth_waiting(error):
                    raise
            await asyncio.sleep(pause_seconds * random.uniform(0.5, 1.0))  # noqa: S311 - it spreads callers, no more
        return await ask()

    def _refusal(self, error: stripe.StripeError | TimeoutError, *, is_write: bool) -> errors.TopupError:
        if stripe_errors.is_outage(error):
            self._breaker.failed()
        else:
            self._breaker.succeeded()
        ours = stripe_errors.read(error, is_write=is_write)
        log.warning("stripe_refused", code=ours.code, **stripe_errors.describe(error))
        return ours


class Desk:
    """What every group of calls needs: Stripe's first API, and the caller that waits, repeats and understands."""

    def __init__(self, client: stripe.StripeClient, caller: Caller) -> None:
        self._v1 = client.v1
        self._call = caller.call


def _name(ask: Callable[[], Awaitable[object]]) -> str:
    """The gateway's own word for the call: of the method in which it was written down."""
    parts = ask.__qualname__.split(".")
    return parts[1] if "<locals>" in parts else parts[-1].removesuffix("_async")


def whole(stripe_id: str) -> str:
    """The id; an empty one would quietly ask for the list instead."""
    if not stripe_id:
        raise errors.Broken("Stripe was to be asked about an object without an id.")
    return stripe_id
