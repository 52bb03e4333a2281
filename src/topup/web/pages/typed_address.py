"""Carries the address from one form to the next, from "create account" to "enter the code".

In a cookie of its own for as long as a code lives, so that no address stands in an address bar, a log or a referrer.
"""

from fastapi import Request
from starlette.responses import Response

from topup.core import codes
from topup.web import context, cookies

COOKIE = "topup-address"


def keep(request: Request, response: Response, email: str) -> None:
    """Remember a canonical address, which is plain ASCII."""
    seconds = codes.MINUTES_VALID * 60
    cookies.Jar.of(request, context.house_of(request).settings).put(response, COOKIE, email, max_age_seconds=seconds)


def known(request: Request) -> str:
    """The address that was typed before; empty when none was, or too long ago."""
    return cookies.Jar.of(request, context.house_of(request).settings).read(request, COOKIE)


def forget(request: Request, response: Response) -> None:
    """It has served."""
    cookies.Jar.of(request, context.house_of(request).settings).put(response, COOKIE, "", max_age_seconds=0)
