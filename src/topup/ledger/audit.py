"""Proves the ledger: every invariant as one query, all in one snapshot, while the system runs. Mends nothing.

A breach is looked at again under its account's lock before that account is frozen; the rest of the shop goes on. Called
by topup.flows.verify for `topup verify`; the queries themselves lie in topup.db.invariants.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from topup.core import anchors
from topup.db import chain_heads, invariants, ledger, snapshots, sql
from topup.db.invariants import invariant as queries

ANCHOR = "L7_anchor"
ANCHOR_SENTENCE = "Every line that the anchor names is still there, with the hash that it had."


@dataclass(frozen=True, slots=True)
class Breach:
    """A row that breaks an invariant. `account_id` is None where it is no single account's."""

    name: str
    sentence: str
    account_id: UUID | None
    what: str
    may_be_late: bool = False


async def look(conns: Sequence[sql.Connection], anchored: Sequence[anchors.Head] = ()) -> list[Breach]:
    """Run every invariant, and compare with an anchor, on one moment's data, spread over some connections.

    Begins their transactions; what is read through them afterwards is of the same moment.
    """
    await snapshots.begin_together(conns)
    waiting = deque(invariants.ALL)
    found = await asyncio.gather(*(_work_off(conn, waiting) for conn in conns))
    places = {one.name: place for place, one in enumerate(invariants.ALL)}
    breaches = sorted(itertools.chain.from_iterable(found), key=lambda breach: places[breach.name])
    return breaches + await _compare(conns[0], anchored)


async def _work_off(conn: sql.Connection, waiting: deque[invariants.Invariant]) -> list[Breach]:
    await queries.be_patient(conn)
    found: list[Breach] = []
    while waiting:
        found += await _find(conn, waiting.popleft())
    return found


async def look_again(
    conn: sql.Connection, account_id: UUID, names: Sequence[str], anchored: Sequence[anchors.Head] = ()
) -> list[Breach]:
    """Lock an account and run some invariants on it alone: nothing half written can be mistaken for a breach."""
    await ledger.lock(conn, [account_id])
    await queries.be_patient(conn)
    asked = [one for one in invariants.ALL if one.name in names]
    breaches = [breach for one in asked for breach in await _find(conn, one, account_id)]
    return breaches + await _compare(conn, [head for head in anchored if head.account_id == account_id])


async def _find(conn: sql.Connection, one: invariants.Invariant, account_id: UUID | None = None) -> list[Breach]:
    first, last = (account_id, account_id) if account_id else (queries.FIRST, queries.LAST)
    found = await queries.find(conn, one, first=first, last=last)
    return [Breach(one.name, one.sentence, row.account_id, row.what, one.may_be_late) for row in found]


async def _compare(conn: sql.Connection, anchored: Sequence[anchors.Head]) -> list[Breach]:
    gone = await chain_heads.gone(conn, anchored)
    return [Breach(ANCHOR, ANCHOR_SENTENCE, head.account_id, f"entry {head.account_id}#{head.seq}") for head in gone]
