"""An allocation as staff read it: who has it, what they did with it, and what becomes of the rest.

Pure; for the pool's page and the list of allocations.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from topup.db.allocations import Allocation
from topup.web.pages import figures


@dataclass(frozen=True, slots=True)
class Shown:
    """One row. `name` is empty for somebody who has no account yet; `fate` says what the figures do not."""

    id: UUID
    name: str
    email: str
    quantity: int
    used: int
    unused: int
    fate: str
    ends_at: datetime | None
    created_at: datetime
    is_open: bool


def shown(one: Allocation) -> Shown:
    """One allocation."""
    return Shown(
        id=one.id,
        name=f"{one.first_name or ''} {one.last_name or ''}".strip(),
        email=one.email,
        quantity=one.quantity,
        used=one.used,
        unused=one.unused,
        fate=_fate(one),
        ends_at=one.ends_at,
        created_at=one.created_at,
        is_open=one.closed_at is None,
    )


def _fate(one: Allocation) -> str:
    told = [f"{figures.whole(one.returned)} back in the pool"] if one.returned else []
    told += [f"{figures.whole(one.expired)} expired"] if one.expired else []
    if one.closed_at is not None and one.unused:
        told.append(f"{figures.whole(one.unused)} on hold, back in the pool afterwards")
    return ", ".join(told)
