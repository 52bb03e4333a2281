"""Grants through the machine door: credits that nobody paid for, such as a promotion or goodwill, with their reason.

They are spent before bought ones unless told otherwise, and end when told to.
"""

from typing import Annotated

from fastapi import Request, status
from pydantic import Field
from starlette.responses import Response

from topup.ledger import commands
from topup.ledger.commands import GRANT_PRIORITY, Cause, Text
from topup.web import errors, lean
from topup.web.api import fields, models, posting
from topup.web.api.transactions import TransactionAnswer
from topup.web.auth import GranterDep
from topup.web.context import HouseDep
from topup.web.idempotency import RequiredKeyDep

router = lean.router("Grants and transfers")

PRIORITY_MAX = 100


class Grant(models.Body):
    """What is given, and why. A lower priority is spent sooner; bought credits have 100."""

    amount: fields.Credits
    reason: fields.Reason
    expires_at: fields.Time | None = None
    priority: Annotated[int, Field(strict=True, ge=0, le=PRIORITY_MAX)] = GRANT_PRIORITY


@router.post(
    "/api/accounts/{account_id}/grants",
    status_code=status.HTTP_201_CREATED,
    response_model=TransactionAnswer,
    responses=errors.documented(404),
)
async def grant_credits(
    account_id: models.RowId, body: Grant, request: Request, house: HouseDep, by: GranterDep, key: RequiredKeyDep
) -> Response:
    """Give credits."""
    command = commands.Credit(
        account_id,
        body.amount,
        "PROMOTION",
        Cause("grant", f"{by.actor}/{key}"),
        by.actor,
        priority=body.priority,
        expires_at=body.expires_at,
        text=Text(body.reason),
    )
    return await posting.post(house, request, by, key, body, command, posting.entry)
