"""Spending through the machine door: take credits, see beforehand what would happen, take a spend or capture back.

Thin: each call becomes one command, decided and written together with whatever else arrives at that moment.
"""

from fastapi import Request, status
from starlette.responses import Response

from topup.flows import preview_spend
from topup.flows.requests import OfEntry
from topup.ledger import commands
from topup.ledger.commands import Cause, Text
from topup.web import errors, lean
from topup.web.api import fields, models, posting
from topup.web.api.transactions import TransactionAnswer
from topup.web.auth import ReaderOrSpenderDep, SpenderDep
from topup.web.context import HouseDep
from topup.web.idempotency import RequiredKeyDep

router = lean.router("Spending")


class Spend(models.Body):
    """What is used up."""

    amount: fields.Credits
    description: fields.Description | None = None
    source_id: fields.SourceId | None = None
    metadata: fields.Metadata | None = None


class Wanted(models.Body):
    """What would be used up."""

    amount: fields.Credits


class Reason(models.Body):
    """Why."""

    reason: fields.Description | None = None


class ShareAnswer(models.Answer):
    """What one lot would pay."""

    lot_id: str
    amount: int
    source_type: str
    priority: int
    expires_at: models.Moment | None


class PreviewAnswer(models.Answer):
    """What a spend would do at this moment. `reason` is the code of the refusal."""

    allowed: bool
    reason: str | None
    lots: list[ShareAnswer]
    available_after: int


@router.post(
    "/api/accounts/{account_id}/spends",
    status_code=status.HTTP_201_CREATED,
    response_model=TransactionAnswer,
    responses=errors.documented(402, 404, 409),
)
async def spend(
    account_id: models.RowId, body: Spend, request: Request, house: HouseDep, by: SpenderDep, key: RequiredKeyDep
) -> Response:
    """Take credits, from the lots that are to be spent first."""
    command = commands.Spend(
        account_id,
        body.amount,
        Cause("spend", f"{by.actor}/{key}"),
        by.actor,
        Text(body.description, body.source_id, body.metadata),
    )
    return await posting.post(house, request, by, key, body, command, posting.entry)


@router.post("/api/accounts/{account_id}/spends/preview", responses=errors.documented(404))
async def try_spend(account_id: models.RowId, body: Wanted, house: HouseDep, _by: ReaderOrSpenderDep) -> PreviewAnswer:
    """Say what a spend would do, and do nothing."""
    tried = await preview_spend.preview(house.pool, account_id, credits_wanted=body.amount)
    return PreviewAnswer(
        allowed=tried.reason is None,
        reason=tried.reason,
        lots=[_share(one) for one in tried.shares],
        available_after=tried.available_after,
    )


@router.post(
    "/api/transactions/{transaction_id}/reversal",
    status_code=status.HTTP_201_CREATED,
    response_model=TransactionAnswer,
    responses=errors.documented(404, 409),
)
async def reverse_transaction(
    transaction_id: models.RowId,
    request: Request,
    house: HouseDep,
    by: SpenderDep,
    key: RequiredKeyDep,
    body: Reason | None = None,
) -> Response:
    """Undo a spend or a capture, in full and once: the credits go back to the lots they came from."""
    cause = Cause("reversal", f"{by.actor}/{key}")
    text = Text(body.reason if body else None, str(transaction_id))
    asked = OfEntry(
        transaction_id, lambda account_id: commands.Reverse(account_id, transaction_id, cause, by.actor, text)
    )
    return await posting.post(house, request, by, key, body, asked, posting.entry)


def _share(share: preview_spend.Share) -> ShareAnswer:
    lot = share.lot
    return ShareAnswer(
        lot_id=str(lot.id),
        amount=share.credits,
        source_type=lot.source,
        priority=lot.priority,
        expires_at=lot.expires_at,
    )
