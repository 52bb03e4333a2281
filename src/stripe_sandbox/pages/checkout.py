"""The hosted checkout page: shows an open session, takes a test card or bank account, and sends the buyer on.

A plain form POST to the session's address is all it needs: no header, cookie or token. A decline shows the page again
with status 402 and what was typed, except the security code.
"""

import urllib.parse
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from stripe_sandbox import banks, cards, checkout, errors
from stripe_sandbox.nouns import checkout_sessions, payment_methods
from stripe_sandbox.pages import rendering
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.store import Body
from stripe_sandbox.work import Work

HEADINGS: Final = ("Succeeds", "Asks for 3-D Secure", "Declined", "Disputed, or refunded in its own way")
OFTEN: Final = ("4242424242424242", "4000000000000002", "4000000000009995", "4000002760003184", "4000000000000259")
RETURNED: Final = "{CHECKOUT_SESSION_ID}"


def routes(sandbox: Sandbox) -> list[Route]:
    """Return the addresses of this page."""

    async def show(request: Request) -> Response:
        with sandbox.work() as work:
            session = _session(work, request)
            return _missing() if session is None else _page(work, session, dict(request.query_params))

    async def submit(request: Request) -> Response:
        typed = {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
        with sandbox.work() as work:
            session = _session(work, request)
            if session is None:
                return _missing()
            if session["status"] != "open":
                return _page(work, session, {}, status=409)
            try:
                session = _pay(work, session, typed)
            except errors.Refusal as refusal:
                session = work.get("checkout.session", session["id"])
                return _page(work, session, typed, refusal=refusal, status=402)
            intent = work.find(session["payment_intent"])
            events = work.events
        if session["status"] == "open" and intent:
            return RedirectResponse(intent["next_action"]["redirect_to_url"]["url"], 303)
        return await forward(sandbox, session, events)

    address = "/c/pay/{id}"
    return [Route(address, show, methods=["GET"]), Route(address, submit, methods=["POST"])]


async def forward(sandbox: Sandbox, session: Body, events: list[Body]) -> Response:
    """Send the buyer on once the completion was delivered, or after a short wait, as Stripe does."""
    for event in events:
        if event["type"] == "checkout.session.completed":
            await sandbox.courier.first_attempts(event["id"], sandbox.pace.redirect_wait_s)
    return RedirectResponse(success_address(session), 303)


def success_address(session: Body) -> str:
    """Return where the buyer goes after paying, the session's id filled in."""
    address = session["success_url"] or session.get("return_url") or "/"
    return address.replace(RETURNED, urllib.parse.quote(session["id"]))


def _session(work: Work, request: Request) -> Body | None:
    found = work.find(request.path_params["id"])
    return found if found and found["object"] == "checkout.session" else None


def _pay(work: Work, session: Body, typed: dict[str, str]) -> Body:
    buyer = checkout.Buyer(
        email=typed.get("email") or (session["customer_details"] or {}).get("email"),
        name=typed.get("name") or None,
        country="GB",
        postal_code=typed.get("postal_code") or None,
    )
    if session["amount_total"] == 0:
        return checkout.pay_nothing(work, session, buyer)
    method = _method(work, session, typed, buyer)
    return checkout.pay(work, session, method, buyer, f"{work.url}/c/pay/{session['id']}")


def _method(work: Work, session: Body, typed: dict[str, str], buyer: checkout.Buyer) -> Body:
    given: Body = {"billing_details": buyer.billing, "allow_redisplay": "limited"}
    if "account_number" in typed and "card_number" not in typed:
        if "bacs_debit" not in session["payment_method_types"]:
            message = "This session does not take bank debits."
            raise errors.invalid(message, param="account_number")
        account = banks.read(typed.get("sort_code", ""), typed["account_number"])
        return payment_methods.from_account(work, account, given)
    if "card" not in session["payment_method_types"]:
        raise errors.invalid("This session does not take cards.", param="card_number")
    card = {name: typed.get(name, "") for name in ("exp_month", "exp_year", "cvc")}
    read = payment_methods.read_card(work, {**card, "number": typed.get("card_number", "")})
    if not read.has_cvc:
        raise errors.declined(cards.MESSAGES["invalid_cvc"], code="invalid_cvc", param="cvc")
    return payment_methods.from_card(work, read, given)


def _page(
    work: Work,
    session: Body,
    typed: dict[str, str],
    refusal: errors.Refusal | None = None,
    status: int = 200,
) -> Response:
    if session["status"] != "open":
        back = success_address(session) if session["status"] == "complete" else session["cancel_url"]
        return rendering.page("closed.html", status, session=session, back=back)
    intent = work.find(session["payment_intent"])
    last = (intent or {}).get("last_payment_error") or {}
    is_bank = _shows_bank(session, typed)
    return rendering.page(
        "checkout.html",
        status,
        session=session,
        items=checkout_sessions.items_of(work, session),
        typed=_typed(work, typed, is_bank=is_bank),
        is_bank=is_bank,
        has_both={"card", "bacs_debit"} <= set(session["payment_method_types"]),
        message=str(refusal) if refusal else last.get("message"),
        wrong=refusal.error.get("param") if refusal else None,
        often=[cards.BY_NUMBER[number] for number in OFTEN],
        groups=_groups(),
        accounts=banks.ALL,
        sort_code=banks.SORT_CODE,
    )


def _shows_bank(session: Body, typed: dict[str, str]) -> bool:
    offers = session["payment_method_types"]
    wants = typed.get("pay") == "bank" or "account_number" in typed
    return "bacs_debit" in offers and (wants or "card" not in offers)


def _typed(work: Work, typed: dict[str, str], *, is_bank: bool) -> dict[str, str]:
    """Return what the fields show: what was typed, or a test card followed from the list. Never the security code."""
    names = ("sort_code", "account_number") if is_bank else ("card_number", "exp_month", "exp_year")
    shown = {name: typed.get(name, "") for name in (*names, "name", "email", "postal_code")}
    shown["cvc"] = ""
    card = cards.BY_NUMBER.get(typed.get("card", ""))
    if card and not is_bank:
        year = str(payment_methods.token_expiry(work)[1])
        shown |= {
            "card_number": rendering.grouped(card.number),
            "exp_month": "12",
            "exp_year": year,
            "cvc": "1234"[: card.cvc_length],
        }
    return shown


def _groups() -> dict[str, list[cards.Card]]:
    """Return the test cards under the headings of the page."""
    groups: dict[str, list[cards.Card]] = {title: [] for title in HEADINGS}
    for card in cards.ALL:
        groups[_heading(card)].append(card)
    return groups


def _heading(card: cards.Card) -> str:
    if card.authentication in {"first", "always", "set_up"}:
        return HEADINGS[1]
    if card.decline:
        return HEADINGS[2]
    return HEADINGS[3] if card.dispute or card.warns_of_fraud or card.refund != "succeeds" else HEADINGS[0]


def _missing() -> Response:
    return rendering.page("missing.html", 404, what="checkout session")
