"""Reads Stripe's bracketed form encoding: `a[b][0]=x`, literal or percent-encoded, into nested dictionaries.

Lists stay dictionaries keyed by their numbers ("0", "1"), because only the parameter types know which is meant.
Decides nothing about names or values; `params` does.
"""

from typing import TypeAlias
from urllib.parse import parse_qsl

from stripe_sandbox import errors

Nested: TypeAlias = "dict[str, str | Nested]"

FIELDS_MAX = 4000


def parse(encoded: str) -> Nested:
    """Return the nested form of a query string or request body."""
    root: Nested = {}
    for name, value in pairs(encoded):
        _place(root, _steps(name), value)
    return root


def pairs(encoded: str) -> list[tuple[str, str]]:
    """Return the fields in the order sent, decoded."""
    try:
        return parse_qsl(encoded, keep_blank_values=True, strict_parsing=False, max_num_fields=FIELDS_MAX)
    except ValueError as too_many:
        message = f"A request may hold at most {FIELDS_MAX} fields."
        raise errors.invalid(message) from too_many


def _steps(name: str) -> list[str]:
    head, bracket, rest = name.partition("[")
    if not bracket or not head:
        return [name]
    if not rest.endswith("]"):
        raise errors.invalid(f"Invalid parameter name: {name}", param=name)
    return [head, *rest[:-1].split("][")]


def _place(root: Nested, steps: list[str], value: str) -> None:
    here = root
    for step in steps[:-1]:
        below = here.setdefault(step or str(len(here)), {})
        if isinstance(below, str):
            raise errors.invalid(f"Invalid {steps[0]}: both a value and a hash were given.", param=steps[0])
        here = below
    here[steps[-1] or str(len(here))] = value
