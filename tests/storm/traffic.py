"""Clients who spend, hold, move and buy as fast as they are answered, and keep a book of what they were told.

Each request has a key and is repeated, at any of the web processes, until it is answered; so at the end everything is
known, and every balance must be what the book says: an effect that was acknowledged and lost, or done twice, shows.
"""

import asyncio
import collections
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx2

from tests import people, stripe_bodies
from tests.storm import dice
from tests.storm.fleet import Fleet
from tests.storm.rig import WEBHOOK_SECRET, Rig

ACCOUNTS, CREDITS_AT_FIRST, BUYERS = 10, 15, 4
PATIENCE_SECONDS = 90
PAYMENT_CREDITS = 10


@dataclass
class Traffic:
    """`book` is what each account must have. `gap_seconds` is the longest time in which nobody was answered."""

    rig: Rig
    fleet: Fleet
    accounts: list[str]
    payments: list[tuple[UUID, str]]
    book: dict[str, int]
    seen: collections.Counter[str] = field(default_factory=collections.Counter)
    are_clocks_stepping: bool = False
    is_over: bool = False
    gap_seconds: float = 0.0
    last_answered_at: float = field(default_factory=time.monotonic)
    _client: httpx2.AsyncClient = field(default_factory=lambda: httpx2.AsyncClient(timeout=20))

    async def blow(self, hazards: Callable[[], Awaitable[None]], *, clients: int = 16) -> None:
        """Have clients at work while the hazards run; end when those have."""
        self.last_answered_at = time.monotonic()
        async with self._client, asyncio.TaskGroup() as group:
            for number in range(clients):
                group.create_task(self._act(dice.of(f"client {number}")))
            try:
                await hazards()
            finally:
                self.is_over = True

    async def settle(self) -> None:
        """Every balance is what the book says, and nothing is left on hold."""
        for account, expected in self.book.items():
            row = "SELECT balance || ' ' || held FROM accounts WHERE id = %s"
            assert await self.rig.look(row, UUID(account)) == f"{expected} 0", account

    async def _act(self, own: random.Random) -> None:
        acts = [self._spend, self._spend, self._spend, self._hold, self._move, self._grant, self._buy, self._read]
        while not self.is_over:
            await own.choice(acts)(own)

    async def _spend(self, own: random.Random) -> None:
        account, credits_out = own.choice(self.accounts), own.randint(1, 4)
        status, told = await self._post(own, f"/api/accounts/{account}/spends", {"amount": credits_out})
        if status == 201:
            self.book[account] -= credits_out
            if own.random() < 0.2:
                status, _ = await self._post(own, f"/api/transactions/{told['id']}/reversal", {})
                assert status == 201
                self.book[account] += credits_out

    async def _hold(self, own: random.Random) -> None:
        account, credits_held = own.choice(self.accounts), own.randint(2, 6)
        status, told = await self._post(own, f"/api/accounts/{account}/holds", {"amount": credits_held})
        if status != 201:
            return
        if own.random() < 0.5:
            status, _ = await self._post(own, f"/api/holds/{told['id']}/release", None)
        else:
            credits_out = own.randint(1, credits_held)
            status, _ = await self._post(own, f"/api/holds/{told['id']}/captures", {"amount": credits_out})
            self.book[account] -= credits_out if status == 201 else 0
        # A hold may have ended only where time was let jump.
        assert status in (200, 201) or (status == 409 and self.are_clocks_stepping)

    async def _move(self, own: random.Random) -> None:
        source, target = own.sample(self.accounts, 2)
        credits_out = own.randint(1, 5)
        body = {"fromAccountId": source, "toAccountId": target, "amount": credits_out}
        status, _ = await self._post(own, "/api/transfers", body)
        if status == 201:
            self.book[source] -= credits_out
            self.book[target] += credits_out

    async def _grant(self, own: random.Random) -> None:
        account = own.choice(self.accounts)
        status, _ = await self._post(own, f"/api/accounts/{account}/grants", {"amount": 3, "reason": "A gift"})
        assert status == 201
        self.book[account] += 3

    async def _buy(self, own: random.Random) -> None:
        """A payment's deliveries, one to three of them, in an order and at processes that chance decides."""
        if not self.payments:
            return
        payment_id, account = self.payments.pop()
        known = {"session_id": f"cs_{payment_id}", "intent_id": f"pi_{payment_id}"}
        session = stripe_bodies.event("checkout.session.completed", stripe_bodies.session(payment_id, **known))
        intent = stripe_bodies.intent(payment_id, intent_id=known["intent_id"])
        bodies = [session, stripe_bodies.event("payment_intent.succeeded", intent), session]
        own.shuffle(bodies)
        for body in bodies:
            signed = {"Stripe-Signature": stripe_bodies.signature(body, WEBHOOK_SECRET)}
            status, _ = await self._ask(own, "POST", "/api/webhooks/stripe", content=body, headers=signed)
            assert status == 200
            self.seen["deliveries"] += 1
        self.book[account] += PAYMENT_CREDITS

    async def _read(self, own: random.Random) -> None:
        status, _ = await self._ask(own, "GET", f"/api/accounts/{own.choice(self.accounts)}", headers={})
        assert status == 200

    async def _post(self, own: random.Random, path: str, body: object) -> tuple[int, Any]:
        status, told = await self._ask(own, "POST", path, json=body, headers={"Idempotency-Key": str(uuid4())})
        assert status in (200, 201, 402, 409), (path, status, told)
        return status, told

    async def _ask(
        self, own: random.Random, method: str, path: str, *, headers: dict[str, str], **more: Any
    ) -> tuple[int, Any]:
        """Ask until there is an answer: any but 503, which must say when to come again."""
        headers = {"Authorization": f"Bearer {self.rig.api_key}", **headers}
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up_at:
            try:
                answer = await self._client.request(
                    method, f"{own.choice(self.fleet.urls)}{path}", headers=headers, **more
                )
            except httpx2.TransportError:
                self.seen["broken lines"] += 1
                await asyncio.sleep(0.05)
                continue
            if answer.status_code != 503:
                self._note(answer.status_code)
                assert answer.status_code != 500, answer.text
                return answer.status_code, answer.json()
            assert "retry-after" in answer.headers
            self.seen["told to come again"] += 1
            await asyncio.sleep(0.1)
        raise AssertionError(f"{method} {path} was not answered within {PATIENCE_SECONDS} s")

    def _note(self, status: int) -> None:
        now = time.monotonic()
        self.gap_seconds = max(self.gap_seconds, now - self.last_answered_at)
        self.last_answered_at = now
        self.seen["operations"] += 1
        self.seen["refused"] += status == 402


async def prepare(rig: Rig, fleet: Fleet, *, payments: int) -> Traffic:
    """Accounts with something on them, and payments whose deliveries are on their way."""
    book: dict[str, int] = {}
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {rig.api_key}"}, timeout=20) as client:
        for _ in range(ACCOUNTS):
            path = f"{fleet.urls[0]}/api/accounts"
            opened = await client.put(f"{path}/by-external-id/{uuid4()}", json={"unit": "credit"})
            account = opened.json()["id"]
            gift = {"amount": CREDITS_AT_FIRST, "reason": "To begin with"}
            key = {"Idempotency-Key": str(uuid4())}
            assert (await client.post(f"{path}/{account}/grants", json=gift, headers=key)).status_code == 201
            book[account] = CREDITS_AT_FIRST
    accounts = list(book)
    buyers = [await people.person(rig.pool, f"Alice{uuid4().hex}") for _ in range(BUYERS)]
    book |= {str(buyer.account_id): 0 for buyer in buyers}
    pending = [
        (await people.pending(rig.pool, buyer, credits=PAYMENT_CREDITS), str(buyer.account_id))
        for buyer in buyers
        for _ in range(payments // BUYERS)
    ]
    return Traffic(rig, fleet, accounts, pending, book)
