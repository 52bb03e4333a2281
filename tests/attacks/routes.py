"""Every route there is, who may take it, and a request that is right: the one list that the access tests go through.

Routes of institutions, of paying and of the machine door are listed beside their own tests and joined here. A route
that is in none of the lists fails `test_access.py`, so nothing can be added without somebody saying whose it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.web import test_billing_roles, test_machine_scopes, test_roles
from tests.web.staffing import NAMES
from topup.core import roles
from topup.core.roles import Call, Role

# Who comes to a route: a browser or a program of somebody, a key of one scope, or nobody.
PEOPLE = ("alice", "bob", *NAMES, "other", "admin")
KEYS = ("read", "spend", "grant", "admin-key")


@dataclass(frozen=True)
class Route:
    """A route and a request that is right.

    `whose`: "anybody", "person" (whoever is signed in), "alice" (hers alone), "alice or admin", "admin" (and a key of
    that scope), a call of an institution, "member" (of it, whatever their role), or the scopes of which a key needs
    one.
    """

    method: str
    path: str
    whose: Call | str | frozenset[str]
    body: object = None
    query: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    template: str = ""

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}{f' as {self.whose}' if isinstance(self.whose, str) else ''}"

    @property
    def is_page(self) -> bool:
        return not self.path.startswith("/api/") and self.path not in {"/health", "/ready", "/metrics", "/openapi.json"}

    @property
    def address(self) -> tuple[str, str]:
        """The route as the application knows it."""
        return self.method, self.template or self.path

    @property
    def call(self) -> Call | None:
        return next((call for call in roles.CALLS if call == self.whose), None)


PASSWORD = "correct horse battery"
API = (
    Route("GET", "/health", "anybody"),
    Route("GET", "/ready", "anybody"),
    Route("GET", "/metrics", "anybody"),
    Route("GET", "/openapi.json", "anybody"),
    Route("POST", "/api/webhooks/stripe", "anybody"),
    Route("POST", "/api/stripe/webhook", "anybody"),
    Route(
        "POST",
        "/api/auth/register",
        "anybody",
        {"email": "n@example.com", "password": PASSWORD, "firstName": "N", "lastName": "N"},
    ),
    Route("POST", "/api/auth/verify-otp", "anybody", {"email": "n@example.com", "otp": "000000"}),
    Route("POST", "/api/auth/resend-otp", "anybody", {"email": "n@example.com"}),
    Route("POST", "/api/auth/login", "anybody", {"email": "n@example.com", "password": PASSWORD}),
    Route("POST", "/api/auth/google", "anybody", {"idToken": "x"}),
    Route("POST", "/api/auth/refresh", "anybody", {"refreshToken": "x"}),
    Route("POST", "/api/auth/logout", "anybody", {"refreshToken": "x"}),
    Route("POST", "/api/auth/forgot-password", "anybody", {"email": "n@example.com"}),
    Route(
        "POST", "/api/auth/reset-password", "anybody", {"email": "n@example.com", "otp": "000000", "password": PASSWORD}
    ),
    Route("GET", "/api/auth/me", "person"),
    Route("POST", "/api/auth/google/link", "person", {"idToken": "x"}),
    Route("GET", "/api/credit-packages", "anybody"),
    Route("GET", "/api/credit-packages/{package_id}", "anybody"),
    Route("POST", "/api/credit-packages", "admin", {"name": "Pack", "credits": 1, "priceInCents": 100}),
    Route("PATCH", "/api/credit-packages/{package_id}", "admin", {"description": "More"}),
    Route("DELETE", "/api/credit-packages/{package_id}", "admin"),
    Route("POST", "/api/payments/credit-checkout", "person", {"packageId": "{package_id}"}),
    Route("GET", "/api/payments", "person"),
    Route("GET", "/api/payments/{payment_id}", "alice"),
    Route("GET", "/api/payments/checkout-status/{session_id}", "alice"),
    Route("GET", "/api/payments/{payment_id}/refund-quote", "alice or admin"),
    Route("POST", "/api/payments/{payment_id}/refunds", "alice or admin", {"reason": "Too many"}),
    Route("GET", "/api/credits", "person"),
    Route("GET", "/api/credits/transactions", "person"),
    Route("GET", "/api/admin/events", "admin"),
    Route("POST", "/api/admin/events/{event_id}/replay", "admin"),
    Route("POST", "/api/admin/accounts/{account_id}/thaw", "admin"),
)
PAGES = (
    Route("GET", "/", "anybody"),
    Route("GET", "/packages", "anybody"),
    Route("GET", "/static/{path}", "anybody"),
    Route("GET", "/buy/{package_id}", "anybody"),
    Route("POST", "/buy", "person", {"package": "{package_id}"}),
    Route("GET", "/sign-up", "anybody"),
    Route("POST", "/sign-up", "anybody", {"email": "x"}),
    Route("GET", "/verify", "anybody"),
    Route("POST", "/verify", "anybody", {"email": "n@example.com", "otp": "000000"}),
    Route("POST", "/verify/resend", "anybody", {"email": "n@example.com"}),
    Route("GET", "/sign-in", "anybody"),
    Route("POST", "/sign-in", "anybody", {"email": "n@example.com", "password": PASSWORD}),
    Route("GET", "/forgot-password", "anybody"),
    Route("POST", "/forgot-password", "anybody", {"email": "n@example.com"}),
    Route("GET", "/reset-password", "anybody"),
    Route("POST", "/reset-password", "anybody", {"email": "n@example.com", "otp": "000000", "password": PASSWORD}),
    Route("GET", "/account", "person"),
    Route("GET", "/account/older", "person"),
    Route("GET", "/payments", "person"),
    Route("GET", "/payments/return", "alice", query={"session_id": "{session_id}"}),
    Route("GET", "/payments/return/state", "alice", query={"session_id": "{session_id}"}),
    Route("GET", "/payments/{payment_id}", "alice"),
    Route("GET", "/payments/{payment_id}/receipt", "alice"),
    Route("GET", "/payments/{payment_id}/refund", "alice"),
    Route("POST", "/payments/{payment_id}/refund", "alice", {"amount": ""}),
    Route("GET", "/institutions", "person"),
    Route("GET", "/institutions/new", "person"),
    Route("POST", "/institutions", "person", {"name": "", "billingEmail": ""}),
    Route("GET", "/institutions/{institution_id}", "see_pool"),
    Route("GET", "/institutions/{institution_id}/buy", "pay"),
    Route("POST", "/institutions/{institution_id}/buy", "pay", {"quantity": "x"}),
    Route("GET", "/institutions/{institution_id}/purchases", "pay"),
    Route("GET", "/institutions/{institution_id}/purchases/{purchase_id}", "pay"),
    Route("GET", "/institutions/{institution_id}/purchases/{purchase_id}/state", "pay"),
    Route("GET", "/institutions/{institution_id}/purchases/{purchase_id}/receipt", "pay"),
    Route("POST", "/institutions/{institution_id}/purchases/{purchase_id}/cancel", "pay"),
    Route("GET", "/institutions/{institution_id}/billing", "keep_cards"),
    Route("POST", "/institutions/{institution_id}/billing", "change_institution", {"name": ""}),
    Route("GET", "/institutions/{institution_id}/invoices/{invoice_id}", "see_invoices"),
    Route("GET", "/institutions/{institution_id}/invoices/{invoice_id}/pdf", "see_invoices"),
    Route("POST", "/institutions/{institution_id}/cards/new", "keep_cards"),
    Route("POST", "/institutions/{institution_id}/cards/{method_id}/default", "keep_cards"),
    Route("POST", "/institutions/{institution_id}/cards/{method_id}/remove", "keep_cards"),
    Route("GET", "/institutions/{institution_id}/members", "see_members"),
    Route("POST", "/institutions/{institution_id}/members", "see_members", {"email": ""}),
    Route("GET", "/institutions/{institution_id}/members/{member_id}", "see_members"),
    Route("GET", "/institutions/{institution_id}/allocations", "allocate"),
    Route("POST", "/institutions/{institution_id}/allocations", "allocate", {"email": ""}),
    Route("GET", "/institutions/{institution_id}/allocations/{allocation_id}", "allocate"),
    Route("POST", "/institutions/{institution_id}/allocations/{allocation_id}/take-back", "allocate"),
    Route("GET", "/institutions/{institution_id}/rosters", "allocate"),
    Route("POST", "/institutions/{institution_id}/rosters", "allocate"),
    Route("GET", "/institutions/{institution_id}/rosters/{roster_id}", "allocate"),
    Route("POST", "/institutions/{institution_id}/rosters/{roster_id}/import", "allocate"),
    Route("GET", "/institutions/{institution_id}/leave", "member"),
    Route("GET", "/sessions", "person"),
    Route("GET", "/invitation", "anybody"),
    # Nobody is sent back to the page, which shows the ways in.
    Route("POST", "/invitation", "anybody"),
    Route("GET", "/cards", "person"),
    Route("POST", "/cards/new", "person"),
    Route("POST", "/cards/{own_method_id}/default", "alice", template="/cards/{method_id}/default"),
    Route("POST", "/cards/{own_method_id}/remove", "alice", template="/cards/{method_id}/remove"),
    Route("GET", "/admin", "admin"),
    Route("GET", "/admin/payments", "admin"),
    Route("GET", "/admin/payments/{payment_id}", "admin"),
    Route("POST", "/admin/payments/{payment_id}/refunds", "admin", {"amount": ""}),
    Route("POST", "/admin/payments/{payment_id}/decision", "admin", {"decision": ""}),
    Route("GET", "/admin/events", "admin"),
    Route("POST", "/admin/events/replay", "admin", {"event": "{event_id}"}),
    Route("GET", "/admin/packages", "admin"),
    Route("GET", "/admin/packages/new", "admin"),
    Route("POST", "/admin/packages", "admin", {"name": ""}),
    Route("GET", "/admin/packages/{package_id}", "admin"),
    Route("POST", "/admin/packages/{package_id}", "admin", {"name": ""}),
    Route("POST", "/admin/packages/{package_id}/sale", "admin"),
    Route("GET", "/admin/accounts/{account_id}", "admin"),
    Route("POST", "/admin/accounts/{account_id}/grants", "admin", {"amount": ""}),
    Route("POST", "/admin/accounts/{account_id}/reversals", "admin", {"transaction": "{transaction_id}"}),
    Route("POST", "/admin/accounts/{account_id}/thaw", "admin"),
    Route("GET", "/demo/mailbox", "anybody"),
    Route("GET", "/demo/mailbox/{mail_id}", "anybody"),
    Route("GET", "/demo/mailbox/{mail_id}/html", "anybody"),
    Route("GET", "/demo/sign-in/{slug}", "anybody"),
    # Last, since they end what was asked for, a place, and the login itself.
    Route("POST", "/institutions/{institution_id}/members/{member_id}/remove", "see_members"),
    Route("POST", "/institutions/{institution_id}/leave", "member"),
    Route("POST", "/sign-out", "anybody"),
)


def every() -> Iterator[Route]:
    """All of them."""
    yield from API
    for of_school in test_roles.ROUTES:
        yield Route(
            of_school.method,
            of_school.path,
            of_school.call or "person",
            of_school.body,
            of_school.query,
            of_school.text,
            template=test_roles._as_described(of_school.path),
        )
    for paying in test_billing_roles.ROUTES:
        yield Route(paying.method, paying.path, paying.call, paying.body, paying.query)
    for (method, path), (scopes, body) in test_machine_scopes.CALLS.items():
        yield Route(method, path, frozenset(scopes), body)
    yield from PAGES


def may(route: Route, who: str) -> bool:
    """Whether somebody may take a route; None is nobody."""
    if route.whose == "anybody":
        return True
    if who in KEYS:
        if route.whose in {"admin", "alice or admin"}:
            return who == "admin-key"
        return isinstance(route.whose, frozenset) and (who == "admin-key" or who in route.whose)
    if who == "nobody":
        return False
    if route.whose == "admin" or isinstance(route.whose, frozenset):
        return who == "admin"
    if route.call is not None:
        return who in roles.ROLES and roles.may(role_of(who), route.call)
    if route.whose == "member":
        return who in roles.ROLES
    if route.whose == "alice or admin":
        return who in {"alice", "admin"}
    return route.whose in {"person", who}


def refusal(route: Route, who: str) -> int:
    """How somebody who may not is answered: who are you (401), not allowed (403), or not there (404)."""
    if who == "nobody":
        return 401
    if who in KEYS or route.whose == "admin" or isinstance(route.whose, frozenset):
        return 403
    return 403 if route.call is not None and who in roles.ROLES else 404


def role_of(who: str) -> Role:
    """The role of a member by name."""
    return next(role for role in roles.ROLES if role == who)
