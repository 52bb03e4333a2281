"""The hosted invoice: what is owed, and two ways to pay it. Reached by the secret in its address.

A card is typed as on the checkout page; a button lets the customer's bank transfer arrive at once.
"""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from stripe_sandbox import attempts, billing, errors, pdf
from stripe_sandbox.nouns import cash_balances, payment_methods
from stripe_sandbox.pages import rendering
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work


def routes(sandbox: Sandbox) -> list[Route]:
    """Return the addresses of these pages."""

    async def show(request: Request) -> Response:
        with sandbox.work() as work:
            invoice = billing.by_secret(work, request.path_params["secret"])
            return _missing() if invoice is None else _page(work, invoice)

    async def submit(request: Request) -> Response:
        typed = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
        with sandbox.work() as work:
            invoice = billing.by_secret(work, request.path_params["secret"])
            if invoice is None:
                return _missing()
            try:
                _pay(work, invoice, typed)
            except errors.Refusal as refusal:
                return _page(work, work.get("invoice", invoice["id"]), str(refusal), 402)
            intent = billing.intent_of(work, invoice)
        action = intent["next_action"] or {}
        to = (action.get("redirect_to_url") or {}).get("url") or invoice["hosted_invoice_url"]
        return RedirectResponse(to, 303)

    async def document(request: Request) -> Response:
        with sandbox.work() as work:
            invoice = billing.by_secret(work, request.path_params["secret"])
            if invoice is None:
                return _missing()
            return Response(pdf.invoice(invoice, billing.lines_of(work, invoice)), media_type="application/pdf")

    address = "/i/{secret}"
    return [
        Route(address, show, methods=["GET"]),
        Route(address, submit, methods=["POST"]),
        Route(address + "/pdf", document, methods=["GET"]),
    ]


def _pay(work: Work, invoice: Body, typed: dict[str, str]) -> None:
    if typed.get("transfer"):
        cash_balances.fund(work, invoice["customer"], invoice["amount_remaining"], invoice["currency"])
        return
    given = {name: typed.get(name, "") for name in ("exp_month", "exp_year", "cvc")}
    read = payment_methods.read_card(work, {**given, "number": typed.get("card_number", "")})
    details = {"billing_details": {"name": invoice["customer_name"], "email": invoice["customer_email"]}}
    method = payment_methods.from_card(work, read, details)
    billing.pay(work, invoice, method, attempts.Terms(return_url=invoice["hosted_invoice_url"]))


def _page(work: Work, invoice: Body, message: str | None = None, status: int = 200) -> Response:
    types = invoice["payment_settings"]["payment_method_types"] or ["card"]
    is_open = invoice["status"] in {"open", "uncollectible"}
    return rendering.page(
        "invoice.html",
        status,
        invoice=invoice,
        lines=billing.lines_of(work, invoice),
        message=message,
        takes_card=is_open and "card" in types,
        takes_transfer=is_open and "customer_balance" in types,
    )


def _missing() -> Response:
    return rendering.page("missing.html", 404, what="invoice")
