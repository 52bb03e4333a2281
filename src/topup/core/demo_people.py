"""The people of a demo and the institution that some of them belong to, who exist under `topup demo` alone.

The admin has a password, which the demo prints; all of them sign in by one click.
"""

from dataclasses import dataclass

from topup.core import people, roles

INSTITUTION = "Hillview College"
BILLING_EMAIL = "accounts@hillview.example"
INVITED_EMAIL = "hana@demo.example"


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody to try Topup as; `slug` names them in `/demo/sign-in/<slug>`, `place` is theirs in the institution."""

    slug: str
    email: str
    first_name: str
    last_name: str
    role: people.Role
    place: roles.Role | None = None
    is_admin: bool = False

    @property
    def name(self) -> str:
        """How the sign-in link calls them."""
        return self.first_name

    @property
    def part(self) -> str:
        """What they are, in a word or two."""
        if self.is_admin:
            return "admin"
        return "student" if self.place in {None, "STUDENT"} else f"{str(self.place).lower()}, {INSTITUTION}"

    @property
    def is_staff(self) -> bool:
        """Whether they come to look after the institution."""
        return self.place not in {None, "STUDENT"}


ALICE = DemoPerson("alice", "alice@demo.example", "Alice", "Adeyemi", "STUDENT", "STUDENT")
BOB = DemoPerson("bob", "bob@demo.example", "Bob", "Brown", "STUDENT", "STUDENT")
OLIVIA = DemoPerson("olivia", "olivia@demo.example", "Olivia", "Okonkwo", "INSTRUCTOR", "OWNER")
PETRA = DemoPerson("petra", "petra@demo.example", "Petra", "Pound", "INSTRUCTOR", "BILLING")
MAYA = DemoPerson("maya", "maya@demo.example", "Maya", "Malik", "INSTRUCTOR", "MANAGER")
ADMIN = DemoPerson("admin", "admin@demo.example", "Ada", "Admin", "STUDENT", is_admin=True)
EVERYONE = (ALICE, BOB, OLIVIA, PETRA, MAYA, ADMIN)


def by_slug(slug: str) -> DemoPerson | None:
    """The person a link names."""
    return next((person for person in EVERYONE if person.slug == slug), None)
