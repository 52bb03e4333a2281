"""Money back over JSON: how much can go back now and why not more, and the refund itself.

A buyer within the policy of the package, an admin always; another's payment is not there (fault 66).
"""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Request, status
from pydantic import Field
from starlette.responses import Response

from topup.core.people import Person
from topup.db.idempotency import Key
from topup.db.refunds import Refund as Row
from topup.flows import keyed, refund
from topup.flows.requests import Answer
from topup.web import errors as problems
from topup.web import idempotency
from topup.web.api import fields, models
from topup.web.auth import BuyerOrAdminDep, Principal
from topup.web.context import HouseDep

router = APIRouter(prefix="/api/payments", tags=["Payments"])


class RefundOrder(models.Body):
    """How much, in minor units, and why. Without an amount: all that the quote says."""

    amount: Annotated[int, Field(strict=True, ge=1, le=models.WHOLE_MAX)] | None = None
    reason: fields.Reason


class RefundQuote(models.Answer):
    """What can go back now: money in minor units, and the credits that go with it. `reason` says why not more."""

    refundable: bool
    amount: int
    credits: int
    reason: str | None


class Refund(models.Answer):
    """A refund. `REQUESTED` has not been answered by Stripe yet; the credits are taken back already."""

    id: str
    payment_id: str
    amount: int
    currency: str
    status: str
    reason: str | None
    failure: str | None
    created_at: models.Moment


@router.get("/{payment_id}/refund-quote", responses=problems.documented(404))
async def quote_refund(payment_id: models.RowId, house: HouseDep, by: BuyerOrAdminDep) -> RefundQuote:
    """How much of a payment can go back now, in money and credits, and why not more."""
    found = await refund.quote(house.pool, asker_of(by), payment_id)
    return RefundQuote(
        refundable=found.is_refundable, amount=found.amount_minor, credits=found.credits, reason=found.reason
    )


@router.post(
    "/{payment_id}/refunds",
    status_code=status.HTTP_201_CREATED,
    response_model=Refund,
    responses=problems.documented(404, 409),
)
async def refund_payment(
    payment_id: models.RowId,
    body: RefundOrder,
    request: Request,
    house: HouseDep,
    by: BuyerOrAdminDep,
    offered: idempotency.RequiredKeyDep,
) -> Response:
    """Give money back. The credits that go with it are taken back at once, before the money moves."""
    key = Key(by.actor, "POST /api/payments/{payment_id}/refunds", offered)
    order = refund.Order(asker_of(by), payment_id, body.amount, body.reason, digest(key))

    async def act() -> Answer:
        made = await refund.give(house.pool, house.stripe, order)
        return Answer(status.HTTP_201_CREATED, answer_of(made).model_dump_json(by_alias=True))

    fingerprint = idempotency.fingerprint_of(request, body)
    answer = await keyed.once_outside(house.pool, key, fingerprint, act, idempotency.wording(request))
    return idempotency.respond(answer)


def asker_of(by: Principal) -> refund.Asker:
    """A buyer, or somebody who may refund any payment."""
    is_buyer = isinstance(by, Person) and not by.is_admin
    return refund.Asker(by.actor, by.user_id if is_buyer and isinstance(by, Person) else None)


def digest(key: Key) -> bytes:
    """What the refund row keeps of the key, so that one key is one refund."""
    return hashlib.sha256(f"{key.principal}\n{key.route}\n{key.key}".encode()).digest()


def answer_of(made: Row) -> Refund:
    """A refund as it is answered."""
    return Refund(
        id=str(made.id),
        payment_id=str(made.payment_id),
        amount=made.amount_minor,
        currency=made.currency,
        status=made.status.upper(),
        reason=made.reason,
        failure=made.failure,
        created_at=made.created_at,
    )
