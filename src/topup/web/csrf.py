"""Refuses requests that another site made a browser send (fault 77).

A form carries a token that only our own page can know: an HMAC over the login, or before signing in over a
short-lived anonymous cookie. What the browser says of the origin must agree. Handlers of form POSTs depend on
`guard`; requests to the JSON interface that come with the cookie instead of a bearer token pass `check_header`.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import AsyncIterator
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from topup import errors
from topup.settings import Settings
from topup.web import context, cookies, people

FIELD = "csrf"
HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITE = frozenset({"same-origin", "none"})
_ANONYMOUS_SECONDS = 24 * 3600
_ANONYMOUS = re.compile(r"[A-Za-z0-9_-]{43}")


async def token(request: Request) -> str:
    """The token for this page's forms. Before signing in it also lays the anonymous cookie it is bound to."""
    person = await people.page_person(request)
    if person is not None:
        return _of(request, f"login {person.login_id}")
    return _of(request, f"anonymous {_anonymous_secret(request)}")


async def guard(request: Request) -> AsyncIterator[None]:
    """Refuse a form POST that none of our pages made."""
    check_origin(request)
    form = await request.form()
    try:
        given = form.get(FIELD)
        await _check_token(request, given if isinstance(given, str) else "")
        yield
    finally:
        await form.close()


GuardDep = Annotated[None, Depends(guard)]


async def check_header(request: Request) -> None:
    """Refuse a call to the JSON interface by cookie that changes something and that none of our pages made."""
    if request.method not in SAFE_METHODS:
        check_origin(request)
        await _check_token(request, request.headers.get(HEADER, ""))


def check_origin(request: HTTPConnection) -> None:
    """What the browser says of the origin, when it says anything, must be ourselves."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    is_foreign = site is not None and site not in _OWN_SITE
    if is_foreign or (origin is not None and urlsplit(origin).netloc != request.headers.get("host")):
        raise _refusal()


class AnonymousCookie:
    """Pure ASGI: sets the anonymous cookie on the answer to a request that asked for one."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_cookie(message: Message) -> None:
            secret = scope.get("state", {}).get("anonymous_secret")
            if message["type"] == "http.response.start" and secret:
                carrier = Response()
                jar = cookies.Jar.of(HTTPConnection(scope), self.settings)
                jar.put(carrier, cookies.ANONYMOUS, secret, max_age_seconds=_ANONYMOUS_SECONDS)
                MutableHeaders(scope=message).append("Set-Cookie", carrier.headers["set-cookie"])
            await send(message)

        await self.app(scope, receive, with_cookie)


async def _check_token(request: Request, given: str) -> None:
    person = await people.page_person(request)
    bound_to = f"login {person.login_id}" if person else f"anonymous {_known_secret(request)}"
    is_bound = person is not None or bool(_known_secret(request))
    if not is_bound or not hmac.compare_digest(given.encode(), _of(request, bound_to).encode()):
        raise _refusal()


def _of(request: Request, bound_to: str) -> str:
    key = context.house_of(request).keys.csrf
    return hmac.new(key, bound_to.encode(), hashlib.sha256).hexdigest()


def _known_secret(request: Request) -> str:
    value = cookies.Jar.of(request, context.house_of(request).settings).read(request, cookies.ANONYMOUS)
    return value if _ANONYMOUS.fullmatch(value) else ""


def _anonymous_secret(request: Request) -> str:
    secret = _known_secret(request) or getattr(request.state, "anonymous_secret", "")
    if not secret:
        secret = secrets.token_urlsafe(32)
        request.state.anonymous_secret = secret
    return secret


def _refusal() -> errors.NotAllowed:
    return errors.NotAllowed(
        "This did not come from a page of ours, or the page was open too long. Nothing was done. Reload and try again.",
        code="cross_site",
    )
