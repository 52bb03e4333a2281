"""The desk: one search for whatever a mail to support names, and what waits for a person.

Shows and finds; what is done about it is done on the page of the account or the payment.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from topup.core import money
from topup.db.holders import Holder
from topup.db.payments import Payment
from topup.flows import find_anything, show_desk, show_holder
from topup.runtime.doctor import work
from topup.runtime.doctor.findings import Finding, State
from topup.runtime.house import House
from topup.web.context import HouseDep
from topup.web.pages import admin_door, figures, frame, wording

QUERY_LENGTH_MAX = 255

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Account:
    """One account in a list."""

    id: UUID
    name: str
    email: str
    about: str
    balance: str
    is_frozen: bool
    is_in_debt: bool


@dataclass(frozen=True, slots=True)
class Paid:
    """One payment in a list. `buyer` is empty where the page says whose it is."""

    id: UUID
    name: str
    buyer: str
    price: str
    words: wording.Words
    reason: str
    created_at: datetime


@router.get(admin_door.HOME)
async def desk(
    request: Request,
    house: HouseDep,
    entry: admin_door.AdminEntry,
    q: Annotated[str, Query(max_length=QUERY_LENGTH_MAX)] = "",
) -> Response:
    """What waits; with a query, what fits it. The only account that fits is gone to at once."""
    if not q.strip():
        return await _waiting(request, house, entry)
    found = await find_anything.find(house.pool, q)
    if len(found.accounts) == 1 and not found.payments:
        return frame.go(f"{admin_door.HOME}/accounts/{found.accounts[0].account_id}")
    return await frame.show(
        request,
        "desk_found.html",
        rail=entry.rail,
        query=q.strip(),
        accounts=[of_account(one) for one in found.accounts],
        payments=await with_buyers(house, found.payments),
        is_cut=found.is_cut,
    )


async def _waiting(request: Request, house: House, entry: admin_door.Entry) -> Response:
    waiting = await show_desk.waiting(house.pool)
    troubles = [one for one in await work.look(house.pool) if one.state in (State.FAILED, State.WARNING)]
    return await frame.show(
        request,
        "desk.html",
        rail=entry.rail,
        query="",
        headline=_headline(waiting, troubles),
        payments=await with_buyers(house, waiting.payments),
        disputes=[(one, money.short(one.amount_minor, one.currency)) for one in waiting.disputes],
        frozen=[of_account(one) for one in waiting.accounts if one.frozen_at],
        in_debt=[of_account(one) for one in waiting.accounts if not one.frozen_at],
        troubles=[one for one in troubles if one.check != "review"],
    )


def of_account(one: Holder) -> Account:
    """An account as lists show it."""
    about = {
        "person": "",
        "application": f"application’s id {one.external_id}",
        "pool": "pool",
        "student": f"from {one.institution_name}",
    }[one.kind]
    return Account(
        id=one.account_id,
        name=one.name or "",
        email=one.email or one.external_id or "",
        about=about,
        balance=figures.counted(one.balance, one.unit),
        is_frozen=one.frozen_at is not None,
        is_in_debt=one.debt > 0,
    )


async def with_buyers(house: House, bought: Sequence[Payment]) -> list[Paid]:
    """Payments as lists show them, each with whose it is."""
    holders = await show_holder.holders_of(house.pool, bought)
    return [of_payment(one, holders.get(one.account_id)) for one in bought]


def of_payment(one: Payment, holder: Holder | None = None) -> Paid:
    """A payment as lists show it."""
    return Paid(
        id=one.id,
        name=one.package_name,
        buyer="" if holder is None else holder.name or holder.email or holder.external_id or "",
        price=money.short(one.price_minor, one.currency),
        words=wording.of_payment(one),
        reason=one.review_reason or "",
        created_at=one.created_at,
    )


def _headline(waiting: show_desk.Waiting, troubles: Sequence[Finding]) -> str:
    """How much there is to do. Debts do not count: they settle themselves by the next purchase."""
    count = len(waiting.payments) + len(waiting.disputes) + sum(one.frozen_at is not None for one in waiting.accounts)
    count += sum(one.check != "review" for one in troubles)
    if not count:
        return "Nothing waits for you"
    return "1 thing waits for you" if count == 1 else f"{figures.whole(count)} things wait for you"
