"""Says to browsers what a page of ours may load, frame, send and remember.

The JSON interface gets a policy that allows nothing. Pages get a fresh nonce each (`request.state.csp_nonce`), and
Stripe's own hosts only where a page asks for card fields (`request.state.uses_elements = True` before it answers).
"""

import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from topup.settings import Settings
from topup.web import errors

API_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
HSTS = "max-age=31536000; includeSubDomains"
CHECKOUT_ORIGIN = "https://checkout.stripe.com"
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


_NO_STORE = (b"cache-control", b"no-store")
# Some ways to pay open a window of their bank's or wallet's, which answers to the page that opened it.
_OPENER = (b"cross-origin-opener-policy", b"same-origin-allow-popups")


@dataclass(frozen=True, slots=True)
class StripeOrigins:
    """Where the browser may go for Stripe: its own hosts, or the sandbox's one. `also`: where its script loads more."""

    checkout: str
    script: str
    also: tuple[str, ...]
    frames: tuple[str, ...]
    connect: str

    @classmethod
    def of(cls, settings: Settings) -> "StripeOrigins":
        """Stripe's hosts, unless the demo points at a sandbox."""
        base = urlsplit(settings.stripe_api_base)
        if settings.is_demo and base.netloc:
            origin = f"{base.scheme}://{base.netloc}"
            return cls(origin, origin, (), (origin,), origin)
        script, others = "https://js.stripe.com", "https://*.js.stripe.com"
        frames = (script, others, "https://hooks.stripe.com")
        return cls(CHECKOUT_ORIGIN, script, (others,), frames, "https://api.stripe.com")


def page_policy(nonce: str, stripe: StripeOrigins, *, uses_elements: bool) -> str:
    """The Content-Security-Policy of one page. `form-action` names Stripe's checkout: Buy is answered by a redirect."""
    script, connect, frames = f"script-src 'self' 'nonce-{nonce}'", "connect-src 'self'", "frame-src 'none'"
    if uses_elements:
        script, connect = " ".join([script, stripe.script, *stripe.also]), f"{connect} {stripe.connect}"
        frames = f"frame-src {' '.join(stripe.frames)}"
    return "; ".join(
        [
            "default-src 'none'",
            script,
            f"style-src 'self' 'nonce-{nonce}'",
            "img-src 'self' data:",
            "font-src 'self'",
            "manifest-src 'self'",
            connect,
            frames,
            f"form-action 'self' {stripe.checkout}",
            "base-uri 'none'",
            "object-src 'none'",
            "frame-ancestors 'none'",
        ]
    )


class SecurityHeaders:
    """Pure ASGI. A handler's own header of the same name stays."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.stripe = StripeOrigins.of(settings)
        self.fixed = _fixed(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and dress its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        is_api = errors.is_api_path(scope["path"])
        nonce = "" if is_api else secrets.token_urlsafe(16)
        state["csp_nonce"] = nonce

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                policy = API_POLICY if is_api else self._page_policy(nonce, state)
                if state.get("uses_elements"):
                    _add_absent(message, [_OPENER])
                _add_absent(message, [*self.fixed, _NO_STORE, (b"content-security-policy", policy.encode())])
            await send(message)

        await self.app(scope, receive, dressed)

    def _page_policy(self, nonce: str, state: dict[str, object]) -> str:
        return page_policy(nonce, self.stripe, uses_elements=bool(state.get("uses_elements")))


def for_programs(settings: Settings) -> list[tuple[bytes, bytes]]:
    """What every answer of the JSON interface carries."""
    return [*_fixed(settings), _NO_STORE, (b"content-security-policy", API_POLICY.encode())]


def _fixed(settings: Settings) -> list[tuple[bytes, bytes]]:
    fixed = {**_ALWAYS, **({"Strict-Transport-Security": HSTS} if settings.is_secure else {})}
    return [(name.lower().encode(), value.encode()) for name, value in fixed.items()]


def _add_absent(message: Message, headers: list[tuple[bytes, bytes]]) -> None:
    """On the raw names, which are lower case: going through each header for each of these cost more than the rest."""
    given = message.setdefault("headers", [])
    present = {name for name, _ in given}
    given.extend((name, value) for name, value in headers if name not in present)
