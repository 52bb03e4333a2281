"""Remembers what each Idempotency-Key was answered, for a day of the sandbox's clock.

Same key and same request: the first answer again, 402 and 500 included. Same key and another request: 400. Same key
while the first is still running: 409. Refusals from before the work began are not remembered. Called by the door.
"""

import dataclasses
import hashlib
from typing import Final

from stripe_sandbox import errors, forms
from stripe_sandbox.store import Store

KEPT_S: Final = 24 * 3600
KEY_LENGTH_MAX: Final = 255

FIND: Final = "SELECT * FROM answers WHERE key = ? AND answered_at > ?"
KEEP: Final = "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?)"
FORGET: Final = "DELETE FROM answers WHERE answered_at <= ?"


@dataclasses.dataclass(frozen=True)
class Remembered:
    """The first answer to a key."""

    request_id: str
    status: int
    body: bytes


def fingerprint(method: str, path: str, fields: str) -> str:
    """Return what tells one request from another, whatever the order of its fields."""
    return hashlib.sha256(repr((method, path, sorted(forms.pairs(fields)))).encode()).hexdigest()


def find(store: Store, key: str, mark: str, now: int) -> Remembered | None:
    """Return the first answer to this key, refusing when the request differs."""
    if len(key) > KEY_LENGTH_MAX:
        raise errors.invalid(f"Idempotency keys may hold up to {KEY_LENGTH_MAX} characters.")
    row = store.row(FIND, (key, now - KEPT_S))
    if row is None:
        return None
    if row["fingerprint"] != mark:
        raise errors.key_reused()
    return Remembered(row["request_id"], row["status"], row["body"].encode())


def keep(store: Store, key: str, mark: str, answer: Remembered, now: int) -> None:
    """Remember an answer, and forget those that are a day old."""
    store.execute(FORGET, (now - KEPT_S,))
    store.execute(KEEP, (key, mark, answer.request_id, answer.status, answer.body.decode(), now))
