"""A host application in tests: its key, its accounts, and a client that sends the key."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2

from topup.core.api_keys import Scope
from topup.flows import keys
from topup.runtime.house import House

EVERY_SCOPE: tuple[Scope, ...] = ("read", "spend", "grant")


@dataclass(frozen=True)
class Machine:
    """A client of one application. Each post gets a key of its own unless one is given."""

    client: httpx2.AsyncClient
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def post(self, path: str, body: object = None, *, key: str | None = None) -> httpx2.Response:
        headers = {"Idempotency-Key": key or f"key-{next(self.numbers)}"}
        return await self.client.post(path, json=body, headers=headers)

    async def get(self, path: str, **query: str | int) -> httpx2.Response:
        return await self.client.get(path, params=query)

    async def account(self, external_id: str = "alice", *, granted: int = 0, unit: str = "credit") -> str:
        """The id of an account with so many credits on it."""
        opened = await self.client.put(f"/api/accounts/by-external-id/{external_id}", json={"unit": unit})
        assert opened.status_code in (200, 201), opened.text
        account_id = opened.json()["id"]
        if granted:
            assert (await self.grant(account_id, granted)).status_code == 201
        return account_id

    async def grant(self, account_id: str, amount: int, **more: Any) -> httpx2.Response:
        return await self.post(f"/api/accounts/{account_id}/grants", {"amount": amount, "reason": "A gift", **more})

    async def spend(self, account_id: str, amount: int, *, key: str | None = None, **more: Any) -> httpx2.Response:
        return await self.post(f"/api/accounts/{account_id}/spends", {"amount": amount, **more}, key=key)

    async def hold(self, account_id: str, amount: int, **more: Any) -> str:
        """The id of a new hold."""
        placed = await self.post(f"/api/accounts/{account_id}/holds", {"amount": amount, **more})
        assert placed.status_code == 201, placed.text
        return placed.json()["id"]

    async def figures(self, account_id: str) -> tuple[int, int, int]:
        """Balance, held, available."""
        found = (await self.get(f"/api/accounts/{account_id}")).json()
        return found["balance"], found["held"], found["available"]


async def key_text(house: House, scopes: Sequence[Scope] = EVERY_SCOPE, name: str = "Essay marker") -> str:
    """A new application's key."""
    return (await keys.create(house.pool, name=name, scopes=scopes, created_by=None)).text


def with_key(transport: httpx2.ASGITransport, origin: str, text: str) -> Machine:
    """A client that sends a key."""
    headers = {"Authorization": f"Bearer {text}"}
    return Machine(httpx2.AsyncClient(transport=transport, base_url=origin, headers=headers))
