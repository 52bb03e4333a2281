"""Joins the routes of all nouns and pages into one ASGI application.

The only module that knows them all; `running` serves what it builds.
"""

import contextlib
from collections.abc import AsyncIterator
from typing import Final

from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from stripe_sandbox import settlements
from stripe_sandbox.control import dashboard, deliveries, faults, reading, times
from stripe_sandbox.door import Door
from stripe_sandbox.nouns import (
    accounts,
    cash_balances,
    charges,
    checkout_sessions,
    customer_sessions,
    customers,
    disputes,
    events,
    fraud_warnings,
    invoice_items,
    invoice_payments,
    invoices,
    mandates,
    payment_intents,
    payment_methods,
    prices,
    refunds,
    setup_intents,
    tax_ids,
    tax_rates,
    webhook_endpoints,
)
from stripe_sandbox.pages import checkout, elements, overview, receipts, rendering, secure
from stripe_sandbox.pages import invoices as invoice_pages
from stripe_sandbox.routing import Include, Routes
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.settings import Settings

NOUNS: Final = (
    accounts,
    cash_balances,
    charges,
    checkout_sessions,
    customer_sessions,
    customers,
    disputes,
    events,
    fraud_warnings,
    invoice_items,
    invoice_payments,
    invoices,
    mandates,
    payment_intents,
    payment_methods,
    prices,
    refunds,
    setup_intents,
    tax_ids,
    tax_rates,
    webhook_endpoints,
)
CONTROLS: Final = (dashboard, deliveries, faults, times)
PAGES: Final = (checkout, elements, invoice_pages, overview, receipts, secure)
INCLUDES: Final[dict[tuple[str, str], Include]] = {
    ("charge", "refunds"): refunds.include,
    ("invoice", "payments"): invoices.include_payments,
    ("invoice", "confirmation_secret"): invoices.include_secret,
    ("checkout.session", "line_items"): checkout_sessions.include_items,
}


def build(settings: Settings) -> Starlette:
    """Open the data file and return the application that serves it."""
    sandbox = Sandbox(settings, settlements.JOBS)
    with sandbox.work() as work:
        webhook_endpoints.configure(work, settings.webhook_url, settings.webhook_secret)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with sandbox.running():
            yield

    door = Door(sandbox, Routes((route for noun in NOUNS for route in noun.ROUTES), INCLUDES))
    pages = [route for page in PAGES for route in page.routes(sandbox)]
    controls = [reading.route(sandbox, call) for part in CONTROLS for call in part.CALLS]
    static = Mount("/static", StaticFiles(directory=rendering.HERE / "static"))
    everything = [Route("/v1/{rest:path}", door), *pages, *controls, static]
    app = Starlette(routes=everything, lifespan=lifespan)
    app.state.sandbox = sandbox
    return app
