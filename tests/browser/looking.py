"""How the world is looked at: the browser's switches, the pages there are, and who looks at each.

Shared by the tests and by screenshots.py.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from playwright import sync_api

from tests.browser import residents, schools, someone

PATIENCE_MS = 30_000
SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True)
class View:
    """One page as one person sees it.

    `opens` opens every line of a statement or list. `asks_stripe`: the page loads Stripe's own script.
    """

    name: str
    path: str
    who: someone.Resident | None = None
    opens: bool = False
    asks_stripe: bool = False


NAMES = (
    "prices",
    "prices-signed-in",
    "prices-cancelled",
    "buy",
    "sign-up",
    "sign-in",
    "verify",
    "forgot-password",
    "reset-password",
    "account",
    "account-open",
    "account-in-debt",
    "account-empty",
    "payments",
    "payments-open",
    "payments-empty",
    "payment",
    "receipt",
    "return-pending",
    "return-slow",
    "return-processing",
    "return-completed",
    "return-expired",
    "return-failed",
    "return-review",
    "sessions",
    "sessions-empty",
    "institutions-none",
    "institution-new",
    "pool",
    "pool-empty",
    "members",
    "member",
    "member-invited",
    "leave",
    "allocations",
    "allocations-empty",
    "allocations-nobody",
    "allocation",
    "allocation-closed",
    "rosters",
    "rosters-empty",
    "roster",
    "roster-wrong",
    "roster-too-wide",
    "roster-running",
    "roster-done",
    "invitation",
    "invitation-of-another",
    "invitation-unknown",
    "mailbox",
    "mail",
    "not-found",
    "sessions-buy",
    "sessions-buy-many",
    "sessions-buy-wrong",
    "sessions-buy-first",
    "purchases",
    "purchases-open",
    "purchases-empty",
    "purchase-pending",
    "purchase-tried",
    "purchase-invoice",
    "purchase-processing",
    "purchase-completed",
    "purchase-expired",
    "purchase-failed",
    "purchase-review",
    "purchase-receipt",
    "billing",
    "billing-removing",
    "billing-empty",
    "billing-forbidden",
    "cards",
)


def views(world: residents.World) -> Sequence[View]:
    """Every page in every state worth a look."""
    amara, wolf, nia = world.amara, world.wolf, world.nia
    returned = {
        status: f"/payments/return?session_id={residents.session_of(one)}" for status, one in world.payments.items()
    }
    found = [
        View("prices", "/"),
        View("prices-signed-in", "/", amara),
        View("prices-cancelled", "/packages", amara),
        View("buy", f"/buy/{world.package_id}", amara),
        View("sign-up", "/sign-up"),
        View("sign-in", "/sign-in?next=/payments"),
        View("verify", "/verify"),
        View("forgot-password", "/forgot-password"),
        View("reset-password", "/reset-password"),
        View("account", "/account", amara),
        View("account-open", "/account", amara, opens=True),
        View("account-in-debt", "/account", wolf, opens=True),
        View("account-empty", "/account", nia),
        View("payments", "/payments", amara),
        View("payments-open", "/payments", amara, opens=True),
        View("payments-empty", "/payments", nia),
        View("payment", f"/payments/{world.payments['PENDING']}", amara),
        View("receipt", f"/payments/{world.payments['COMPLETED']}/receipt", amara),
        *(View(f"return-{status.lower()}", path, amara) for status, path in returned.items()),
        View("return-slow", returned["PENDING"] + "&since=1", amara),
        *_of_institutions(world),
        View("mailbox", "/demo/mailbox"),
        View("mail", f"/demo/mailbox/{world.mail_id}"),
        View("not-found", "/nowhere", amara),
        *_money_views(world.school),
    ]
    return sorted(found, key=lambda view: NAMES.index(view.name))


def _money_views(school: schools.School) -> Sequence[View]:
    """The pages that take money from an institution, and a person's own cards."""
    home, owner = school.home, school.owner
    bought = {status: f"{home}/purchases/{one}" for status, one in school.purchases.items()}
    return [
        View("sessions-buy", f"{home}/buy?quantity=48", owner, asks_stripe=True),
        View("sessions-buy-many", f"{home}/buy?quantity=100000", owner, asks_stripe=True),
        View("sessions-buy-wrong", f"{home}/buy?quantity=1.5", owner, asks_stripe=True),
        View("sessions-buy-first", f"{school.empty_home}/buy?quantity=50", school.newcomer, asks_stripe=True),
        View("purchases", f"{home}/purchases", owner),
        View("purchases-open", f"{home}/purchases", owner, opens=True),
        View("purchases-empty", f"{school.empty_home}/purchases", school.newcomer),
        View("purchase-tried", f"{bought['PENDING']}?tried=1", owner, asks_stripe=True),
        *(
            View(f"purchase-{status.lower()}", path, owner, asks_stripe=status == "PENDING")
            for status, path in bought.items()
        ),
        View("purchase-receipt", f"{bought['COMPLETED']}/receipt", owner),
        View("billing", f"{home}/billing", owner, asks_stripe=True),
        View("billing-removing", f"{home}/billing?done=card", owner, opens=True, asks_stripe=True),
        View("billing-empty", f"{school.empty_home}/billing", school.newcomer, asks_stripe=True),
        View("billing-forbidden", f"{home}/billing", school.student),
        View("cards", "/cards", school.student, asks_stripe=True),
    ]


def _of_institutions(world: residents.World) -> Sequence[View]:
    """What staff and students see of them. Wolf owns the large one, Bea the empty one."""
    schools, wolf, bea = world.teaching, world.wolf, world.busy
    large, empty = f"/institutions/{schools.large}", f"/institutions/{schools.empty}"
    return [
        View("sessions", "/sessions", world.amara),
        View("sessions-empty", "/sessions", world.nia),
        View("institutions-none", "/institutions", world.nia),
        View("institution-new", "/institutions/new", world.nia),
        View("pool", large, wolf),
        View("pool-empty", empty, bea),
        View("members", f"{large}/members", wolf),
        View("member", f"{large}/members/{schools.member_id}", wolf),
        View("member-invited", f"{large}/members/{schools.invited_id}", wolf),
        View("leave", f"{large}/leave", world.amara),
        View("allocations", f"{large}/allocations", wolf),
        View("allocations-empty", f"{empty}/allocations", bea),
        View("allocations-nobody", f"{large}/allocations?search=zz", wolf),
        View("allocation", f"{large}/allocations/{schools.allocation_id}", wolf),
        View("allocation-closed", f"{large}/allocations/{schools.closed_id}", wolf),
        View("rosters", f"{large}/rosters", wolf, opens=True),
        View("rosters-empty", f"{empty}/rosters", bea),
        View("roster", f"{large}/rosters/{schools.rosters['good']}", wolf),
        View("roster-wrong", f"{large}/rosters/{schools.rosters['bad']}", wolf),
        View("roster-too-wide", f"{large}/rosters/{schools.rosters['wide']}", wolf),
        View("roster-running", f"{large}/rosters/{schools.rosters['running']}", wolf),
        View("roster-done", f"{large}/rosters/{schools.rosters['done']}", wolf),
        View("invitation", f"/invitation?token={schools.token}"),
        View("invitation-of-another", f"/invitation?token={schools.token}", world.nia),
        View("invitation-unknown", "/invitation?token=topup_in_nothing"),
    ]


@contextmanager
def launched(playwright: sync_api.Playwright, chromium_path: str) -> Iterator[sync_api.Browser]:
    """Debian's Chromium, which talks to nobody by itself."""
    browser = playwright.chromium.launch(executable_path=chromium_path, args=list(SWITCHES))
    try:
        yield browser
    finally:
        browser.close()


def sign_in(context: sync_api.BrowserContext, world: residents.World, who: someone.Resident | None) -> None:
    """Give the context somebody's cookie, or nobody's."""
    context.clear_cookies()
    if who is not None:
        context.add_cookies([{"name": world.cookie_name, "value": who.cookie, "url": world.address}])


def open_view(page: sync_api.Page, world: residents.World, view: View) -> None:
    """Go to a page as the person who looks at it."""
    sign_in(page.context, world, view.who)
    page.goto(world.address + view.path)
    if view.opens:
        page.evaluate("document.querySelectorAll('main details').forEach(line => { line.open = true })")
