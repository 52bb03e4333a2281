"""Sends one command to the ledger and words what came of it: the only way in which the machine door moves credits.

Commands that arrive together are written together (topup.flows.requests). The words are made there, in the batch, since
they are kept under the key; a repeat gets them byte for byte.
"""

from collections.abc import Callable

from fastapi import Request
from pydantic import BaseModel
from starlette.responses import Response

from topup.flows import refusals, requests
from topup.flows.requests import Answer
from topup.ledger import commands
from topup.runtime.house import House
from topup.web import auth, idempotency
from topup.web.api import transactions

CREATED = 201
Word = Callable[[commands.Done], Answer]


async def post(
    house: House,
    request: Request,
    by: auth.Principal,
    key: str | None,
    body: BaseModel | None,
    command: requests.Asked,
    word: Word,
) -> Response:
    """Have a command decided and written, and answer."""
    word_refusal = idempotency.wording(request)

    def word_outcome(outcome: commands.Outcome) -> Answer:
        return word_refusal(refusals.of(outcome)) if isinstance(outcome, commands.Denied) else word(outcome)

    asked = requests.Request(
        idempotency.key_of(request, by, key), idempotency.fingerprint_of(request, body), command, word_outcome
    )
    return idempotency.respond(await house.requests.submit(asked))


def entry(done: commands.Done) -> Answer:
    """The one line that was written."""
    return Answer(CREATED, transactions.of_entry(done.entries[0]).model_dump_json(by_alias=True))
