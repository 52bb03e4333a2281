"""The 3-D Secure page: the buyer's bank asks, two buttons answer.

Reached with the intent's client secret. Afterwards the buyer goes on to the checkout's success address, back to its
page, or to the return address that the confirming side named.
"""

import urllib.parse

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from stripe_sandbox import errors, settlements
from stripe_sandbox.pages import checkout, rendering
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work


def routes(sandbox: Sandbox) -> list[Route]:
    """Return the addresses of this page."""

    async def show(request: Request) -> Response:
        with sandbox.work() as work:
            intent = _intent(work, request)
            if intent is None:
                return rendering.page("missing.html", 404, what="payment")
            is_waiting = intent["status"] == "requires_action"
            render = rendering.framed if _is_embedded(request) else rendering.page
            return render("secure.html", intent=intent, is_waiting=is_waiting)

    async def answer(request: Request) -> Response:
        form = await request.form()
        with sandbox.work() as work:
            intent = _intent(work, request)
            if intent is None:
                return rendering.page("missing.html", 404, what="payment")
            if intent["status"] != "requires_action":
                return rendering.page("secure.html", 409, intent=intent, is_waiting=False)
            return_url = intent["next_action"]["redirect_to_url"]["return_url"]
            try:
                intent = settlements.authenticate(work, intent, passed=form.get("outcome") == "complete")
            except errors.Refusal:
                intent = work.get(intent["object"], intent["id"])
            session = work.find(work.hidden(intent["id"]).get("session"))
            events = work.events
        if _is_embedded(request):
            return rendering.framed("answered.html")
        if session and session["status"] == "complete":
            return await checkout.forward(sandbox, session, events)
        if session:
            return RedirectResponse(session["url"] or return_url, 303)
        return RedirectResponse(_returned(intent, return_url), 303)

    address = "/3d-secure/{secret}"
    return [Route(address, show, methods=["GET"]), Route(address, answer, methods=["POST"])]


def _is_embedded(request: Request) -> bool:
    """Tell whether the page stands in a frame that Stripe.js's stand-in has put over the buyer's page."""
    return "embedded" in request.query_params


def _intent(work: Work, request: Request) -> Body | None:
    secret = request.path_params["secret"]
    found = work.find(secret.partition("_secret_")[0])
    return found if found and found.get("client_secret") == secret else None


def _returned(intent: Body, return_url: str | None) -> str:
    status = {"succeeded": "succeeded", "processing": "pending"}.get(intent["status"], "failed")
    query = urllib.parse.urlencode(
        {
            intent["object"]: intent["id"],
            f"{intent['object']}_client_secret": intent["client_secret"],
            "redirect_status": status,
        },
    )
    address = return_url or "/"
    return f"{address}{'&' if '?' in address else '?'}{query}"
