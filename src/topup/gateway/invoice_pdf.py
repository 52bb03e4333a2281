"""Draws one of our own paid invoices as a PDF, with typst: the words stand in papers/invoice.typ beside this file.

One compiler is kept, since making one reads its fonts; it draws one paper at a time. What people wrote reaches it as
values and never as markup, so nobody's name can change a paper, and letters that no font has are drawn as boxes.
Blocking: call it in a thread.
"""

import functools
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babel import Locale

from topup import errors
from topup.core import money

if TYPE_CHECKING:
    import typst

TEMPLATE = Path(__file__).parent / "papers" / "invoice.typ"
_TURN = threading.Lock()
_ADDRESS = ("company", "name", "line1", "line2", "city", "postalCode")


@dataclass(frozen=True, slots=True)
class Paper:
    """What stands on it. `billed_to` is what the invoice's row keeps."""

    seller: str
    number: str
    billed_to: Mapping[str, Any]
    description: str
    quantity: int
    unit_price_minor: int
    total_minor: int
    currency: str
    issued_at: datetime
    paid_at: datetime | None
    reference: str


def draw(paper: Paper) -> bytes:
    """The PDF."""
    with _TURN:
        drawn = _compiler().compile(format="pdf", sys_inputs={"paper": json.dumps(_words(paper))})
    if not isinstance(drawn, bytes):
        raise errors.Broken(f"Invoice {paper.number} did not become one file.")
    return drawn


@functools.cache
def _compiler() -> "typst.Compiler":
    import typst  # noqa: PLC0415 - a large library that few processes ever need

    return typst.Compiler(TEMPLATE)


def _words(paper: Paper) -> dict[str, Any]:
    to = paper.billed_to
    country = Locale("en", "GB").territories.get(str(to.get("country", "")), to.get("country"))
    lines = [to.get(name) for name in _ADDRESS] + [country, to.get("email")]
    return {
        "seller": paper.seller,
        "number": paper.number,
        "to": list(dict.fromkeys(str(line) for line in lines if line)),
        "tax_id": to.get("taxId"),
        "description": paper.description,
        "quantity": f"{paper.quantity:,}",
        "unit_price": money.short(paper.unit_price_minor, paper.currency),
        "total": money.long(paper.total_minor, paper.currency),
        "issued_on": _day(paper.issued_at),
        "paid_on": _day(paper.paid_at) if paper.paid_at else None,
        "reference": paper.reference,
    }


def _day(moment: datetime) -> str:
    at = moment.astimezone(UTC)
    return f"{at.day} {at:%B %Y}"
