"""A small world to look at: the application on a port of its own over its own database, with people in every state.

Used by the browser tests and by screenshots.py; who lives there stands in residents.py.
"""

import asyncio
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn

from tests.browser import residents
from tests.stripe_boxes import StripeBox
from topup.runtime import house as houses
from topup.settings import Settings
from topup.web import app


@contextmanager
def running(database_url: str, box: StripeBox) -> Generator[residents.World]:
    """The world, served by a thread until the block is left; `box` is its Stripe."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = _Serving(database_url, box, listener)
        thread = threading.Thread(target=serving.run, name="world")
        thread.start()
        try:
            yield serving.wait()
        finally:
            serving.stop()
            thread.join()


class _Serving:
    """The thread's side: fills the database, then serves."""

    def __init__(self, database_url: str, box: StripeBox, listener: socket.socket) -> None:
        self.box = box
        self.listener = listener
        self.settings = Settings.model_validate(
            {
                "database_url": database_url,
                "jwt_secret": "world-only-world-only-world-only-world",
                "stripe_secret_key": "sk_test_world",
                "stripe_webhook_secrets": ["whsec_world"],
                "stripe_publishable_key": "pk_test_world",
                "stripe_api_base": box.url,
                "frontend_url": f"http://127.0.0.1:{listener.getsockname()[1]}",
                "is_demo": True,
            }
        )
        self.is_ready = threading.Event()
        self.world: residents.World | None = None
        self.fault: Exception | None = None
        self.server: uvicorn.Server | None = None

    def run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as fault:  # noqa: BLE001 - whoever waits raises it
            self.fault = fault
        finally:
            self.is_ready.set()

    def wait(self) -> residents.World:
        self.is_ready.wait()
        if self.world is None:
            raise RuntimeError("The world did not come up.") from self.fault
        return self.world

    def stop(self) -> None:
        if self.server is not None:
            self.server.should_exit = True

    async def _serve(self) -> None:
        async with houses.opened(self.settings) as house:
            world = await residents.settle(house, self.box)
            config = uvicorn.Config(app.create_app(house), log_level="critical", access_log=False, lifespan="off")
            self.server = uvicorn.Server(config)
            serving = asyncio.create_task(self.server.serve(sockets=[self.listener]))
            # The listener takes connections already; whoever is quick waits in its queue.
            self.world = world
            self.is_ready.set()
            await serving
