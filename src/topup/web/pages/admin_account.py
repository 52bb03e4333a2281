"""One account at the desk: whose it is, its figures and statement, what was bought for it, and what may be done.

Credits are given with a reason, a use is undone, a frozen account is thawed. Each form carries a key of its own, so
that a double click does its work once; whatever is refused leaves everything as it was.
"""

import dataclasses
import hashlib
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from topup import errors
from topup.core import ids
from topup.db.idempotency import Key
from topup.flows import refusals, requests, show_holder, thaw
from topup.flows.requests import Answer
from topup.ledger import commands
from topup.ledger.commands import Cause, Text
from topup.runtime.house import House
from topup.web import csrf
from topup.web.api import models
from topup.web.api.grants import Grant
from topup.web.context import HouseDep
from topup.web.pages import account, admin_door, desk, forms, frame, reader

KEY = "key"
DONE_STATUS, REFUSED_STATUS = 201, 409
DONE = {"given": "The credits are there.", "undone": "The credits are back.", "thawed": "The account is free again."}
Short = Annotated[str, Query(max_length=40)]


class Verdict:
    """What became of one form. The last word counts: a batch that failed is decided again, in halves."""

    def __init__(self) -> None:
        self.refusal: errors.TopupError | None = None

    def word(self, outcome: commands.Outcome) -> Answer:
        """The answer to keep for the form's key."""
        self.refusal = refusals.of(outcome) if isinstance(outcome, commands.Denied) else None
        return Answer(REFUSED_STATUS if self.refusal else DONE_STATUS, "{}")


router = APIRouter(include_in_schema=False, prefix=f"{admin_door.HOME}/accounts")


@router.get("/{account_id}")
async def show(
    request: Request, house: HouseDep, entry: admin_door.AdminEntry, account_id: models.RowId, cursor: Short = "",
    done: Short = "",
) -> Response:  # fmt: skip
    """The account."""
    return await _page(request, house, entry, account_id, cursor=cursor, done=DONE.get(done, ""))


@router.post("/{account_id}/grants", dependencies=[Depends(csrf.guard)])
async def give(request: Request, house: HouseDep, entry: admin_door.AdminEntry, account_id: models.RowId) -> Response:
    """Give credits, with the reason that its owner reads."""
    values = await forms.read(request, "amount", "reason", KEY)
    told = {"reason": values["reason"]}
    body, form = forms.judge(Grant, told, amount=forms.whole(values["amount"]))
    form = dataclasses.replace(form, values={**values})
    if body is None:
        return await _page(request, house, entry, account_id, form=form, status=422)
    command = commands.Credit(
        account_id,
        body.amount,
        "PROMOTION",
        Cause("grant", f"{entry.admin.actor}/desk/{values[KEY]}"),
        entry.admin.actor,
        priority=body.priority,
        text=Text(body.reason),
    )
    return await _do(request, house, entry, account_id, "given", values, command)


@router.post("/{account_id}/reversals", dependencies=[Depends(csrf.guard)])
async def undo(request: Request, house: HouseDep, entry: admin_door.AdminEntry, account_id: models.RowId) -> Response:
    """Undo a use: the credits go back to where they came from, in full and once."""
    values = await forms.read(request, "transactionId", KEY)
    entry_id = forms.id_of(values["transactionId"])
    cause = Cause("reversal", f"{entry.admin.actor}/desk/{values[KEY]}")
    text = Text("Undone by support", str(entry_id))
    command = commands.Reverse(account_id, entry_id, cause, entry.admin.actor, text)
    return await _do(request, house, entry, account_id, "undone", values, command)


@router.post("/{account_id}/thaw", dependencies=[Depends(csrf.guard)])
async def thaw_account(
    request: Request, house: HouseDep, entry: admin_door.AdminEntry, account_id: models.RowId
) -> Response:
    """Let credits out again, if all that must hold of the account holds."""
    try:
        await thaw.thaw(house.pool, account_id, actor=entry.admin.actor)
    except errors.Conflict as refusal:
        return await _page(request, house, entry, account_id, form=forms.refused({}, refusal), status=409)
    return _back(account_id, "thawed")


async def _do(
    request: Request,
    house: House,
    entry: admin_door.Entry,
    account_id: UUID,
    word: str,
    values: dict[str, str],
    command: commands.Command,
) -> Response:
    """Have the ledger do it once for this form, however often it is sent."""
    fingerprint = hashlib.sha256(f"{account_id} {sorted(values.items())}".encode()).digest()
    key = Key(entry.admin.actor, f"desk {word}", forms.id_of(values[KEY]).hex)
    verdict = Verdict()
    answer = await house.requests.submit(requests.Request(key, fingerprint, command, verdict.word))
    if verdict.refusal:
        return await _page(request, house, entry, account_id, form=forms.refused(values, verdict.refusal), status=409)
    if not isinstance(answer, Answer) or answer.status != DONE_STATUS:
        again = errors.Conflict("This form was sent before. Look at the statement before you send it again.")
        return await _page(request, house, entry, account_id, form=forms.refused({}, again), status=409)
    return _back(account_id, word)


def _back(account_id: UUID, word: str) -> Response:
    return frame.go(f"{admin_door.HOME}/accounts/{account_id}?done={word}")


async def _page(
    request: Request,
    house: House,
    entry: admin_door.Entry,
    account_id: UUID,
    *,
    cursor: str = "",
    done: str = "",
    form: forms.Form = forms.EMPTY,
    status: int = 200,
) -> Response:
    found = await show_holder.show(house.pool, account_id, older_than_seq=account.seq_of(cursor))
    reads = reader.of_request(request)
    home = f"{admin_door.HOME}/accounts/{account_id}"
    return await frame.show(
        request,
        "admin_account.html",
        rail=entry.rail,
        status=status,
        form=form,
        form_key=str(ids.new()),
        done=done,
        holder=found.holder,
        who=desk.of_account(found.holder),
        account=account.figures(found.overview, reads),
        payments=[desk.of_payment(one) for one in found.payments],
        holds=found.holds,
        is_newest=not cursor,
        **{
            **account.statement_values(found.overview, reads, day_above="", unit=found.holder.unit),
            "older_path": home,
            "older_part": "",
            "payments_path": f"{admin_door.HOME}/payments",
            "undo_path": f"{home}/reversals",
        },
    )
