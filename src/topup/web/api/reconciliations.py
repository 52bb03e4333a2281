"""Reports of comparing our payments with Stripe's books, for admins; latest first.

Only reads: the worker compares on its own, and `topup reconcile` when somebody asks.
"""

from typing import Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel

from topup.core.reconciling import Kind
from topup.db import reconciliations
from topup.flows import show_reconciliations
from topup.web.api import models, paging
from topup.web.auth import AdminDep
from topup.web.context import HouseDep

router = APIRouter(prefix="/api/admin/reconciliations", tags=["Admin"])


class Finding(models.Answer):
    """What is unexplained. `subject` is Stripe's id or, where Stripe has nothing, our payment's."""

    kind: Kind
    subject: str
    payment_id: str | None
    told: str


class Reconciliation(models.Answer):
    """One comparison. `findings` are the first two hundred of what is unexplained; `unexplained` counts all of it."""

    id: str
    scope: Literal["recent", "full", "command"]
    looked_from: models.Moment
    started_at: models.Moment
    finished_at: models.Moment
    objects_seen: int
    payments_seen: int
    credited: int
    closed: int
    reviewed: int
    expired: int
    marked: int
    unexplained: int
    findings: list[Finding]


class ReconciliationList(models.Answer):
    """One page of reports, latest first."""

    data: list[Reconciliation]
    next_cursor: str | None


class _Place(BaseModel):
    id: UUID


@router.get("")
async def list_reconciliations(
    house: HouseDep, _by: AdminDep, limit: paging.Limit = paging.LIMIT_DEFAULT, cursor: paging.Cursor = None
) -> ReconciliationList:
    """What the comparisons with Stripe found and mended, latest first."""
    before = paging.read(_Place, cursor)
    rows = await show_reconciliations.page(house.pool, before=before.id if before else None, limit=limit + 1)
    page, next_cursor = paging.cut(rows, limit, lambda row: _Place(id=row.id))
    return ReconciliationList(data=[_answer(row) for row in page], next_cursor=next_cursor)


def _answer(row: reconciliations.Report) -> Reconciliation:
    fields = {name: getattr(row, name) for name in Reconciliation.model_fields if name not in ("id", "findings")}
    return Reconciliation(id=str(row.id), findings=[Finding.model_validate(one) for one in row.findings], **fields)
