"""A worker in a process of its own, for tests that kill it; it works until SIGTERM."""

import asyncio
import signal
import sys

import httpx2
from pydantic import SecretStr

from topup import worker
from topup.runtime import house
from topup.settings import Settings


def settings(database_url: str, smtp_port: int) -> Settings:
    return Settings(
        database_url=SecretStr(database_url),
        stripe_secret_key=SecretStr("sk_test_of_nobody"),
        stripe_api_base="http://127.0.0.1:9",
        frontend_url="https://shop.example",
        smtp_host="127.0.0.1",
        smtp_port=smtp_port,
    )


async def main(database_url: str, smtp_port: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with house.opened(settings(database_url, int(smtp_port))) as home:
        await worker.run(home, stop=stop)


if __name__ == "__main__":
    httpx2.alias_httpx()
    asyncio.run(main(*sys.argv[1:]))
