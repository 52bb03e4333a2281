"""The web application: which routes there are, and which layers every request passes.

Layers from outside to inside: express lane, request id, access log, security headers, CORS, anonymous cookie, last
resort, body limit, HEAD as GET, then the framework's own handlers (`topup.web.errors`). Called by the command line, the
demo and the tests; it opens nothing.
"""

from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from topup.runtime.house import House
from topup.settings import Settings
from topup.web import (
    access_log,
    body_limit,
    csrf,
    errors,
    express,
    heads,
    health,
    last_resort,
    lean,
    metrics,
    openapi,
    request_ids,
    security_headers,
    stripe_webhook,
)
from topup.web.api import (
    auth,
    institutions,
    machine,
    packages,
    refunds,
    rosters,
    session_purchases,
    sessions,
    stripe_invoices,
    stripe_payment_methods,
)
from topup.web.api import credits as credits_api
from topup.web.api import payments as payments_api
from topup.web.pages import (
    account,
    admin_account,
    admin_events,
    admin_packages,
    admin_payments,
    allocations,
    assets,
    billing,
    buy_sessions,
    demo,
    desk,
    invitation,
    members,
    payments,
    pool,
    prices,
    problems,
    purchases,
    returned,
    saved_cards,
    sign_in,
    sign_up,
)
from topup.web.pages import institutions as institution_pages
from topup.web.pages import refunds as refund_pages
from topup.web.pages import rosters as roster_pages
from topup.web.pages import sessions as session_pages

API: tuple[APIRouter, ...] = (
    *machine.ROUTERS,
    *machine.ADMIN,
    health.router,
    auth.router,
    packages.router,
    payments_api.router,
    refunds.router,
    credits_api.router,
    institutions.router,
    institutions.invitations,
    sessions.router,
    rosters.router,
    session_purchases.router,
    stripe_payment_methods.router,
    stripe_invoices.router,
)
PAGES: tuple[APIRouter, ...] = (
    assets.router,
    prices.router,
    sign_up.router,
    sign_in.router,
    account.router,
    returned.router,
    payments.router,
    refund_pages.router,
    institution_pages.router,
    pool.router,
    buy_sessions.router,
    purchases.router,
    billing.router,
    saved_cards.router,
    allocations.router,
    members.router,
    roster_pages.router,
    session_pages.router,
    invitation.router,
    demo.router,
    desk.router,
    admin_account.router,
    admin_payments.router,
    admin_events.router,
    admin_packages.router,
)
HOT = [route for router in (stripe_webhook.router, *machine.LEAN) for route in router.routes]
CONTRACT_VERSION = "1.0"
CORS_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
CORS_HEADERS_TAKEN = ("Authorization", "Content-Type", "Idempotency-Key", request_ids.HEADER)
CORS_HEADERS_SHOWN = ("Idempotent-Replayed", "Retry-After", request_ids.HEADER)
PREFLIGHT_SECONDS = 600


def create_app(house: House) -> FastAPI:
    """The application over an open house."""
    app = openapi.Application(
        title="Topup",
        version=CONTRACT_VERSION,
        description="Prepaid credits, sold through Stripe and kept exact to the credit.",
        openapi_url="/openapi.json",
        generate_unique_id_function=lambda route: route.name,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
        middleware=_layers(house.settings),
    )
    app.state.house = house
    app.state.render_error_page = problems.page
    app.router.routes.extend(HOT)
    for router in (*API, *PAGES):
        app.include_router(router)
    if house.settings.is_demo and not house.settings.metrics_port:
        app.include_router(metrics.router)
    errors.register(app)
    return app


def _layers(settings: Settings) -> list[Middleware]:
    origins = [origin] if (origin := _origin(settings.frontend_url)) else []
    return [
        Middleware(express.Express, settings=settings, routes=[one for one in HOT if isinstance(one, lean.Route)]),
        Middleware(request_ids.RequestIds),
        Middleware(access_log.AccessLog),
        Middleware(security_headers.SecurityHeaders, settings=settings),
        Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_credentials=False,
            allow_methods=CORS_METHODS,
            allow_headers=CORS_HEADERS_TAKEN,
            expose_headers=CORS_HEADERS_SHOWN,
            max_age=PREFLIGHT_SECONDS,
        ),
        Middleware(csrf.AnonymousCookie, settings=settings),
        Middleware(last_resort.LastResort),
        Middleware(body_limit.BodyLimit),
        Middleware(heads.Heads),
    ]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
