"""Lets a person in for a call about their institution, as a handler depends on it.

`institutionId` comes from the query on GET and DELETE; on POST handlers pass on what the body says. Who may do what is
decided by `topup.core.roles` alone.
"""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query

from topup.core.roles import Call
from topup.db.memberships import Seat
from topup.flows import enter
from topup.web.api import models
from topup.web.auth import PersonDep
from topup.web.context import HouseDep

InstitutionId = Annotated[
    models.RowId | None,
    Query(alias="institutionId", description="Needed when several of your memberships permit this call."),
]


class Door:
    """Lets in whoever may make this call, in the institution that the query names or in their only one."""

    def __init__(self, call: Call) -> None:
        self.call: Call = call

    async def __call__(self, house: HouseDep, person: PersonDep, institution_id: InstitutionId = None) -> Seat:
        """The seat."""
        return await enter.enter(house.pool, person, self.call, institution_id)


class NamedDoor:
    """The same for calls whose path names the institution."""

    def __init__(self, call: Call) -> None:
        self.call: Call = call

    async def __call__(self, house: HouseDep, person: PersonDep, institution_id: models.RowId) -> Seat:
        """The seat."""
        return await enter.enter(house.pool, person, self.call, institution_id)


PoolSeat = Annotated[Seat, Depends(Door("see_pool"))]
AllocatingSeat = Annotated[Seat, Depends(Door("allocate"))]
PayingSeat = Annotated[Seat, Depends(Door("pay"))]
InvoiceSeat = Annotated[Seat, Depends(Door("see_invoices"))]
ReaderSeat = Annotated[Seat, Depends(NamedDoor("see_institution"))]
EditorSeat = Annotated[Seat, Depends(NamedDoor("change_institution"))]
MembersSeat = Annotated[Seat, Depends(NamedDoor("see_members"))]


async def from_body(house: HouseDep, person: PersonDep, call: Call, institution_id: UUID | None) -> Seat:
    """The seat for a POST, whose body may name the institution."""
    return await enter.enter(house.pool, person, call, institution_id)
