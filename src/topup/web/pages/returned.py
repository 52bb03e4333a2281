"""The return page: where Stripe sends the buyer back, and where "Confirming" turns into "100 credits added" by itself.

htmx asks while the state may still move; without JavaScript the page reloads itself. Asking also heals a lost webhook
(topup.flows.payment_status). Credits are said to be added only when they are.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from topup.core.people import Person
from topup.db.payments import Payment
from topup.db.statements import Balance
from topup.flows import payment_status, show_account
from topup.web import people
from topup.web.context import HouseDep
from topup.web.pages import frame, wording

PATH = "/payments/return"
USUAL_SECONDS = 20
GIVE_UP_SECONDS = 600
_SOON_SECONDS = 2
_LATER_SECONDS = 5

Since = Annotated[int, Query(ge=0, le=2**40)]

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Act:
    """A button under the state."""

    href: str
    text: str


@dataclass(frozen=True, slots=True)
class State:
    """What the page shows. `next_page` and `next_poll` are asked again after `wait_seconds`, while it is moving."""

    key: str
    words: wording.Words
    balance: Balance | None
    acts: Sequence[Act]
    reference: UUID | None
    is_moving: bool
    wait_seconds: int
    next_page: str
    next_poll: str


@router.get(PATH)
async def returned(
    request: Request, house: HouseDep, person: people.SignedInDep, session_id: str = "", since: Since = 0
) -> Response:
    """The whole page. `since` says when the waiting began, in seconds since 1970; it changes words only."""
    now = int(time.time())
    state = await _state(house, person, session_id, began=since or now, now=now)
    return await frame.show(request, "returned.html", state=state)


@router.get(PATH + "/state")
async def moved(
    request: Request,
    house: HouseDep,
    person: people.SignedInDep,
    session_id: str = "",
    since: Since = 0,
    seen: str = "",
) -> Response:
    """The state alone, or 204 while it is the one that was seen."""
    state = await _state(house, person, session_id, began=since, now=int(time.time()))
    return Response(status_code=204) if state.key == seen else frame.fragment(request, "outcome.html", state=state)


async def _state(house: HouseDep, person: Person, session_id: str, *, began: int, now: int) -> State:
    payment = await payment_status.of_session(house.pool, house.stripe, user_id=person.user_id, session_id=session_id)
    balance = None
    if payment.status == "COMPLETED":
        balance = await show_account.standing(house.pool, account_id=payment.account_id)
    return of_payment(payment, session_id, balance=balance, began=began, waited_seconds=now - began)


def of_payment(payment: Payment, session_id: str, *, balance: Balance | None, began: int, waited_seconds: int) -> State:
    """The state of a payment for somebody who has waited so long. Pure."""
    is_slow = waited_seconds > USUAL_SECONDS
    words = wording.of_payment(payment)
    if payment.status == "PENDING":
        words = wording.STILL_CONFIRMING if is_slow else wording.CONFIRMING
    key = f"{payment.status}-slow" if is_slow else payment.status
    where = {"session_id": session_id, "since": began}
    return State(
        key=key,
        words=words,
        balance=balance,
        acts=_acts(payment),
        reference=None if payment.status in ("PENDING", "COMPLETED") and not is_slow else payment.id,
        is_moving=payment.status in payment_status.UNDECIDED and waited_seconds < GIVE_UP_SECONDS,
        wait_seconds=_LATER_SECONDS if is_slow or payment.status == "PROCESSING" else _SOON_SECONDS,
        next_page=f"{PATH}?{urlencode(where)}",
        next_poll=f"{PATH}/state?{urlencode({**where, 'seen': key})}",
    )


def _acts(payment: Payment) -> list[Act]:
    account = Act("/account", "Go to your account")
    if payment.status == "COMPLETED":
        return [account, Act(f"/payments/{payment.id}/receipt", "See the receipt")]
    if payment.status in ("EXPIRED", "FAILED"):
        return [Act("/", "Choose a package again"), account]
    return [account]
