"""The cookies of the pages: their names and how they are set. No script reads them, no other site's form sends them.

On https the `__Host-` prefix ties a cookie to this very host; on loopback, where ports share cookies, the name has
the port.
"""

from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.responses import Response

from topup.db import logins
from topup.settings import Settings

LOGIN = "topup"
ANONYMOUS = "topup-anonymous"
_DAY_SECONDS = 86400


@dataclass(frozen=True, slots=True)
class Jar:
    """Where one request's cookies live."""

    is_secure: bool
    port: int

    @classmethod
    def of(cls, request: HTTPConnection, settings: Settings) -> "Jar":
        """The jar of the address that this request came to."""
        return cls(settings.is_secure, request.url.port or 80)

    def name(self, cookie: str) -> str:
        """The full name of one of our cookies."""
        return f"__Host-{cookie}" if self.is_secure else f"{cookie}-{self.port}"

    def read(self, request: HTTPConnection, cookie: str) -> str:
        """Its value, or nothing."""
        return request.cookies.get(self.name(cookie), "")

    def put(self, response: Response, cookie: str, value: str, *, max_age_seconds: int | None = None) -> None:
        """Set it on an answer."""
        response.set_cookie(
            self.name(cookie),
            value,
            max_age=max_age_seconds,
            path="/",
            secure=self.is_secure,
            httponly=True,
            samesite="lax",
        )


def sign_in(response: Response, jar: Jar, secret: str) -> None:
    """Remember a page login; its row decides how long it is good."""
    jar.put(response, LOGIN, secret, max_age_seconds=logins.DAYS_VALID * _DAY_SECONDS)


def sign_out(response: Response, jar: Jar) -> None:
    """Forget it."""
    jar.put(response, LOGIN, "", max_age_seconds=0)
