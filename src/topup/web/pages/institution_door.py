"""Lets a person in to a page of an institution, as a handler depends on it, with the rail that leads to the others.

Who may see what is decided by `topup.core.roles` alone. Nobody is asked to sign in first (`problems.page` sends them);
another institution's page is not there. The rail shows what the role permits and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from topup.core import roles
from topup.core.people import Person
from topup.core.roles import Call
from topup.db.memberships import Seat
from topup.flows import enter
from topup.web import people
from topup.web.pages import forms, frame, wording

_PAGES: tuple[tuple[str, str, Call], ...] = (
    ("", "Pool", "see_pool"),
    ("/buy", "Buy", "pay"),
    ("/purchases", "Purchases", "pay"),
    ("/billing", "Billing", "keep_cards"),
    ("/members", "Members", "see_members"),
    ("/allocations", "Allocations", "allocate"),
    ("/rosters", "Rosters", "allocate"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """Who came in, from which seat, and the rail of their pages."""

    person: Person
    seat: Seat
    rail: frame.Rail

    @property
    def institution_id(self) -> UUID:
        """Whose pages these are."""
        return self.seat.institution_id

    @property
    def home(self) -> str:
        """The address that all pages of this institution begin with."""
        return home_of(self.seat)

    def may(self, call: Call) -> bool:
        """Whether the role permits this call too."""
        return roles.may(self.seat.role, call)


class Door:
    """Lets in whoever may make this call in the institution that the path names."""

    def __init__(self, call: Call) -> None:
        self.call: Call = call

    async def __call__(self, request: Request, institution_id: str) -> Entry:
        """The entry; Unauthenticated, NotFound or NotAllowed."""
        person = await people.signed_in(request)
        seats = await people.page_seats(request)
        seat = enter.choose(seats, self.call, forms.id_of(institution_id))
        return Entry(person, seat, _rail(request, seat, seats))


PoolEntry = Annotated[Entry, Depends(Door("see_pool"))]
PayingEntry = Annotated[Entry, Depends(Door("pay"))]
CardsEntry = Annotated[Entry, Depends(Door("keep_cards"))]
InvoicesEntry = Annotated[Entry, Depends(Door("see_invoices"))]
EditorEntry = Annotated[Entry, Depends(Door("change_institution"))]
MembersEntry = Annotated[Entry, Depends(Door("see_members"))]
AllocatingEntry = Annotated[Entry, Depends(Door("allocate"))]


def home_of(seat: Seat) -> str:
    """Where an institution's pages begin."""
    return f"{frame.INSTITUTIONS}/{seat.institution_id}"


def staffed(seats: Sequence[Seat]) -> list[Seat]:
    """The seats from which somebody looks after an institution."""
    return [seat for seat in seats if seat.role != "STUDENT"]


def _rail(request: Request, seat: Seat, seats: Sequence[Seat]) -> frame.Rail:
    home = home_of(seat)
    others = [one for one in staffed(seats) if one.institution_id != seat.institution_id]
    return frame.Rail(
        label="Institution",
        title=seat.institution_name,
        subtitle=wording.ROLES[seat.role],
        links=[
            frame.link(request, home + path, text, has_below=bool(path))
            for path, text, call in _PAGES
            if roles.may(seat.role, call)
        ],
        others=[frame.Link(home_of(one), one.institution_name, "") for one in others],
    )
