"""The receipt of a charge: what was paid, with which card, and what went back.

Reached by the address in the charge; shows nothing that the charge does not say.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stripe_sandbox.pages import rendering
from stripe_sandbox.sandbox import Sandbox


def routes(sandbox: Sandbox) -> list[Route]:
    """Return the address of this page."""

    async def show(request: Request) -> Response:
        with sandbox.work() as work:
            charge = work.find(request.path_params["id"])
        if charge is None or charge["object"] != "charge":
            return rendering.page("missing.html", 404, what="receipt")
        return rendering.page("receipt.html", charge=charge)

    return [Route("/receipts/{id}", show, methods=["GET"])]
