"""Lets an admin in to a page of the desk, as a handler depends on it, with the rail that leads to the others.

Nobody is asked to sign in first; anybody who is no admin is refused, whatever the address names.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from topup import errors
from topup.core.people import Person
from topup.web import auth, context, people
from topup.web.pages import frame

HOME = frame.DESK
_PAGES = (("", "Desk"), ("/payments", "Payments"), ("/events", "Inbox"), ("/packages", "Packages"))


@dataclass(frozen=True, slots=True)
class Entry:
    """Who came in, and the rail of the desk's pages."""

    admin: Person
    rail: frame.Rail


async def enter(request: Request) -> Entry:
    """The entry; Unauthenticated or NotAllowed."""
    person = await people.signed_in(request)
    if not person.is_admin:
        raise errors.NotAllowed(auth.ADMIN_REQUIRED, code="admin_required")
    house = context.house_of(request)
    links = [frame.link(request, HOME + path, text, has_below=bool(path)) for path, text in _PAGES]
    return Entry(person, frame.Rail(label="Desk", title=house.settings.app_name, subtitle="For admins", links=links))


AdminEntry = Annotated[Entry, Depends(enter)]
