"""Saved cards as they are shown: in rows that can be put first or removed, and as ways to pay.

Pure. A card is good until the end of its month.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from topup.db.payment_methods import SavedCard

_BRANDS = {
    "amex": "American Express",
    "cartes_bancaires": "Cartes Bancaires",
    "diners": "Diners Club",
    "discover": "Discover",
    "eftpos_au": "Eftpos",
    "jcb": "JCB",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
    "visa": "Visa",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One card."""

    id: str
    brand: str
    last4: str
    ends: str
    is_default: bool
    has_ended: bool

    @property
    def name(self) -> str:
        """What it is called everywhere: Visa ending 4242."""
        return f"{self.brand} ending {self.last4}"


def rows(cards: Sequence[SavedCard], now: datetime) -> list[Row]:
    """The default first, then as they come, which is newest first; ended ones last."""
    shown = [_row(card, now) for card in cards]
    return sorted(shown, key=lambda row: (row.has_ended, not row.is_default))


def first_good(shown: Sequence[Row]) -> Row | None:
    """The card to offer first."""
    return next((row for row in shown if not row.has_ended), None)


def _row(card: SavedCard, now: datetime) -> Row:
    return Row(
        id=card.id,
        brand=_BRANDS.get(card.brand, "Card"),
        last4=card.last4,
        ends=f"{card.exp_month:02}/{card.exp_year}",
        is_default=card.is_default,
        has_ended=(card.exp_year, card.exp_month) < (now.year, now.month),
    )
