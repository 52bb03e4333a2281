"""What a page with Stripe's own card fields is given, and what Stripe adds to an address on the way back.

Between Stripe and the offline one nothing differs but the script's address, the publishable key and the sources of the
policy (topup.web.security_headers); static/elements.js is the same. Client secrets are handed to that script by JSON
answers alone: never in an address of ours, never in a page.
"""

from dataclasses import dataclass

from fastapi import Request
from starlette.responses import Response

from topup.web import context, security_headers
from topup.web.pages import frame, stripe_query

SCRIPT_PATH = "/endive/stripe.js"
"""The script's train; the one that the gateway's API version belongs to."""
TRIED = "tried"


@dataclass(frozen=True, slots=True)
class Script:
    """What the page loads, and the key that it tells Stripe who asks by. Neither is a secret."""

    address: str
    publishable_key: str


def used_by(request: Request) -> Script:
    """Let this page load Stripe's script, show its frames and talk to it."""
    request.state.uses_elements = True
    settings = context.house_of(request).settings
    origins = security_headers.StripeOrigins.of(settings)
    return Script(origins.script + SCRIPT_PATH, settings.stripe_publishable_key)


def cleaned(request: Request) -> Response | None:
    """On to the same page without what Stripe added, which holds a client secret; None where it added nothing.

    What it says of the outcome is no proof. Only that a try failed is kept, for a word on the page.
    """
    if stripe_query.ADDED.isdisjoint(request.query_params):
        return None
    has_failed = request.query_params.get("redirect_status") == "failed"
    return frame.go(request.url.path + (f"?{TRIED}=1" if has_failed else ""))
