"""Reads `Idempotency-Key` and answers what was decided under it.

A key belongs to whoever asks and to the route; path and body are in its fingerprint, so that the same key for another
request is refused (422). Remembered are done, not enough credits and conflict; everything else may be tried again.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from pydantic import BaseModel
from starlette.responses import Response

from topup import errors
from topup.db.idempotency import Key
from topup.flows.requests import Answer, KeyReused
from topup.web import access_log, auth, openapi
from topup.web import errors as problems

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
LENGTH_MAX = 255
_VISIBLE = re.compile(rf"[\x21-\x7e]{{1,{LENGTH_MAX}}}")

_SCHEMA: dict[str, Any] = {"minLength": 1, "maxLength": LENGTH_MAX, "pattern": r"^[\x21-\x7e]+$"}
# Where a call can be made without a key, an empty one is none.
_SCHEMA_OPTIONAL: dict[str, Any] = {"maxLength": LENGTH_MAX, "pattern": r"^[\x21-\x7e]*$"}
_WHY = "Makes a repeat of this request harmless."
# For the description of the API alone: the header is read from the request, and a missing one is a 400 of ours.
_Accepted = Annotated[str, Header(alias=HEADER, description=_WHY, json_schema_extra=_SCHEMA_OPTIONAL)]
_Needed = Annotated[str, Header(alias=HEADER, description=_WHY, json_schema_extra={**_SCHEMA, openapi.NEEDED: True})]


async def optional_key(request: Request, _documented: _Accepted = "") -> str | None:
    """The key, when one was sent; an empty one is none."""
    offered = request.headers.get(HEADER)
    if offered and not _VISIBLE.fullmatch(offered):
        raise errors.Unreadable(
            f"{HEADER} must be 1 to {LENGTH_MAX} visible characters.", code="idempotency_key_invalid"
        )
    return offered or None


OptionalKeyDep = Annotated[str | None, Depends(optional_key)]


async def required_key(request: Request, _documented: _Needed = "") -> str:
    """The key, where a call cannot be made without one."""
    offered = await optional_key(request)
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
    said = body.model_dump_json(exclude_unset=True, by_alias=True) if body is not None else "{}"
    return hashlib.sha256(f"{request.scope['path']}\n{said}".encode()).digest()


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
