"""What only a demo has: the mailbox that shows the mails, and signing in by one click. Not there anywhere else.

A mail is shown in a frame of its own with a policy of its own, so that its styles work and nothing in it can act.
"""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from topup import errors
from topup.core import demo_people
from topup.db import mailbox as mails
from topup.flows import demo_sign_in, read_mailbox
from topup.web.api import models
from topup.web.context import HouseDep
from topup.web.pages import entering, frame

SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
MAIL_POLICY = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox {SANDBOX}"
FRAMING_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


async def only_in_a_demo(house: HouseDep) -> None:
    """Hide everything of this file from a real deployment."""
    if not house.settings.is_demo:
        raise errors.NotFound


router = APIRouter(prefix="/demo", include_in_schema=False, dependencies=[Depends(only_in_a_demo)])


class Mail(models.Answer):
    """A mail as programs read it."""

    to: str
    subject: str
    text: str
    html: str
    created_at: models.Moment


class Mails(models.Answer):
    """The last hundred, newest first."""

    data: list[Mail]


@router.get("/mailbox")
async def mailbox(
    request: Request, house: HouseDep, shape: Annotated[Literal["html", "json"], Query(alias="format")] = "html"
) -> Response:
    """The list of mails, for people or for programs."""
    found = await read_mailbox.newest(house.pool)
    if shape == "json":
        answer = Mails(data=[_mail(one) for one in found])
        return JSONResponse(answer.model_dump(mode="json", by_alias=True))
    return await frame.show(request, "mailbox.html", mails=found)


@router.get("/mailbox/{mail_id}")
async def mail(request: Request, house: HouseDep, mail_id: models.RowId) -> Response:
    """One mail, as it looks and as plain text."""
    found = await read_mailbox.one(house.pool, mail_id)
    response = await frame.show(request, "mail.html", mail=found, sandbox=SANDBOX)
    response.headers["Content-Security-Policy"] = FRAMING_POLICY
    return response


@router.get("/mailbox/{mail_id}/html")
async def mail_html(house: HouseDep, mail_id: models.RowId) -> Response:
    """The HTML part alone, for the frame on the page of the mail."""
    found = await read_mailbox.one(house.pool, mail_id)
    page = found.html_body.replace("<head>", '<head><base target="_blank">', 1)
    return HTMLResponse(page, headers={"Content-Security-Policy": MAIL_POLICY, "X-Frame-Options": "SAMEORIGIN"})


@router.get("/sign-in/{slug}")
async def sign_in(request: Request, house: HouseDep, slug: str) -> Response:
    """Be somebody of the demo."""
    person = demo_people.by_slug(slug)
    if person is None:
        raise errors.NotFound
    after = frame.INSTITUTIONS if person.is_staff else frame.HOME
    return entering.signed_in(request, await demo_sign_in.demo_sign_in(house.pool, person), after)


def _mail(one: mails.Kept) -> Mail:
    return Mail(
        to=one.recipient, subject=one.subject, text=one.text_body, html=one.html_body, created_at=one.created_at
    )
