"""One reconciliation while it runs: what it works with, what it counted, and the one way by which it mends.

A dry run decides the same on a copy of what it read and writes nothing. Shared by topup.flows.reconcile and its two
directions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import psycopg
import psycopg_pool
import structlog

from topup.core import payments as states
from topup.core.payments import Fact, Position, Told
from topup.core.reconciling import Discrepancy, Kind
from topup.db.payments import Payment
from topup.flows import fulfil
from topup.flows.stripe_pages import Pace
from topup.gateway import protocol

Pool = psycopg_pool.AsyncConnectionPool
log = structlog.get_logger()

FINDINGS_MAX = 1000


@dataclass(slots=True)
class Tally:
    """What was seen and done so far. `findings` are the first of what is unexplained."""

    objects_seen: int = 0
    payments_seen: int = 0
    credited: int = 0
    closed: int = 0
    reviewed: int = 0
    expired: int = 0
    marked: int = 0
    unexplained: int = 0
    findings: list[Discrepancy] = field(default_factory=list)
    _noted: set[tuple[Kind, str]] = field(default_factory=set)

    def note(self, found: Discrepancy) -> None:
        """Count what somebody must explain; the same thing, said by two objects, once."""
        if (found.kind, found.subject) in self._noted:
            return
        self.unexplained += 1
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(found)
            self._noted.add((found.kind, found.subject))

    def count(self, word: str) -> None:
        """Count an outcome of topup.flows.fulfil."""
        self.credited += word == "credited"
        self.closed += word == "changed"
        self.reviewed += word == "review"


@dataclass(frozen=True, slots=True)
class Mend:
    """A fact that changes a payment, and the object at Stripe that says it."""

    object_id: str
    payment: Payment
    fact: Fact


@dataclass(frozen=True, slots=True)
class Job:
    """A run. `imagined` is where payments would stand by now; a dry run alone fills it."""

    pool: Pool
    stripe: protocol.Stripe
    pace: Pace
    is_dry_run: bool
    tally: Tally = field(default_factory=Tally)
    imagined: dict[UUID, Position] = field(default_factory=dict)

    def position(self, payment: Payment) -> Position:
        """Where a payment stands, or would stand."""
        return self.imagined.get(payment.id) or fulfil.position(payment)

    async def mend(self, mends: Sequence[Mend]) -> None:
        """Apply facts in one transaction; where that fails, each in its own, so that one holds up no other."""
        if not mends:
            return
        if self.is_dry_run:
            self._imagine(mends)
            return
        try:
            async with self.pool.connection() as conn:
                outcomes = await fulfil.apply(conn, [mend.fact for mend in mends])
        except Exception as fault:
            if _is_database_lost(fault):
                raise
            if len(mends) > 1:
                for mend in mends:
                    await self.mend([mend])
                return
            self._failed(mends[0], fault)
            return
        for outcome in outcomes:
            self.tally.count(outcome.word)
            if outcome.word in ("credited", "changed", "review"):
                log.warning("payment_healed", payment_id=str(outcome.payment_id), outcome=outcome.word)

    def _imagine(self, mends: Sequence[Mend]) -> None:
        for mend in mends:
            position = self.position(mend.payment)
            decision = states.decide(position, mend.fact)
            self.imagined[mend.payment.id] = states.after(position, mend.fact, decision)
            self.tally.count(fulfil.word(decision))

    def _failed(self, mend: Mend, fault: Exception) -> None:
        log.error("payment_not_healed", payment_id=str(mend.payment.id), object_id=mend.object_id, exc_info=fault)
        if mend.fact.told is Told.PAID:
            told = f"Paid by {mend.object_id}, and crediting it failed: {type(fault).__name__}"
            self.tally.note(Discrepancy(Kind.NOT_CREDITED, str(mend.payment.id), mend.payment.id, told))


def _is_database_lost(fault: Exception) -> bool:
    """Not where a lock was waited for in vain: that is about some payments, and the others can be looked at."""
    if isinstance(fault, psycopg.errors.LockNotAvailable):
        return False
    return isinstance(fault, psycopg.OperationalError | psycopg_pool.PoolTimeout)
