"""What the API can do: one `Route` per call, declared in the file of its noun and found here by method and path.

Called by the door. A handler gets a `Call` and returns the object to answer, or raises a refusal; it is synchronous
and runs inside one transaction.
"""

import dataclasses
import re
from collections.abc import Callable, Iterable
from typing import TypeAlias

from stripe_sandbox.store import Body
from stripe_sandbox.work import Work


@dataclasses.dataclass(frozen=True)
class Call:
    """One checked API call."""

    work: Work
    params: Body
    path: dict[str, str]
    is_publishable: bool = False

    @property
    def id(self) -> str:
        """The id in the address."""
        return self.path["id"]


Handler: TypeAlias = Callable[[Call], Body]
Include: TypeAlias = Callable[[Work, Body], Body | None]
"""Makes the list that expansion puts into an object."""


@dataclasses.dataclass(frozen=True)
class Route:
    """A method and an address, the SDK's parameter type, and what answers."""

    method: str
    template: str
    handler: Handler
    params: type | None = None
    publishable: bool = False
    also: tuple[str, ...] = ()

    @property
    def pattern(self) -> re.Pattern[str]:
        """The address as an expression whose groups are the ids in it."""
        return re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", self.template))


class Routes:
    """All routes, and the objects that can be included in answers by expansion."""

    def __init__(self, routes: Iterable[Route], includes: dict[tuple[str, str], Include]) -> None:
        self.compiled = [(route.method, route.pattern, route) for route in routes]
        self.includes = includes

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """Return the route of a call with the ids in its address."""
        for wanted, pattern, route in self.compiled:
            if wanted == method and (match := pattern.fullmatch(path)):
                return route, match.groupdict()
        return None
