"""Lets the sandbox cut a connection without an answer, as a network does.

uvicorn hides the transport from applications; this protocol passes it on in the scope. Used for lost replies and
outages only.
"""

import asyncio
from typing import Final

from starlette.types import Scope
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

TRANSPORT: Final = "stripe_sandbox.transport"


class Protocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, with the transport in each request's scope."""

    @override
    def on_message_begin(self) -> None:
        """Note the transport beside what uvicorn notes."""
        super().on_message_begin()
        self.scope[TRANSPORT] = self.transport  # pyrefly: ignore


async def cut(scope: Scope) -> None:
    """Close the connection at once, unanswered."""
    transport = scope.get(TRANSPORT)
    if transport is not None:
        transport.abort()
        # uvicorn learns of the loss on the loop's next turn; until then it would report a missing answer.
        await asyncio.sleep(0.01)
