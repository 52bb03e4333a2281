"""A whole Topup on this machine, put together as `topup demo` does, in a test's own loop: web, worker and Stripe."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from tests import stripe_boxes
from tests.stripe_boxes import StripeBox
from topup import worker
from topup.db import app_role
from topup.flows import claim_deployment, seed_packages
from topup.runtime import house as houses
from topup.runtime.house import House
from topup.settings import Settings
from topup.web import app, serving

WEBHOOK_SECRET = "whsec_of_the_shop"


@dataclass(frozen=True)
class Shop:
    """A running one."""

    url: str
    settings: Settings
    house: House
    stripe: StripeBox


def settings(database_url: str, *, url: str, stripe_url: str, is_demo: bool) -> Settings:
    return Settings.model_validate(
        {
            "database_url": database_url,
            "jwt_secret": "shops-only-shops-only-shops-only-shops",
            "stripe_secret_key": "sk_test_shops",
            "stripe_publishable_key": "pk_test_shops",
            "stripe_webhook_secrets": [WEBHOOK_SECRET],
            "stripe_api_base": stripe_url,
            "frontend_url": url,
            "is_demo": is_demo,
        }
    )


@contextlib.asynccontextmanager
async def running(
    database_url: str, folder: Path, *, is_demo: bool = True, webhooks_come: bool = True, has_worker: bool = True
) -> AsyncIterator[Shop]:
    """Open until the block is left, and everything stopped then."""
    app_role.ensure(database_url)
    with contextlib.closing(serving.bind("127.0.0.1", 0)) as bound:
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        webhook_url = f"{url}/api/webhooks/stripe" if webhooks_come else None
        with stripe_boxes.running(folder / "stripe", webhook_url=webhook_url, webhook_secret=WEBHOOK_SECRET) as box:
            given = settings(database_url, url=url, stripe_url=box.url, is_demo=is_demo)
            async with houses.opened(given, role=app_role.NAME) as house:
                assert await claim_deployment.claim(house.pool, house.stripe, is_demo=is_demo) == []
                await seed_packages.seed(house.pool)
                async with _at_work(house, bound, has_worker=has_worker):
                    yield Shop(url, given, house, box)


@contextlib.asynccontextmanager
async def _at_work(house: House, bound: "serving.socket.socket", *, has_worker: bool) -> AsyncIterator[None]:
    stop, is_ready = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        if has_worker:
            group.create_task(worker.run(house, stop=stop))
        web = app.create_app(house)
        group.create_task(serving.serve(web, bound, settings=house.settings, stop=stop, on_ready=is_ready.set))
        await is_ready.wait()
        try:
            yield
        finally:
            stop.set()
