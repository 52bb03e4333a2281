"""The overview: what the sandbox holds and did lately, for a person who looks over a test's shoulder.

Reads only; everything that can be changed is changed by the control calls.
"""

import json
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stripe_sandbox.pages import rendering
from stripe_sandbox.sandbox import Sandbox

SHOWN: Final = 25

PAYMENTS: Final = "SELECT body FROM objects WHERE object = 'payment_intent' ORDER BY seq DESC LIMIT ?"
SESSIONS: Final = """
SELECT body FROM objects WHERE object = 'checkout.session' AND status = 'open' ORDER BY seq DESC LIMIT ?
"""
EVENTS: Final = "SELECT body FROM objects WHERE object = 'event' ORDER BY seq DESC LIMIT ?"
DELIVERIES: Final = """
SELECT d.*, json_extract(o.body, '$.url') AS url,
       (SELECT http_status FROM attempts a WHERE a.delivery_id = d.id ORDER BY a.id DESC LIMIT 1) AS http_status,
       (SELECT answer FROM attempts a WHERE a.delivery_id = d.id ORDER BY a.id DESC LIMIT 1) AS answer,
       (SELECT duration_ms FROM attempts a WHERE a.delivery_id = d.id ORDER BY a.id DESC LIMIT 1) AS duration_ms
FROM deliveries d LEFT JOIN objects o ON o.id = d.endpoint_id ORDER BY d.id DESC LIMIT ?
"""


def routes(sandbox: Sandbox) -> list[Route]:
    """Return the address of this page."""

    async def show(_request: Request) -> Response:
        store = sandbox.store
        return rendering.page(
            "overview.html",
            now=sandbox.clock.now(),
            offset_s=sandbox.clock.offset_s,
            payments=[json.loads(row["body"]) for row in store.rows(PAYMENTS, (SHOWN,))],
            sessions=[json.loads(row["body"]) for row in store.rows(SESSIONS, (SHOWN,))],
            events=[json.loads(row["body"]) for row in store.rows(EVENTS, (SHOWN,))],
            deliveries=store.rows(DELIVERIES, (SHOWN,)),
            switches=sandbox.switches,
        )

    return [Route("/", show, methods=["GET"])]
