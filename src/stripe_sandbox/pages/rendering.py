"""Renders templates and answers them with the headers that every page carries.

Pages for frames of others get a policy of their own; everything else forbids being framed.
"""

import datetime as dt
from pathlib import Path
from typing import Any, Final

import jinja2
from starlette.responses import HTMLResponse

from stripe_sandbox import money

HERE: Final = Path(__file__).parent.parent

# Browsers apply form-action to redirects too, and a paid session redirects to whichever address its owner named.
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; base-uri 'none'; "
        "form-action *; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

FRAMED: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors *"
)

ENVIRONMENT: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(HERE / "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)


def page(template: str, status: int = 200, **shown: object) -> HTMLResponse:
    """Return a rendered page."""
    html = ENVIRONMENT.get_template(template).render(**shown)
    return HTMLResponse(html, status, HEADERS)


def framed(template: str, status: int = 200, **shown: object) -> HTMLResponse:
    """Return a page that any other page may hold in a frame, and whose script may call the API."""
    response = page(template, status, **shown)
    response.headers["Content-Security-Policy"] = FRAMED
    return response


def grouped(number: str) -> str:
    """Return a card number in the groups printed on the card."""
    if len(number) == len("378282246310005"):
        return " ".join([number[:4], number[4:10], number[10:]])
    return " ".join(number[place : place + 4] for place in range(0, len(number), 4))


def _when(moment: float) -> str:
    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%-d %b %Y, %H:%M:%S UTC")


def _day(moment: float) -> str:
    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%-d %b %Y, %H:%M UTC")


def _iso(moment: float) -> str:
    return dt.datetime.fromtimestamp(moment, dt.UTC).isoformat()


FILTERS: Final[dict[str, Any]] = {"money": money.written, "grouped": grouped, "when": _when, "day": _day, "iso": _iso}
ENVIRONMENT.filters.update(FILTERS)
