"""Accounts through the machine door: a host application opens one for each of its users and reads what is on it.

Thin: each call parses, calls one flow and words the answer.
"""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response, status
from pydantic import BaseModel

from topup.db import statements
from topup.db.host_accounts import Holder
from topup.flows import open_account, read_account, thaw
from topup.web import errors
from topup.web.api import models, paging, transactions
from topup.web.api.auth import Email
from topup.web.auth import AdminDep, GranterDep, ReaderDep
from topup.web.context import HouseDep

router = APIRouter(prefix="/api/accounts", tags=["Accounts"])
admin = APIRouter(prefix="/api/admin/accounts", tags=["Admin"])

Unit = Literal["credit", "session"]
ExternalId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=255,
        pattern=models.ID_PATTERN,
        description="Your own id of the user, any text; percent-encoded, a `/` too.",
    ),
]


class HolderBody(models.Body):
    """Whose account it is. What is not sent is left as it is; null empties it."""

    email: Email | None = None
    name: models.Name | None = None
    unit: Unit = "credit"


class AccountAnswer(models.Answer):
    """An account's figures. `available` is what can be spent now; `balance` is negative in debt."""

    id: str
    external_id: str | None
    unit: Unit
    balance: int
    held: int
    available: int
    debt: int


class AccountList(models.Answer):
    """One page of accounts, newest first."""

    data: list[AccountAnswer]
    next_cursor: str | None


class LotAnswer(models.Answer):
    """Credits that came in together and what is left of them. A lower priority is spent sooner."""

    id: str
    amount: int
    remaining: int
    held: int
    priority: int
    expires_at: models.Moment | None
    source_type: str
    payment_id: str | None
    created_at: models.Moment


class LotList(models.Answer):
    """One page of lots, newest first."""

    data: list[LotAnswer]
    next_cursor: str | None


class _Place(BaseModel):
    id: UUID


class _LotPlace(BaseModel):
    seq: int
    id: UUID


@router.put(
    "/by-external-id/{external_id:path}",
    responses={status.HTTP_201_CREATED: {"model": AccountAnswer, "description": "Opened just now."}},
)
async def put_account(
    external_id: ExternalId, house: HouseDep, _by: GranterDep, response: Response, body: HolderBody | None = None
) -> AccountAnswer:
    """Open an account for a user of yours, or find it; the same call any number of times."""
    said = body or HolderBody()
    holder = Holder(
        external_id=external_id,
        unit=said.unit,
        email=said.email,
        name=said.name,
        has_email="email" in said.model_fields_set,
        has_name="name" in said.model_fields_set,
    )
    opened = await open_account.put(house.pool, holder)
    if opened.is_new:
        response.status_code = status.HTTP_201_CREATED
    return _answer(opened.balance)


@router.get("")
async def list_accounts(
    house: HouseDep,
    _by: ReaderDep,
    limit: paging.Limit = paging.LIMIT_DEFAULT,
    cursor: paging.Cursor = None,
    email: Annotated[Email | None, Query()] = None,
    unit: Annotated[Unit | None, Query()] = None,
) -> AccountList:
    """Accounts by mail address and unit, newest first."""
    before = paging.read(_Place, cursor)
    rows = await read_account.page(
        house.pool, email=email, unit=unit, before_id=before.id if before else None, limit=limit + 1
    )
    page, next_cursor = paging.cut(rows, limit, lambda row: _Place(id=row.account_id))
    return AccountList(data=[_answer(row) for row in page], next_cursor=next_cursor)


@router.get("/{account_id}", responses=errors.documented(404))
async def show_account(account_id: models.RowId, house: HouseDep, _by: ReaderDep) -> AccountAnswer:
    """What is on an account."""
    return _answer(await read_account.figures(house.pool, account_id))


@router.get("/{account_id}/transactions", responses=errors.documented(404))
async def list_transactions(
    account_id: models.RowId,
    house: HouseDep,
    _by: ReaderDep,
    limit: paging.Limit = paging.LIMIT_DEFAULT,
    cursor: paging.Cursor = None,
) -> transactions.TransactionList:
    """The statement, newest first."""
    before = paging.read(transactions.Place, cursor)
    rows = await read_account.transactions(
        house.pool, account_id, before_seq=before.seq if before else None, limit=limit + 1
    )
    page, next_cursor = paging.cut(rows, limit, lambda line: transactions.Place(seq=line.seq))
    return transactions.TransactionList(data=[transactions.of_line(line) for line in page], next_cursor=next_cursor)


@router.get("/{account_id}/lots", responses=errors.documented(404))
async def list_lots(
    account_id: models.RowId,
    house: HouseDep,
    _by: ReaderDep,
    limit: paging.Limit = paging.LIMIT_DEFAULT,
    cursor: paging.Cursor = None,
) -> LotList:
    """The lots with anything left in them, newest first."""
    before = paging.read(_LotPlace, cursor)
    rows = await read_account.lots(
        house.pool, account_id, before=(before.seq, before.id) if before else None, limit=limit + 1
    )
    page, next_cursor = paging.cut(rows, limit, lambda lot: _LotPlace(seq=lot.opened_seq, id=lot.id))
    return LotList(data=[_lot(lot) for lot in page], next_cursor=next_cursor)


@admin.post("/{account_id}/thaw", responses=errors.documented(404, 409))
async def thaw_account(account_id: models.RowId, house: HouseDep, by: AdminDep) -> AccountAnswer:
    """Let a frozen account go on where all holds again; else 409 `account_still_broken` names what does not."""
    await thaw.thaw(house.pool, account_id, actor=by.actor)
    return _answer(await read_account.figures(house.pool, account_id))


def _answer(row: statements.Balance) -> AccountAnswer:
    return AccountAnswer(
        id=str(row.account_id),
        external_id=row.external_id,
        unit="session" if row.unit == "session" else "credit",
        balance=row.balance,
        held=row.held,
        available=row.available,
        debt=row.debt,
    )


def _lot(lot: statements.LotView) -> LotAnswer:
    return LotAnswer(
        id=str(lot.id),
        amount=lot.amount,
        remaining=lot.remaining,
        held=lot.held,
        priority=lot.priority,
        expires_at=lot.expires_at,
        source_type=lot.source,
        payment_id=str(lot.payment_id) if lot.payment_id else None,
        created_at=lot.created_at,
    )
