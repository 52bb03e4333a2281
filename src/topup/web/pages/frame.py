"""What every page has in common: its frame, who is signed in, the way to signing in, fragments for htmx.

Called by each file of pages. It decides nothing about money and reads nothing but the request and the settings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode, urlsplit

from fastapi import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from topup.core import demo_people
from topup.core.demo_people import DemoPerson
from topup.core.people import Person
from topup.db.memberships import Seat
from topup.web import context, csrf, people
from topup.web.pages import reader, rendering, stripe_query

HOME = rendering.HOME
PATH_LENGTH_MAX = 500
INSTITUTIONS, SESSIONS, DESK = "/institutions", "/sessions", "/admin"
_LINKS = (("/", "Buy credits"), ("/account", "Account"), ("/payments", "Payments"))
_SEE_OTHER = 303


# What aria-current says of a link: it leads to this very page, to a page that this one belongs under, or elsewhere.
Here = Literal["page", "true", ""]


@dataclass(frozen=True, slots=True)
class Link:
    """One entry of the navigation."""

    href: str
    text: str
    here: Here


@dataclass(frozen=True, slots=True)
class Rail:
    """The navigation of staff and admins, on the left of a wide screen and above the page on a narrow one.

    `label` says what it leads through, `title` and `subtitle` whose it is; `others` are the same for somebody else.
    """

    label: str
    title: str
    subtitle: str
    links: Sequence[Link]
    others: Sequence[Link] = ()


@dataclass(frozen=True, slots=True)
class Shell:
    """What the frame of a page needs to know."""

    app_name: str
    person: Person | None
    links: Sequence[Link]
    csrf_field: str
    csrf_token: str
    demo_people: Sequence[DemoPerson]
    is_bare: bool

    @property
    def is_demo(self) -> bool:
        """Whether no real money moves here."""
        return bool(self.demo_people)

    @property
    def person_name(self) -> str:
        """The name as its owner wrote it; the address where there is none."""
        if self.person is None:
            return ""
        return f"{self.person.first_name} {self.person.last_name}".strip() or self.person.email


async def show(
    request: Request, template: str, *, status: int = 200, rail: Rail | None = None, **values: object
) -> Response:
    """A whole page, for whoever is signed in or nobody; with a rail for staff and admins."""
    person = await people.page_person(request)
    links = _links(request, await people.page_seats(request), is_admin=person is not None and person.is_admin)
    shell = _shell(request, person, await csrf.token(request), links=links)
    values = {**values, "shell": shell, "rail": rail, "reader": reader.of_request(request)}
    return HTMLResponse(rendering.html(template, **values), status)


def show_bare(
    request: Request, template: str, *, status: int, headers: Mapping[str, str], **values: object
) -> Response:
    """A whole page that asks nobody who is signed in, for when nothing may be working."""
    shell = _shell(request, None, "", links=_links(request, (), is_admin=False), is_bare=True)
    text = rendering.html(template, shell=shell, rail=None, reader=reader.of_request(request), **values)
    return HTMLResponse(text, status, dict(headers))


def fragment(request: Request, template: str, **values: object) -> Response:
    """A part of a page, for htmx to put in place."""
    return HTMLResponse(rendering.html(template, reader=reader.of_request(request), **values))


def go(path: str) -> Response:
    """On to another page, by GET."""
    return RedirectResponse(path, _SEE_OTHER)


def to_sign_in(request: Request) -> Response:
    """To the sign-in page, and from there back to the page that was asked for."""
    target = "/sign-in?" + urlencode({"next": _page_of(request)})
    if is_fragment(request):
        return Response(headers={"HX-Redirect": target})
    return go(target)


def link(request: Request, href: str, text: str, *, has_below: bool = False) -> Link:
    """A link that knows whether it leads here, or `has_below` pages under its address and this is one of them."""
    here = request.url.path
    if here == href:
        return Link(href, text, "page")
    return Link(href, text, "true" if has_below and here.startswith(f"{href}/") else "")


def is_fragment(request: Request) -> bool:
    """Whether htmx asks, which puts the answer into the page that is there."""
    return request.headers.get("hx-request") == "true"


def safe_next(path: str) -> str:
    """A path of ours to go on to; the account page for anything that could lead elsewhere (an open redirect)."""
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\")) and len(path) <= PATH_LENGTH_MAX
    return path if is_ours and path.isprintable() and path.isascii() else HOME


def _page_of(request: Request) -> str:
    """Where a person is: a fragment belongs to the page that asks for it, and a form to one that is not known."""
    if is_fragment(request):
        here = urlsplit(request.headers.get("hx-current-url", ""))
        path, query = here.path, here.query
    elif request.method == "GET":
        path, query = request.url.path, request.url.query
    else:
        return HOME
    query = stripe_query.without(query)
    return safe_next(path + (f"?{query}" if query else ""))


def _links(request: Request, seats: Sequence[Seat], *, is_admin: bool) -> list[Link]:
    """The main navigation of whoever has these seats."""
    found = [link(request, href, text, has_below=href == "/payments") for href, text in _LINKS]
    if is_admin:
        found.append(link(request, DESK, "Desk", has_below=True))
    if any(seat.holds_sessions for seat in seats):
        found.append(link(request, SESSIONS, "My sessions"))
    if any(seat.role != "STUDENT" for seat in seats):
        found.append(link(request, INSTITUTIONS, "Institution", has_below=True))
    return found


def _shell(
    request: Request, person: Person | None, csrf_token: str, *, links: Sequence[Link], is_bare: bool = False
) -> Shell:
    house = context.house_of(request)
    return Shell(
        app_name=house.settings.app_name,
        person=person,
        links=links if person or is_bare else [],
        csrf_field=csrf.FIELD,
        csrf_token=csrf_token,
        is_bare=is_bare,
        demo_people=demo_people.EVERYONE if house.settings.is_demo else (),
    )
