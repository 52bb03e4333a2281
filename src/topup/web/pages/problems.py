"""Errors as pages: what happened, what it means for the money, what to do next, and the reference to quote.

`topup.web.errors` calls `page` for people; programs get problem+json. Asks nothing of the database, which may be what
failed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import Request
from starlette.responses import Response

from topup.web import errors
from topup.web.pages import frame

_UNAUTHORIZED = 401
_INTERNAL = 500


@dataclass(frozen=True, slots=True)
class Words:
    """One kind of error. `detail` is empty where the error's own sentence says it better."""

    title: str
    detail: str
    money: str
    next: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows."""

    status: int
    title: str
    detail: str
    money: str
    next: str
    reference: str


_NOT_CHARGED = "You have not been charged."
_WORDS: Mapping[int, Words] = {
    403: Words("This was not allowed", "", _NOT_CHARGED, "Go back, reload the page and try once more."),
    404: Words(
        "There is nothing at this address",
        "It may be mistyped, or what was here is not yours to see.",
        "",
        "Check the address, or start from the price list.",
    ),
    405: Words("This page cannot be opened that way", "", "", "Start again from the price list."),
    409: Words("This is not possible any more", "", _NOT_CHARGED, "Start again from the price list."),
    413: Words("That was too much to send", "", _NOT_CHARGED, "Go back and send less."),
    429: Words("Too many tries", "", _NOT_CHARGED, "Wait a little, then try once more."),
    503: Words(
        "We cannot answer right now",
        "",
        "If you were paying, nothing is lost: what is paid is credited as soon as we are back.",
        "Try again in a minute.",
    ),
}
_BY_CODE: Mapping[str, Words] = {
    "role_missing": Words(
        "Your role does not open this page",
        "",
        "",
        "Ask an owner of the institution to do it, or to give you the role.",
    ),
}
_OTHER = Words("We could not read that", "", _NOT_CHARGED, "Go back and try once more.")
_OURS = Words(
    "This did not work, and it is our fault",
    "The fault has been noted.",
    "If you were paying, nothing is lost: what is paid is credited.",
    "Try again. If it stays like this, write to support and quote the reference.",
)


def page(request: Request, problem: errors.Problem) -> Response:
    """The error as a page, with its own status and headers; who is to sign in first is sent there."""
    if problem.status == _UNAUTHORIZED:
        return frame.to_sign_in(request)
    by_status = _OURS if problem.status == _INTERNAL else _WORDS.get(problem.status, _OTHER)
    words = _BY_CODE.get(problem.code, by_status)
    shown = Shown(
        status=problem.status,
        title=words.title,
        detail=words.detail or problem.detail,
        money=words.money,
        next=words.next,
        reference=errors.request_id_of(request.scope),
    )
    headers = {name: value for name, value in problem.headers.items() if name.lower() != "www-authenticate"}
    return frame.show_bare(request, "problem.html", status=problem.status, headers=headers, problem=shown)
