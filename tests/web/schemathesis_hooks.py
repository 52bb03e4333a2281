"""What a generator cannot know from a description; loaded by schemathesis itself, in its own process.

Only for requests that are meant to be right: a cursor must have come from us, a key must not stand for another request,
a whole number is written without a fraction (JSON Schema calls 1.0 whole; we do not take it for credits or money), and
somebody of several institutions must say which one they mean.
"""

import os
import uuid
from typing import Any

import schemathesis

# The environment variable that names an institution of whoever attacks.
INSTITUTION = "TOPUP_TEST_INSTITUTION"


@schemathesis.hook
def before_call(_context: object, case: Any, _kwargs: object) -> None:  # noqa: ANN401 - a case of any operation
    """Make a right request right in these ways too."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if case.query:
        case.query.pop("cursor", None)
    if case.headers and case.headers.get("Idempotency-Key"):
        case.headers["Idempotency-Key"] = uuid.uuid4().hex
    if isinstance(case.body, dict | list):
        case.body = _without_fractions(case.body)
    if case.path.startswith("/api/sessions/"):
        _say_where(case)


def _say_where(case: Any) -> None:  # noqa: ANN401 - a case of any operation
    """Whoever has made several institutions must say for which one a call is; a roster is a table and not any text."""
    institution_id = os.environ[INSTITUTION]
    if case.path == "/api/sessions/rosters":
        case.body = "email,quantity\na@example.com,1\n"
    if isinstance(case.body, dict):
        case.body["institutionId"] = institution_id
    elif any(parameter.name == "institutionId" for parameter in case.operation.query):
        case.query = {**(case.query or {}), "institutionId": institution_id}


def _without_fractions(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _without_fractions(item) for name, item in value.items()}
    return [_without_fractions(item) for item in value] if isinstance(value, list) else value
