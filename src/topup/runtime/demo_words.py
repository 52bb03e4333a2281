"""What a demo says when it is ready: four lines for programs, then what a person wants to know first.

Pure. The four lines are fixed by the HTTP contract; each stands once and alone.
"""

from topup.core import demo_people
from topup.runtime.demo import Stage

TEST_CARDS = (
    ("4242 4242 4242 4242", "pays"),
    ("4000 0027 6000 3184", "asks for 3-D Secure first"),
    ("4000 0000 0000 9995", "is declined: insufficient funds"),
    ("4000 0000 0000 0002", "is declined"),
    ("4000 0000 0000 0259", "pays, and is disputed afterwards"),
)


def of(stage: Stage) -> str:
    """The whole text."""
    app = f"http://{stage.settings.host}:{stage.settings.port}"
    lines = [
        f"app: {app}",
        f"stripe: {stage.stripe.address}",
        f"api key: {stage.kept.api_key}",
        f"admin: {demo_people.ADMIN.email} {stage.kept.admin_password}",
        "",
        "Sign in with one click:",
        *(sign_in(app, person) for person in demo_people.EVERYONE),
        "",
        "Test cards (any date to come, any CVC):",
        *(f"  {number}  {what}" for number, what in TEST_CARDS),
        "",
        f"Mails:  {app}/demo/mailbox",
        f"Data:   {stage.folder}",
        "Ctrl-C stops everything and keeps the data.",
    ]
    return "\n".join(lines)


def sign_in(app: str, person: demo_people.DemoPerson) -> str:
    """One line: the name, the link, and what they are."""
    return f"  {person.name:<6} {app}/demo/sign-in/{person.slug:<6}  {person.part}"
