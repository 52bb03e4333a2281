"""Topup's own sides of a transfer: where credits come from and go to.

They are rows laid by a migration under fixed ids, keep no running balance and are never locked, so they are never hot.
"""

from typing import Literal
from uuid import UUID

Name = Literal["stripe_sales", "promotions", "usage", "expired", "clawbacks", "adjustments"]
_NAMES: tuple[Name, ...] = ("stripe_sales", "promotions", "usage", "expired", "clawbacks", "adjustments")
_UNITS = ("credit", "session")

IDS: dict[tuple[Name, str], UUID] = {
    (name, unit): UUID(f"00000000-0000-7000-8000-0000000000{unit_digit}{name_digit}")
    for unit_digit, unit in enumerate(_UNITS)
    for name_digit, name in enumerate(_NAMES, start=1)
}
