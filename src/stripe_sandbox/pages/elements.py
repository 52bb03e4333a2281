"""What the stand-in for Stripe.js needs: the script itself, and the frame with the payment fields.

The frame may stand in any page, since it holds nothing of the page's; the script may be loaded from any origin.
"""

from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from stripe_sandbox.pages import rendering
from stripe_sandbox.sandbox import Sandbox

SCRIPT_HEADERS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": "no-cache",
}


def routes(_sandbox: Sandbox) -> list[Route]:
    """Return the addresses of the script and the frame."""

    async def script(_request: Request) -> Response:
        return FileResponse(
            rendering.HERE / "static" / "stripe.js", media_type="text/javascript", headers=SCRIPT_HEADERS
        )

    async def frame(_request: Request) -> Response:
        return rendering.framed("element.html")

    # The second address is the path at which Stripe serves the script of this API version.
    scripts = [Route(path, script, methods=["GET"]) for path in ("/stripe.js", "/endive/stripe.js")]
    return [*scripts, Route("/elements/payment", frame, methods=["GET"])]
