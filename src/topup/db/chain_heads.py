"""The heads of all chains, for an anchor kept elsewhere, and whether the lines that an old anchor names still stand.

Read by topup.flows.verify and topup.ledger.audit; an anchor itself is a text that topup.core.anchors writes and reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from topup.core import anchors
from topup.db import sql


@dataclass(frozen=True, slots=True)
class HeadRow:
    """The last line of an account's statement."""

    account_id: UUID
    seq: int
    hash: bytes


HEADS = """
    SELECT id AS account_id, seq, head_hash AS hash FROM accounts WHERE system_name IS NULL AND seq > 0 ORDER BY id
"""


async def heads(conn: sql.Connection) -> list[anchors.Head]:
    """The last line of every account that has one, by account."""
    return [anchors.Head(row.account_id, row.seq, row.hash) for row in await sql.rows(conn, HeadRow, HEADS)]


GONE = """
    SELECT a.account_id, a.seq, a.hash
    FROM unnest(%s::uuid[], %s::bigint[], %s::bytea[]) AS a (account_id, seq, hash)
    LEFT JOIN entries e ON e.account_id = a.account_id AND e.seq = a.seq
    WHERE e.hash IS DISTINCT FROM a.hash ORDER BY a.account_id
"""


async def gone(conn: sql.Connection, anchored: Sequence[anchors.Head]) -> list[anchors.Head]:
    """Heads of an anchor whose line is not there any more, or has another hash."""
    if not anchored:
        return []
    columns = sql.columns([(head.account_id, head.seq, head.hash) for head in anchored])
    return [anchors.Head(row.account_id, row.seq, row.hash) for row in await sql.rows(conn, HeadRow, GONE, columns)]
