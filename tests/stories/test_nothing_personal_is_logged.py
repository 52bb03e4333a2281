"""A whole visit with canaries for everything secret and personal: none of them is in any line that was logged.

Fault 87. At level debug, from web, worker and offline Stripe in one process and its children.
"""

import json
import secrets
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.stories import demos
from tests.stripe_bodies import event, signature

pytestmark = pytest.mark.slow

EMAIL = "canary.vera@mail.example"
CARD = {"card_number": "4000056655665556", "exp_month": "11", "exp_year": "2037", "cvc": "739", "name": "Canaria Vogel"}


def lines(log: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


def test_no_canary_of_a_whole_visit_is_in_the_logs(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    webhook_secret, jwt_secret = f"whsec_{secrets.token_hex(20)}", secrets.token_hex(32)
    demo = demos.start(
        folder,
        environment={
            "TOPUP_LOG_LEVEL": "debug",
            "STRIPE_WEBHOOK_SECRET": webhook_secret,
            "JWT_SECRET": jwt_secret,
        },
    )
    canaries = {"address": EMAIL, "name": "Canaria", "webhook secret": webhook_secret, "signing secret": jwt_secret}
    canaries |= {"password": "canary-password-51", "card": CARD["card_number"], "security code": CARD["cvc"]}
    try:
        canaries |= visit(demo, canaries["password"])
        canaries |= strangers(demo, webhook_secret)
        canaries["api key"] = demo.told("api key")
        canaries["admin"] = demo.told("admin").split()[1]
    finally:
        demo.end()
    log = Path(f"{folder}.log").read_text(encoding="utf-8")
    found = lines(log)
    assert {"request", "delivery"} <= {line["event"] for line in found}
    assert all(line.get("request_id") for line in found if line["event"] in ("request", "delivery"))
    [credited] = [line for line in found if line.get("outcome") == "credited"]
    assert credited["payment_id"]
    assert {name: canary for name, canary in canaries.items() if found_in(canary, log)} == {}


def found_in(canary: str, log: str) -> bool:
    """Short figures could stand anywhere by chance: those are looked for as words of their own."""
    if len(canary) > 6:
        return canary.casefold() in log.casefold()
    return any(
        canary in str(value).split() for line in lines(log) for name, value in line.items() if name != "timestamp"
    )


def visit(demo: demos.Demo, password: str) -> dict[str, str]:
    """Sign up, mistype, sign in, buy with a declined and a good card, look, sign out."""
    with demo.nobody() as client:
        who = {"email": EMAIL, "password": password, "firstName": "Canaria", "lastName": "Vogel"}
        assert client.post("/api/auth/register", json=who).status_code == 202
        [mail] = demo.wait_for_mails(EMAIL, 1)
        code = next(word for word in mail["text"].split() if word.isdigit() and len(word) == 6)
        client.post("/api/auth/verify-otp", json={"email": EMAIL, "otp": "000000"})
        login = client.post("/api/auth/verify-otp", json={"email": EMAIL, "otp": code}).json()
        client.post("/api/auth/login", json={"email": EMAIL, "password": f"{password}-wrong"})
        client.post("/api/auth/login", content=json.dumps({"email": EMAIL, "password": password, "x": 1}))
        client.headers["Authorization"] = f"Bearer {login['accessToken']}"
        visitor = demos.Visitor(demo, client, EMAIL)
        checkout = visitor.open_checkout()
        httpx2.post(checkout["sessionUrl"], data={**CARD, "card_number": demos.DECLINED}, timeout=60)
        httpx2.post(checkout["sessionUrl"], data=CARD, timeout=60)
        demos.until(lambda: visitor.stored_status(checkout) == "COMPLETED")
        demo.wait_for_mails(EMAIL, 2)
        client.get("/api/accounts", params={"email": EMAIL})
        setup = client.post("/api/stripe/setup-intents").json()
        client.post("/api/auth/refresh", json={"refreshToken": login["refreshToken"]})
        client.post("/api/auth/forgot-password", json={"email": EMAIL})
        client.get(f"/account?token={login['refreshToken']}&email={EMAIL}")
    return {
        "code": code,
        "access token": login["accessToken"],
        "refresh token": login["refreshToken"],
        "client secret": setup["clientSecret"],
    }


def strangers(demo: demos.Demo, webhook_secret: str) -> dict[str, str]:
    """Deliveries that are refused, or tell what we do not know, and keys that open nothing."""
    body = event("brave.new.thing", {"id": "x_1", "email": EMAIL, "secret": "sk_live_canarycanary"})
    guess = f"topup_sk_{'a' * 16}_{'b' * 52}"
    with demo.nobody() as client:
        for signed in (signature(body, webhook_secret), "t=1,v1=canarycanary", signature(body, "whsec_canarywrong")):
            client.post("/api/webhooks/stripe", content=body, headers={"Stripe-Signature": signed})
        client.get("/api/accounts", headers={"Authorization": f"Bearer {guess}"})
        client.post("/api/auth/google", json={"idToken": "eyJhbGciOiJub25lIn0.canarytoken.canarysign"})
    return {"guessed key": guess, "strange secret": "sk_live_canarycanary", "wrong secret": "whsec_canarywrong"}
