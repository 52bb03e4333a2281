"""A person's own credits over JSON: how many, what ends soon, and every line of the statement.

Reads only; what moves credits is elsewhere.
"""

from fastapi import APIRouter

from topup.flows import show_credits
from topup.web.api import models, paging, transactions
from topup.web.auth import PersonDep
from topup.web.context import HouseDep

router = APIRouter(prefix="/api/credits", tags=["Credits"])


class Expiring(models.Answer):
    """Credits that end at one time."""

    amount: int
    expires_at: models.Moment


class CreditsAnswer(models.Answer):
    """An account's figures. `available` is what can be spent now; `balance` is negative in debt."""

    account_id: str
    unit: str
    balance: int
    held: int
    available: int
    debt: int
    expiring_soon: list[Expiring]


@router.get("")
async def show_own_credits(house: HouseDep, person: PersonDep) -> CreditsAnswer:
    """What there is, and what ends within thirty days."""
    found = await show_credits.figures(house.pool, account_id=person.account_id)
    return CreditsAnswer(
        account_id=str(found.balance.account_id),
        unit=found.balance.unit,
        balance=found.balance.balance,
        held=found.balance.held,
        available=found.balance.available,
        debt=found.balance.debt,
        expiring_soon=[Expiring(amount=one.credits, expires_at=one.expires_at) for one in found.expiring],
    )


@router.get("/transactions")
async def list_own_transactions(
    house: HouseDep, person: PersonDep, limit: paging.Limit = paging.LIMIT_DEFAULT, cursor: paging.Cursor = None
) -> transactions.TransactionList:
    """The statement, newest first."""
    place = paging.read(transactions.Place, cursor)
    rows = await show_credits.lines(
        house.pool, account_id=person.account_id, before_seq=place.seq if place else None, limit=limit + 1
    )
    page, next_cursor = paging.cut(rows, limit, lambda line: transactions.Place(seq=line.seq))
    return transactions.TransactionList(data=[transactions.of_line(line) for line in page], next_cursor=next_cursor)
