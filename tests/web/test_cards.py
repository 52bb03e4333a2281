"""Saved cards over JSON: an institution's and a person's own, listed, saved, put first, removed, and nobody else's."""

import psycopg
import pytest

from tests import pages_at_stripe
from tests.stripe_boxes import StripeBox
from tests.web import billing
from tests.web.billing import CARDS, PURCHASES, SETUPS, World
from topup.settings import Settings

world = billing.world


@pytest.fixture
def settings(settings: Settings, stripe_box: StripeBox) -> Settings:
    return settings.model_copy(
        update={"stripe_api_base": stripe_box.url, "stripe_publishable_key": billing.PUBLISHABLE_KEY}
    )


@pytest.mark.parametrize("who", ["BILLING", "STUDENT", "none"])
async def test_card_is_saved_put_first_and_removed_by_the_same_calls(world: World, who: str) -> None:
    """Of the institution for those who pay, of themselves for anybody else."""
    someone = world.people[who]
    assert await world.cards(who) == []
    first = pages_at_stripe.pays(world.box, await world.secret(who))["payment_method"]
    pages_at_stripe.pays(world.box, await world.secret(who), "pm_card_mastercard")
    newest, older = sorted(await world.cards(who), key=lambda card: card["brand"])
    assert older == {
        "id": first,
        "brand": "visa",
        "last4": "4242",
        "expMonth": older["expMonth"],
        "expYear": older["expYear"],
        "isDefault": False,
    }
    chosen = await someone.post(f"{CARDS}/{older['id']}/default")
    assert (chosen.status_code, chosen.json()) == (200, {**older, "isDefault": True})
    assert {card["id"]: card["isDefault"] for card in await world.cards(who)} == {
        older["id"]: True,
        newest["id"]: False,
    }
    assert (await someone.delete(f"{CARDS}/{older['id']}")).status_code == 204
    assert await world.cards(who) == [newest]
    assert (await someone.delete(f"{CARDS}/{older['id']}")).status_code == 404
    assert (await someone.post(f"{CARDS}/{older['id']}/default")).status_code == 404


async def test_owner_and_billing_see_the_same_cards_and_a_student_their_own(world: World) -> None:
    pages_at_stripe.pays(world.box, await world.secret("BILLING"))
    assert await world.cards("OWNER") == await world.cards("BILLING") != []
    assert await world.cards("STUDENT") == await world.cards("MANAGER") == []


async def test_card_of_another_is_not_there_in_any_call(world: World) -> None:
    """Fault 66: of another institution, of a person, and one that never was."""
    theirs = pages_at_stripe.pays(world.box, await world.secret("other"))["payment_method"]
    students = pages_at_stripe.pays(world.box, await world.secret("STUDENT"))["payment_method"]
    pages_at_stripe.pays(world.box, await world.secret("BILLING"))
    for method_id in (theirs, students, "pm_nothing"):
        answers = [
            await world.bill.post(f"{CARDS}/{method_id}/default"),
            await world.bill.delete(f"{CARDS}/{method_id}"),
            await world.bill.post(PURCHASES, {"quantity": 1, "paymentMethodId": method_id}),
        ]
        assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "card_not_found")] * 3
    assert [len(await world.cards(who)) for who in ("other", "STUDENT", "BILLING")] == [1, 1, 1]


async def test_bank_asks_before_a_card_is_saved(world: World) -> None:
    secret = await world.secret()
    asked = pages_at_stripe.confirm(world.box, secret, "pm_card_authenticationRequired")
    assert await world.cards() == []
    pages_at_stripe.authenticate(world.box, asked)
    assert len(await world.cards()) == 1


async def test_declined_card_is_not_saved(world: World) -> None:
    assert pages_at_stripe.confirm(world.box, await world.secret(), "pm_card_visa_chargeDeclined").status_code == 402
    assert await world.cards() == []


async def test_card_removed_at_stripe_is_gone_here(world: World) -> None:
    method_id = pages_at_stripe.pays(world.box, await world.secret())["payment_method"]
    await world.bill.post(f"{CARDS}/{method_id}/default")
    world.box.client.payment_methods.detach(method_id)
    assert await world.cards() == []
    refused = await world.bill.post(PURCHASES, {"quantity": 1, "paymentMethodId": method_id})
    assert refused.status_code == 404


async def test_key_repeats_a_setup_with_its_secret_which_is_kept_nowhere(world: World, database_url: str) -> None:
    """Faults 51 and 52."""
    first, again = [await world.bill.post(SETUPS, {}, Idempotency_Key="one") for _ in range(2)]
    assert (first.status_code, first.text) == (201, again.text)
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    with psycopg.connect(database_url) as conn:
        [(kept,)] = conn.execute("SELECT answer::text FROM idempotency").fetchall()
    assert "_secret_" not in kept


async def test_thief_who_tries_cards_is_slowed_down(world: World) -> None:
    """Fault 71: a hundred set-ups in a minute are nobody's own cards."""
    statuses = [(await world.people["none"].post(SETUPS)).status_code for _ in range(21)]
    assert (set(statuses[:20]), statuses[20]) == ({201}, 429)


async def test_institution_named_by_somebody_without_the_role_is_refused(world: World) -> None:
    for who, status in (("OWNER", 200), ("BILLING", 200), ("MANAGER", 403), ("STUDENT", 403), ("other", 404)):
        answer = await world.people[who].get(CARDS, institutionId=world.school.id)
        assert answer.status_code == status, who
