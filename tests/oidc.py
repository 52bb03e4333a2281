"""An OpenID Connect issuer for tests: real keys, real HTTP, and whatever claims a test wants to see signed."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwk, jwt
from typing_extensions import override

CLIENT_ID = "tests.apps.example.com"


class Issuer:
    """Answers discovery and keys on loopback; `asked` lists the paths in order."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.keys = [jwk.RSAKey.generate_key(2048, {"kid": "first", "use": "sig", "alg": "RS256"})]
        self.asked: list[str] = []
        self.is_away = False
        self.says: dict[str, Any] = {}

    def token(self, *, key: jwk.RSAKey | None = None, header: dict[str, Any] | None = None, **changes: object) -> str:
        """A signed ID token for Grace; `changes` replace claims, None takes one out."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.address,
            "aud": CLIENT_ID,
            "azp": CLIENT_ID,
            "sub": "1122334455",
            "email": "Grace@Example.com",
            "email_verified": True,
            "given_name": "Grace",
            "family_name": "Green",
            "iat": now,
            "exp": now + 3600,
            **changes,
        }
        said = {name: value for name, value in claims.items() if value is not None}
        signer = key or self.keys[-1]
        return jwt.encode({"alg": "RS256", "kid": signer.kid, **(header or {})}, said, signer, algorithms=["RS256"])

    def rotate(self) -> None:
        """Sign with a new key from now on."""
        name = f"key {len(self.keys)}"
        self.keys.append(jwk.RSAKey.generate_key(2048, {"kid": name, "use": "sig", "alg": "RS256"}))

    def answer(self, path: str) -> tuple[int, bytes]:
        """What the issuer says at a path."""
        self.asked.append(path)
        if self.is_away:
            return 503, b""
        if path == "/.well-known/openid-configuration":
            about = {"issuer": self.address, "jwks_uri": f"{self.address}/keys", **self.says}
            return 200, json.dumps(about).encode()
        return 200, json.dumps({"keys": [key.as_dict(private=False) for key in self.keys]}).encode()


@contextmanager
def running() -> Iterator[Issuer]:
    """An issuer on a free port."""
    issuers: list[Issuer] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = issuers[0].answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuers.append(Issuer(f"http://127.0.0.1:{server.server_address[1]}"))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield issuers[0]
        finally:
            server.shutdown()
            thread.join()
