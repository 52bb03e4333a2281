"""Transfers through the machine door: credits go from one account to another of the same unit.

Each lot's end, priority and payment travel along, so a transfer neither prolongs credits nor hides who paid for them.
"""

from fastapi import Request, status
from starlette.responses import Response

from topup.flows.requests import Answer
from topup.ledger import commands
from topup.ledger.commands import Cause, Text
from topup.web import errors, lean
from topup.web.api import fields, models, posting, transactions
from topup.web.api.transactions import TransactionAnswer
from topup.web.auth import SpenderDep
from topup.web.context import HouseDep
from topup.web.idempotency import RequiredKeyDep

router = lean.router("Grants and transfers")


class Transfer(models.Body):
    """What goes where."""

    from_account_id: models.RowId
    to_account_id: models.RowId
    amount: fields.Credits
    description: fields.Description | None = None


class TransferAnswer(models.Answer):
    """Both statements' lines."""

    debit: TransactionAnswer
    credit: TransactionAnswer


@router.post(
    "/api/transfers",
    status_code=status.HTTP_201_CREATED,
    response_model=TransferAnswer,
    responses=errors.documented(402, 404, 409),
)
async def transfer_credits(
    body: Transfer, request: Request, house: HouseDep, by: SpenderDep, key: RequiredKeyDep
) -> Response:
    """Move credits to another account."""
    command = commands.Move(
        body.from_account_id,
        body.to_account_id,
        body.amount,
        Cause("transfer", f"{by.actor}/{key}"),
        by.actor,
        Text(body.description),
    )
    return await posting.post(house, request, by, key, body, command, _moved)


def _moved(done: commands.Done) -> Answer:
    debit, credit = (transactions.of_entry(entry) for entry in done.entries)
    return Answer(status.HTTP_201_CREATED, TransferAnswer(debit=debit, credit=credit).model_dump_json(by_alias=True))
