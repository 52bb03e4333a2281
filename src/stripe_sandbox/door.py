"""The API's one door: who asks, which call is meant, whether it was answered before, and the shape of the answer.

Order: outage, key, fault switches, idempotency, address, parameters, handler, expansions. Everything from the look-up
of the idempotency key to the writing of its answer happens in one transaction without a pause.
"""

import asyncio
import base64
import dataclasses
import json
import logging
import re
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from stripe_sandbox import API_VERSION, connection, errors, expand, forms, idempotency, ids, params
from stripe_sandbox.errors import Refusal
from stripe_sandbox.routing import Call, Route, Routes
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.store import Body
from stripe_sandbox.switches import ApiFault
from stripe_sandbox.work import Cause, Work

KEY: Final = re.compile(r"(sk|rk|pk)_test_\w+", re.ASCII)
LIVE: Final = re.compile(r"(sk|rk|pk)_live_")
VERSION: Final = re.compile(r"\d{4}-\d{2}-\d{2}(\.[a-z]+)?(;.*)?")
LAST_RESORT_S: Final = 600

CORS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Stripe-Version",
    "Access-Control-Expose-Headers": "Request-Id",
    "Access-Control-Max-Age": "600",
}
GATEWAY_PAGE: Final = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>Bad gateway</body>\r\n</html>\r\n"
)


log = logging.getLogger("stripe_sandbox")


class Lost(Exception):
    """The connection is to be closed without an answer."""


@dataclasses.dataclass(frozen=True)
class Asked:
    """One request, read."""

    method: str
    path: str
    query: str
    body: bytes
    key: str | None
    is_publishable: bool
    request_id: str

    @property
    def fields(self) -> str:
        """The parameters as they were encoded; those of a DELETE may stand in its address."""
        body = self.body.decode("utf-8", "replace")
        if self.method == "POST":
            return body
        return "&".join(part for part in (self.query, body) if part)

    @property
    def mark(self) -> str:
        """What tells this request from another one under the same idempotency key."""
        return idempotency.fingerprint(self.method, self.path, self.fields)


class Door:
    """The ASGI application of everything under /v1."""

    def __init__(self, sandbox: Sandbox, routes: Routes) -> None:
        self.sandbox = sandbox
        self.routes = routes
        self.running: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call, or cut the connection."""
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except (Lost, ClientDisconnect):
            await connection.cut(scope)
            return
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=CORS)
        await self._outage()
        if self.sandbox.switches.outage:
            return Response(GATEWAY_PAGE, 502, media_type="text/html")
        request_id = ids.new("req_")
        try:
            asked = await self._read(request, request_id)
            return await self._answer(asked)
        except (Lost, ClientDisconnect):
            raise
        except Refusal as refusal:
            return _response(request_id, refusal.status, _error(refusal, request_id))
        except Exception:
            log.exception("%s %s failed", request.method, request.url.path)
            return _response(request_id, 500, _error(errors.broken(), request_id))

    async def _outage(self) -> None:
        """Cut or hold the call while the API is switched off; a hanging one goes on when it is back."""
        outage = self.sandbox.switches.outage
        if outage and outage.manner == "hang":
            for _ in range(LAST_RESORT_S * 20):
                if self.sandbox.switches.outage is not outage or self.sandbox.is_stopping:
                    break
                await asyncio.sleep(0.05)
        if self.sandbox.is_stopping or (self.sandbox.switches.outage and self.sandbox.switches.outage.manner != "502"):
            raise Lost

    async def _read(self, request: Request, request_id: str) -> Asked:
        key = _key(request.headers.get("authorization", ""))
        version = request.headers.get("stripe-version", API_VERSION)
        if not VERSION.fullmatch(version):
            raise errors.invalid(f"Invalid Stripe API version: {version}")
        account = request.headers.get("stripe-account", ids.ACCOUNT)
        if account != ids.ACCOUNT:
            raise errors.no_access(account)
        is_post = request.method == "POST"
        return Asked(
            method=request.method,
            path=request.url.path,
            query=request.url.query,
            body=await request.body(),
            key=request.headers.get("idempotency-key") if is_post else None,
            is_publishable=key.startswith("pk_"),
            request_id=request_id,
        )

    async def _answer(self, asked: Asked) -> Response:
        """Answer under the key's guard: a twin that comes while this one runs is told so."""
        fault = self.sandbox.switches.take(asked.method, asked.path)
        if asked.key is None:
            return await self._faulty(asked, fault)
        if asked.key in self.running:
            raise errors.key_in_use()
        self.running.add(asked.key)
        try:
            return await self._faulty(asked, fault)
        finally:
            self.running.discard(asked.key)

    async def _faulty(self, asked: Asked, fault: ApiFault | None) -> Response:
        if fault is None:
            return self._perform(asked)
        if fault.delay_s and not fault.after_work:
            await asyncio.sleep(fault.delay_s)
        if fault.answer == "slow":
            answer = self._perform(asked)
            await asyncio.sleep(fault.delay_s if fault.after_work else 0)
            return answer
        if fault.after_work:
            self._perform(asked)
            await asyncio.sleep(fault.delay_s)
        if fault.answer == "lost":
            raise Lost
        answer = _fault_answer(fault, asked.request_id)
        if fault.remember and asked.key:
            self._remember(asked, answer)
        return answer

    def _perform(self, asked: Asked) -> Response:
        """Do the work, or find what was answered before, in one transaction."""
        cause = Cause(asked.request_id, asked.key)
        refusal: Refusal | None = None
        with self.sandbox.work(cause) as work:
            if asked.key and (first := idempotency.find(work.store, asked.key, asked.mark, work.now)):
                return _response(asked.request_id, first.status, first.body, replays=first.request_id, key=asked.key)
            try:
                status, body = 200, _json(self._handle(asked, work))
            except Refusal as refused:
                if not refused.keeps:
                    raise
                refusal, status, body = refused, refused.status, _error(refused, asked.request_id)
            if asked.key:
                answer = idempotency.Remembered(asked.request_id, status, body)
                idempotency.keep(work.store, asked.key, asked.mark, answer, work.now)
        return _response(asked.request_id, refusal.status if refusal else 200, body, key=asked.key)

    def _handle(self, asked: Asked, work: Work) -> Body:
        found = self.routes.find(asked.method, asked.path)
        if found is None:
            raise errors.unrecognized_url(asked.method, asked.path)
        route, path = found
        if asked.is_publishable and not route.publishable:
            raise errors.unauthorized("This call needs a secret API key.", "secret_key_required")
        given = _checked(route, asked)
        paths = given.pop("expand", [])
        body = route.handler(Call(work, given, path, is_publishable=asked.is_publishable))
        return expand.apply(work, body, paths, self.routes.includes)

    def _remember(self, asked: Asked, answer: Response) -> None:
        with self.sandbox.work() as work:
            kept = idempotency.Remembered(asked.request_id, answer.status_code, bytes(answer.body))
            idempotency.keep(work.store, asked.key or "", asked.mark, kept, work.now)


def _key(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            value = base64.b64decode(value, validate=True).decode().partition(":")[0]
        except ValueError:
            value = ""
    if not value:
        raise errors.unauthorized("You did not provide an API key. Send it as 'Authorization: Bearer YOUR_KEY'.")
    if LIVE.match(value):
        message = "This is an offline sandbox: it refuses live keys. Use any sk_test_ key."
        raise errors.unauthorized(message, "api_key_invalid")
    if not KEY.fullmatch(value):
        raise errors.unauthorized(f"Invalid API Key provided: {value[:8]}***", "api_key_invalid")
    return value


def _checked(route: Route, asked: Asked) -> Body:
    also = (*route.also, "client_secret") if asked.is_publishable else route.also
    return params.check(route.params, forms.parse(asked.fields), also)


def _fault_answer(fault: ApiFault, request_id: str) -> Response:
    if fault.answer == "502":
        return Response(GATEWAY_PAGE, 502, media_type="text/html")
    if fault.answer == "409":
        return _response(request_id, 409, _error(errors.key_in_use(), request_id))
    if fault.answer == "429":
        code = "lock_timeout" if fault.reason == "lock_timeout" else "rate_limit"
        error = {"type": "invalid_request_error", "code": code, "message": "Too many requests; slow down."}
        response = _response(request_id, 429, _error(Refusal(429, error), request_id))
        if code == "rate_limit":
            response.headers["Stripe-Rate-Limited-Reason"] = fault.reason or "endpoint-rate"
        return response
    error = {"type": "api_error", "message": "Something is wrong on the sandbox's end, on request."}
    return _response(request_id, 500, _error(Refusal(500, error), request_id))


def _json(body: Body) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _error(refusal: Refusal, request_id: str) -> bytes:
    return _json({"error": {**refusal.error, "request_log_url": f"/#{request_id}"}})


def _response(request_id: str, status: int, body: bytes, *, replays: str = "", key: str | None = None) -> Response:
    headers = {**CORS, "Request-Id": request_id, "Stripe-Version": API_VERSION}
    if key:
        # Header values hold latin letters only; a key with others is echoed without them.
        headers |= {"Idempotency-Key": key.encode("latin-1", "ignore").decode("latin-1")}
        headers |= {"Original-Request": replays or request_id}
    if replays:
        headers["Idempotent-Replayed"] = "true"
    return Response(body, status, headers, media_type="application/json")
