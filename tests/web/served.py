"""The application on a real socket, in a thread of its own, for tests that are not async themselves."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator

from topup.runtime import house as houses
from topup.settings import Settings
from topup.web import app, serving


@contextlib.contextmanager
def running(settings: Settings) -> Iterator[str]:
    """The address of the application over a house of its own."""
    bound = serving.bind("127.0.0.1", 0)
    ready, loops = threading.Event(), list[tuple[asyncio.AbstractEventLoop, asyncio.Event]]()

    async def serve() -> None:
        stop = asyncio.Event()
        loops.append((asyncio.get_running_loop(), stop))
        async with houses.opened(settings) as house:
            await serving.serve(app.create_app(house), bound, settings=settings, stop=stop, on_ready=ready.set)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(timeout=30), "the application did not start"
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        loop, stop = loops[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        bound.close()
