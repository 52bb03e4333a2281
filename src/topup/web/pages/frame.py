"""What every page has in common: its frame, who is signed in, the way to signing in, fragments for htmx.

Called by each file of pages. It decides nothing about money and reads nothing but the request and the settings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from topup.core import demo_people
from topup.core.demo_people import DemoPerson
from topup.core.people import Person
from topup.web import context, csrf, people
from topup.web.pages import reader, rendering

HOME = rendering.HOME
PATH_LENGTH_MAX = 500
_LINKS = (("/", "Buy credits"), ("/account", "Account"), ("/payments", "Payments"))
_SEE_OTHER = 303


@dataclass(frozen=True, slots=True)
class Link:
    """One entry of the navigation."""

    href: str
    text: str
    is_here: bool


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


async def show(request: Request, template: str, *, status: int = 200, **values: object) -> Response:
    """A whole page, for whoever is signed in or nobody."""
    person = await people.page_person(request)
    shell = _shell(request, person, await csrf.token(request))
    return HTMLResponse(rendering.html(template, shell=shell, reader=reader.of_request(request), **values), status)


def show_bare(
    request: Request, template: str, *, status: int, headers: Mapping[str, str], **values: object
) -> Response:
    """A whole page that asks nobody who is signed in, for when nothing may be working."""
    shell = _shell(request, None, "", is_bare=True)
    text = rendering.html(template, shell=shell, reader=reader.of_request(request), **values)
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


def is_fragment(request: Request) -> bool:
    """Whether htmx asks, which puts the answer into the page that is there."""
    return request.headers.get("hx-request") == "true"


def safe_next(path: str) -> str:
    """A path of ours to go on to; the account page for anything that could lead elsewhere (an open redirect)."""
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\")) and len(path) <= PATH_LENGTH_MAX
    return path if is_ours and path.isprintable() and path.isascii() else HOME


def _page_of(request: Request) -> str:
    """Where a person is: a fragment or a form belongs to the page before it."""
    if is_fragment(request) or request.method != "GET":
        return HOME
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _shell(request: Request, person: Person | None, csrf_token: str, *, is_bare: bool = False) -> Shell:
    house = context.house_of(request)
    here = request.url.path
    return Shell(
        app_name=house.settings.app_name,
        person=person,
        links=[Link(href, text, href == here) for href, text in _LINKS] if person or is_bare else [],
        csrf_field=csrf.FIELD,
        csrf_token=csrf_token,
        is_bare=is_bare,
        demo_people=demo_people.EVERYONE if house.settings.is_demo else (),
    )
