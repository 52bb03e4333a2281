"""Fetches and remembers the keys by which an OpenID Connect issuer (Google, or one like it) signs ID tokens.

Asks the issuer's discovery page, then its key page: no redirect is followed, both answers are small or refused. Keys
are kept for an hour and fetched early when a token names one we have not seen, at most twice a minute, so that nobody
can make us ask by sending nonsense. Knows no token's meaning; `topup.core.id_tokens` does.
"""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2
from joserfc import jwk
from joserfc.errors import JoseError

from topup import errors

KEPT_SECONDS = 3600
ASK_AGAIN_SECONDS = 30
ANSWER_BYTES_MAX = 256 * 1024
TIMEOUT_SECONDS = 5.0


class Issuer:
    """One issuer's keys. `monotonic` is the clock, in seconds."""

    def __init__(self, issuer: str, *, monotonic: Callable[[], float]) -> None:
        self.issuer = issuer
        self._monotonic = monotonic
        self._keys: jwk.KeySet | None = None
        self._fetched_at = 0.0
        self._asked_at: float | None = None
        self._asking = anyio.Lock()

    async def keys(self, *, key_id: str | None) -> jwk.KeySet:
        """The keys, fetched again when they are old or do not have the one a token names. Raises GatewayError."""
        async with self._asking:
            if self._should_ask(key_id):
                self._asked_at = self._monotonic()
                try:
                    self._keys = await self._fetch()
                    self._fetched_at = self._monotonic()
                except errors.GatewayError:
                    # Yesterday's keys still tell genuine from forged; without any there is nothing to go by.
                    if self._keys is None:
                        raise
        if self._keys is None:
            raise _away("was asked a moment ago and did not answer")
        return self._keys

    def _should_ask(self, key_id: str | None) -> bool:
        now = self._monotonic()
        if self._asked_at is not None and now - self._asked_at < ASK_AGAIN_SECONDS:
            return False
        if self._keys is None or now - self._fetched_at > KEPT_SECONDS:
            return True
        return key_id is not None and all(key.kid != key_id for key in self._keys.keys)

    async def _fetch(self) -> jwk.KeySet:
        async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False) as http:
            about = await _json(http, f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
            keys_url = about.get("jwks_uri")
            if about.get("issuer") != self.issuer or not isinstance(keys_url, str):
                raise _away("describes itself as somebody else")
            try:
                if urlsplit(keys_url).scheme != urlsplit(self.issuer).scheme:
                    raise _away("shows its keys in an unsafe place")
                return jwk.KeySet.import_key_set({"keys": (await _json(http, keys_url)).get("keys", [])})
            except (JoseError, ValueError, TypeError, AttributeError) as error:
                raise _away("shows keys that cannot be read") from error


async def _json(http: httpx2.AsyncClient, url: str) -> dict[str, Any]:
    content = b""
    try:
        async with http.stream("GET", url, headers={"Accept": "application/json"}) as answer:
            if answer.status_code != httpx2.codes.OK:
                raise _away(f"answered {answer.status_code}")
            async for part in answer.aiter_bytes():
                content += part
                if len(content) > ANSWER_BYTES_MAX:
                    raise _away("answered too much")
        found = json.loads(content)
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        raise _away(f"did not answer ({type(error).__name__})") from error
    return found if isinstance(found, dict) else {}


def _away(what: str) -> errors.GatewayError:
    return errors.GatewayError(f"The sign-in service {what}.", is_retryable=True, code="issuer_unavailable")
