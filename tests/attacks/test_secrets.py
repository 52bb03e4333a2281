"""A whole visit with canaries for secrets: they are in no line of the log, no error, no page, no figure (fault 87)."""

import re

import httpx2
import psycopg
import pytest

from tests.attacks import listening
from tests.stripe_boxes import StripeBox
from tests.web import billing, visits
from tests.web.conftest import mailed_code
from topup.core.api_keys import Scope
from topup.flows import keys, seed_packages
from topup.runtime.house import House
from topup.settings import Settings

CANARY = "canary-password-1"
CARD = "4242424242424242"
EMAIL = "carla@example.com"
SCOPES: tuple[Scope, ...] = ("read", "spend", "grant", "admin")


@pytest.fixture
def settings(settings: Settings, stripe_box: StripeBox) -> Settings:
    return settings.model_copy(
        update={"stripe_api_base": stripe_box.url, "stripe_publishable_key": billing.PUBLISHABLE_KEY}
    )


@pytest.fixture
def seen(client: httpx2.AsyncClient) -> list[httpx2.Response]:
    """Every answer that this client is given."""
    answers: list[httpx2.Response] = []

    async def keep(answer: httpx2.Response) -> None:
        await answer.aread()
        answers.append(answer)

    client.event_hooks["response"] = [keep]
    return answers


async def test_a_whole_visit_tells_no_secret_to_anything_that_is_kept(
    house: House,
    client: httpx2.AsyncClient,
    seen: list[httpx2.Response],
    settings: Settings,
    stripe_box: StripeBox,
    database_url: str,
) -> None:
    await seed_packages.seed(house.pool)
    secrets = {CANARY, CARD, "whsec_tests", "sk_test_tests", settings.jwt_secret.get_secret_value()}
    with listening.to_the_log() as heard:
        who = {"email": EMAIL, "password": CANARY, "firstName": "Carla", "lastName": "C"}
        await client.post("/api/auth/register", json=who)
        code = mailed_code(database_url, EMAIL)
        await client.post("/api/auth/verify-otp", json={"email": EMAIL, "otp": "000000"})
        login = (await client.post("/api/auth/verify-otp", json={"email": EMAIL, "otp": code})).json()
        await client.post("/api/auth/login", json={"email": EMAIL, "password": CANARY + "x"})
        await client.post("/api/auth/login", json={"email": EMAIL, "password": CANARY, "extra": CANARY})
        traded = (await client.post("/api/auth/refresh", json={"refreshToken": login["refreshToken"]})).json()
        secrets |= {login["accessToken"], login["refreshToken"], traded["accessToken"], traded["refreshToken"]}
        await client.post("/api/auth/google", json={"idToken": f"canary.{CANARY}.x"})

        bearer = {"Authorization": f"Bearer {traded['accessToken']}"}
        [package, *_] = (await client.get("/api/credit-packages")).json()["data"]
        opened = await client.post("/api/payments/credit-checkout", json={"packageId": package["id"]}, headers=bearer)
        stripe_box.pay(opened.json()["sessionUrl"], CARD)
        saved = (await client.post("/api/stripe/setup-intents", json={}, headers=bearer)).json()
        secrets.add(saved["clientSecret"])
        await client.get(f"/api/payments/checkout-status/{opened.json()['sessionId']}", headers=bearer)
        await client.get(f"/payments/return?session_id={CARD}&token={CANARY}", headers=visits.HTML)

        key = (await keys.create(house.pool, name="Host", scopes=SCOPES, created_by=None)).text
        host = {"Authorization": f"Bearer {key}"}
        made = (await client.post("/api/admin/keys", json={"name": "Second", "scopes": ["read"]}, headers=host)).json()
        secrets |= {key, made["key"]}
        for sent in (key[:-3] + "AAA", "topup_sk_" + CANARY):
            await client.get("/api/accounts", headers={"Authorization": f"Bearer {sent}"})
        await client.post("/api/webhooks/stripe", content=b"{}", headers={"Stripe-Signature": f"t=1,v1={CANARY}"})
        await visits.post(client, "/sign-in", page="/sign-in", email=EMAIL, password=CANARY)
        secrets.add(client.cookies["topup-8000"])

        # A fault of ours in the middle of it, with all that in hand.
        with psycopg.connect(database_url) as conn:
            conn.execute("ALTER TABLE users RENAME TO gone")
        for path in ("/api/auth/login", "/api/auth/register"):
            broken = await client.post(
                path,
                json={**who, "x": 1}
                if path.endswith("x")
                else who
                if "register" in path
                else {"email": EMAIL, "password": CANARY},
            )
            assert broken.status_code == 500
        with psycopg.connect(database_url) as conn:
            conn.execute("ALTER TABLE gone RENAME TO users")
        figures = (await client.get("/metrics")).text
        written = heard.getvalue()

    assert '"event": "unforeseen"' in written, "the fault was not written down"
    assert written.count('"event": "request"') > 15
    shown_once = {"accessToken", "refreshToken", "clientSecret", "key"}
    for name, text in {"the log": written, "the figures": figures}.items():
        assert [secret for secret in secrets if secret in text] == [], name
    for name, text in _kept(seen).items():
        told = [secret for secret in secrets if secret in text]
        assert told == [] or any(f'"{field}"' in text for field in shown_once), (name, told)
    assert code not in re.findall(r"\d{6}", re.sub(r"[0-9a-f-]{32,}|\d+\.\d+|\"ms\": [\d.]+", "", written)), "the code"
    for personal in (EMAIL, "Carla"):
        assert personal not in written, personal


def _kept(seen: list[httpx2.Response]) -> dict[str, str]:
    """Error answers and pages: what people paste into tickets."""
    return {f"{answer.request.url.path} {number}": answer.text for number, answer in enumerate(seen) if answer.content}
