"""An anchor: the last line of every account at one moment, as text to be kept where the ledger's writer has no hand.

Whoever rewrites history must rewrite every hash after it, the last one too; an anchor remembers that one. Pure: read
and written by `topup verify --anchor`, and by backups.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from topup import errors

TITLE = "Topup anchor 1"


@dataclass(frozen=True, slots=True)
class Head:
    """The number and the hash of an account's last line."""

    account_id: UUID
    seq: int
    hash: bytes


def text(heads: Iterable[Head], *, taken_at: datetime) -> str:
    """One line for each account, after a title that says when."""
    lines = [f"{TITLE}, {taken_at.isoformat()}"]
    lines += [f"{head.account_id} {head.seq} {head.hash.hex()}" for head in heads]
    return "\n".join(lines) + "\n"


def read(anchor: str) -> list[Head]:
    """The heads in an anchor's text. Raises Unreadable where it is not one, or a damaged one."""
    title, *lines = anchor.splitlines() or [""]
    try:
        heads = [_head(*line.split(" ")) for line in lines]
    except (ValueError, TypeError):
        heads = None
    if heads is None or not title.startswith(TITLE):
        raise errors.Unreadable("This is not an anchor that `topup verify --anchor` wrote.")
    return heads


@dataclass(frozen=True, slots=True)
class Missing:
    """Lines `first_seq` to `last_seq` of an account, which an anchor knows and a ledger has not."""

    account_id: UUID
    first_seq: int
    last_seq: int

    @property
    def lines(self) -> int:
        """How many they are."""
        return self.last_seq - self.first_seq + 1


def missing(anchored: Iterable[Head], heads: Iterable[Head]) -> list[Missing]:
    """The lines that were written between a ledger's heads and a later anchor, by account."""
    seqs = {head.account_id: head.seq for head in heads}
    found = [Missing(head.account_id, seqs.get(head.account_id, 0) + 1, head.seq) for head in anchored]
    return sorted((one for one in found if one.lines > 0), key=lambda one: one.account_id)


def _head(account_id: str, seq: str, hash_hex: str) -> Head:
    return Head(UUID(account_id), int(seq), bytes.fromhex(hash_hex))
