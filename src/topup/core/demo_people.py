"""The people of a demo, who exist under `topup demo` alone.

The admin has a password, which the demo prints; all of them sign in by one click.
"""

from dataclasses import dataclass

from topup.core.people import Role


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody to try Topup as; `slug` names them in `/demo/sign-in/<slug>`."""

    slug: str
    email: str
    first_name: str
    last_name: str
    role: Role
    is_admin: bool = False

    @property
    def name(self) -> str:
        """How the sign-in link calls them."""
        return self.first_name


ALICE = DemoPerson("alice", "alice@demo.example", "Alice", "Adeyemi", "STUDENT")
BOB = DemoPerson("bob", "bob@demo.example", "Bob", "Brown", "STUDENT")
ADMIN = DemoPerson("admin", "admin@demo.example", "Ada", "Admin", "STUDENT", is_admin=True)
EVERYONE = (ALICE, BOB, ADMIN)


def by_slug(slug: str) -> DemoPerson | None:
    """The person a link names."""
    return next((person for person in EVERYONE if person.slug == slug), None)
