"""What the price list shows of each package: what a credit costs, what it saves, which one is the usual choice.

Pure. The smallest package on sale in the same currency is the measure; of three or more the middle one is the usual
choice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from topup.core import money
from topup.db.packages import Package
from topup.web.pages import figures

CHOICES_MIN = 3
"""Of two, neither is in the middle."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One package as it is shown; money already as text."""

    package_id: UUID
    name: str
    description: str
    credits: int
    price: str
    each: str
    saving: str
    valid_days: int | None
    is_usual: bool


def of_packages(packages: Sequence[Package]) -> list[Offer]:
    """The offers, in the order of the packages."""
    usual = packages[len(packages) // 2].id if len(packages) >= CHOICES_MIN else None
    return [
        _offer(package, _smallest(packages, package.currency), is_usual=package.id == usual) for package in packages
    ]


def of_package(package: Package) -> Offer:
    """One package alone, measured against nothing."""
    return _offer(package, package, is_usual=False)


def _smallest(packages: Sequence[Package], currency: str) -> Package:
    same = [package for package in packages if package.currency == currency]
    return min(same, key=lambda package: (package.credits, package.price_minor))


def _offer(package: Package, smallest: Package, *, is_usual: bool) -> Offer:
    percent = figures.saving_percent(package.price_minor, package.credits, smallest.price_minor, smallest.credits)
    return Offer(
        package_id=package.id,
        name=package.name,
        description=package.description or "",
        credits=package.credits,
        price=money.short(package.price_minor, package.currency),
        each=figures.each(package.price_minor, package.credits, package.currency),
        saving=f"{percent}%" if percent else "",
        valid_days=package.valid_days,
        is_usual=is_usual,
    )
