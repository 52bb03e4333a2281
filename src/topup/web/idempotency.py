"""Reads `Idempotency-Key` and answers what was decided under it.

A key belongs to whoever asks and to the route; path and body are in its fingerprint, so that the same key for another
request is refused (422). Remembered are done, not enough credits and conflict; everything else may be tried again.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Header, Request
from pydantic import BaseModel
from starlette.responses import Response

from topup import errors
from topup.db.idempotency import Key
from topup.flows.requests import Answer, KeyReused
from topup.web import access_log, auth
from topup.web import errors as problems

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
LENGTH_MAX = 255
_VISIBLE = re.compile(rf"[\x21-\x7e]{{1,{LENGTH_MAX}}}")

Offered = Annotated[
    str | None,
    Header(
        alias=HEADER,
        description="Makes a repeat of this request harmless.",
        json_schema_extra={"minLength": 1, "maxLength": LENGTH_MAX, "pattern": r"^[\x21-\x7e]+$"},
    ),
]


async def optional_key(offered: Offered = None) -> str | None:
    """The key, when one was sent."""
    if offered is not None and not _VISIBLE.fullmatch(offered):
        raise errors.Unreadable(
            f"{HEADER} must be 1 to {LENGTH_MAX} visible characters.", code="idempotency_key_invalid"
        )
    return offered


OptionalKeyDep = Annotated[str | None, Depends(optional_key)]


async def required_key(offered: OptionalKeyDep) -> str:
    """The key, where a call cannot be made without one."""
    if offered is None:
        raise errors.Unreadable(f"This call needs the header {HEADER}.", code="idempotency_key_required")
    return offered


RequiredKeyDep = Annotated[str, Depends(required_key)]


def key_of(request: Request, principal: auth.Principal, offered: str | None) -> Key | None:
    """The key as it is kept: by whoever asks, and by route."""
    if offered is None:
        return None
    return Key(principal.actor, f"{request.method} {access_log.route_of(request.scope)}", offered)


def fingerprint_of(request: Request, body: BaseModel | None) -> bytes:
    """What the same key must ask for again: the path and the body, whatever its spacing."""
    said = body.model_dump_json(exclude_unset=True, by_alias=True) if body is not None else ""
    return hashlib.sha256(f"{request.url.path}\n{said}".encode()).digest()


def wording(request: Request) -> Callable[[errors.TopupError], Answer]:
    """How a refusal is kept under a key: in the words that the first caller got."""

    def word(error: errors.TopupError) -> Answer:
        problem = problems.problem_of(error)
        return Answer(problem.status, problems.text_of(problem, problems.request_id_of(request.scope)))

    return word


def respond(answer: Answer | KeyReused) -> Response:
    """What was decided, as an HTTP answer."""
    if isinstance(answer, KeyReused):
        raise errors.Invalid(f"This {HEADER} was used for another request.", code="idempotency_key_reused")
    is_problem = answer.status >= 400  # noqa: PLR2004 - where HTTP's errors begin
    headers = {REPLAYED: "true"} if answer.is_replay else {}
    media_type = problems.PROBLEM_JSON if is_problem else "application/json"
    return Response(answer.body, answer.status, headers, media_type=media_type)
