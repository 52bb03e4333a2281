"""Who is asking, once proven: what a handler knows of a signed-in person.

Made by `topup.db.logins` from the rows at each request, never kept from one request to the next.
"""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

Role = Literal["STUDENT", "INSTRUCTOR"]


@dataclass(frozen=True, slots=True)
class Person:
    """A person with a living login. `role` is a label; `is_admin` opens admin calls and nothing else."""

    user_id: UUID
    email: str
    first_name: str
    last_name: str
    role: Role
    is_admin: bool
    account_id: UUID
    login_id: UUID

    @property
    def actor(self) -> str:
        """How the ledger and idempotency name this person."""
        return actor_of(self.user_id)


def actor_of(user_id: UUID) -> str:
    """The same for somebody who is not here now and asked for something earlier."""
    return f"user:{user_id}"
