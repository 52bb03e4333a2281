"""What every way in shares on pages: where to go on to, the cookie of a new login, the status of a refused form.

Called by sign_up.py, sign_in.py, passwords.py and demo.py.
"""

from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from topup import errors
from topup.flows import logins
from topup.web import context, cookies
from topup.web import errors as problems
from topup.web.pages import forms, frame, typed_address

_UNAUTHORIZED, _UNPROCESSABLE = 401, 422


async def next_of(request: Request) -> str:
    """Where the form wants to go on to: a page of ours."""
    return frame.safe_next((await forms.read(request, "next"))["next"])


def query(after: str, **more: int) -> str:
    """A query that carries where to go on to."""
    carried = {} if after == frame.HOME else {"next": after}
    return "?" + urlencode({**carried, **more})


def signed_in(request: Request, opened: logins.Opened, after: str) -> Response:
    """On to the page that was asked for, an admin to the desk instead of the account; with the cookie of the login."""
    response = frame.go(frame.DESK if after == frame.HOME and opened.person.is_admin else after)
    cookies.sign_in(response, cookies.Jar.of(request, context.house_of(request).settings), opened.secret)
    typed_address.forget(request, response)
    return response


def status_of(error: errors.TopupError) -> int:
    """The status of a form that was refused. Not 401: that asks a browser for a password of its own kind."""
    status = problems.status_of(type(error))
    return _UNPROCESSABLE if status == _UNAUTHORIZED else status
