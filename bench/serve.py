"""The application for a measure: like `topup serve`, but without asking Stripe who we are, since no Stripe is there."""

import asyncio
import sys

import httpx2
import uvicorn
import uvloop

from topup.runtime import house, logs
from topup.settings import Settings
from topup.web import app


async def main(port: int) -> None:
    """Serve until told to stop."""
    settings = Settings.from_environment()
    logs.configure(settings.log_level)
    async with house.opened(settings) as opened:
        config = uvicorn.Config(app.create_app(opened), port=port, loop="uvloop", http="httptools", access_log=False)
        config.log_level = "warning"
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    httpx2.alias_httpx()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1])))
