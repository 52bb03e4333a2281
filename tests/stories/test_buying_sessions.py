"""A school's billing person buys sessions in a whole shop: real webhooks, the worker, and the role it works under."""

import asyncio
from pathlib import Path

import httpx2

from tests import institutions, pages_at_stripe, shops
from topup.flows import session_prices

PATIENCE_TRIES = 200


async def test_school_buys_by_card_and_by_invoice_and_its_pool_fills_by_itself(
    database_url: str, tmp_path: Path
) -> None:
    """Nobody looks at a page in between: the deliveries alone do it (fault 6)."""
    async with shops.running(database_url, tmp_path) as shop:
        await session_prices.seed(shop.house.pool)
        async with institutions.signed_in(shop.house, httpx2.AsyncHTTPTransport(), "Olga") as olga:
            school = await institutions.school(shop.house, olga)
            card = (await olga.post("/api/sessions/purchases", {"quantity": 50})).json()
            asked = pages_at_stripe.confirm(shop.stripe, card["clientSecret"], "pm_card_authenticationRequired")
            pages_at_stripe.authenticate(shop.stripe, asked)
            await _available(school, 50)

            billed = (await olga.post("/api/sessions/purchases", {"quantity": 200, "payBy": "INVOICE"})).json()
            await asyncio.to_thread(shop.stripe.web.post, billed["hostedInvoiceUrl"], data={"transfer": "1"})
            await _available(school, 250)

            invoices = (await olga.get("/api/stripe/invoices")).json()["data"]
            assert [(one["status"], one["amountPaid"]) for one in invoices] == [("paid", 96_000), ("paid", 27_000)]
            receipts = await _receipts(shop, 4)
            assert sorted(receipts) == ["bills@hill.example"] * 2 + [olga.email] * 2


async def _available(school: institutions.School, sessions: int) -> None:
    for _ in range(PATIENCE_TRIES):
        if (await school.pool())["available"] == sessions:
            return
        await asyncio.sleep(0.05)
    assert (await school.pool())["available"] == sessions


async def _receipts(shop: shops.Shop, count: int) -> list[str]:
    """Whom receipts were mailed to."""
    found: list[str] = []
    for _ in range(PATIENCE_TRIES):
        async with httpx2.AsyncClient(base_url=shop.url) as client:
            mails = (await client.get("/demo/mailbox?format=json")).json()["data"]
        found = [mail["to"] for mail in mails if "Successful" in mail["subject"]]
        if len(found) == count:
            break
        await asyncio.sleep(0.05)
    return found
