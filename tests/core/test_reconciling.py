"""How an object at Stripe and a payment of ours compare: what agrees, what is mended, what a person must look at."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from topup.core import reconciling
from topup.core.payments import Fact, Position, Told
from topup.core.reconciling import AGREES, Discrepancy, Kind, Object, Verdict

PAYMENT = UUID(int=1)
OPEN = Position("CHECKOUT", "PENDING", 1000, "gbp", is_live=False, session_id="cs_1", intent_id=None, invoice_id=None)
COMPLETED = replace(OPEN, status="COMPLETED", intent_id="pi_1", is_paid=True)
PAID = Fact(Told.PAID, "CHECKOUT", is_live=False, session_id="cs_1", intent_id="pi_1", paid_minor=1000, currency="gbp")


def seen(fact: Fact | None, **changes: Any) -> Object:
    return replace(Object("cs_1", "CHECKOUT", PAYMENT, is_payable=False, fact=fact), **changes)


def test_money_for_a_payment_that_waits_is_mended_and_proves_it() -> None:
    assert reconciling.compare(PAYMENT, OPEN, seen(PAID)) == Verdict(is_mendable=True, is_proof=True)


def test_an_end_without_money_is_mended_and_proves_nothing() -> None:
    expired = Fact(Told.EXPIRED, "CHECKOUT", is_live=False, session_id="cs_1")
    assert reconciling.compare(PAYMENT, OPEN, seen(expired)) == Verdict(is_mendable=True, is_proof=False)


def test_money_for_a_payment_that_is_completed_by_it_is_its_proof() -> None:
    assert reconciling.compare(PAYMENT, COMPLETED, seen(PAID)) == Verdict(is_proof=True)


def test_an_object_that_tells_of_no_money_agrees() -> None:
    assert reconciling.compare(PAYMENT, COMPLETED, seen(None)) == AGREES
    unpaid = Fact(Told.EXPIRED, "CHECKOUT", is_live=False, session_id="cs_1")
    assert reconciling.compare(PAYMENT, COMPLETED, seen(unpaid)) == Verdict(is_proof=False)


def test_money_by_another_object_is_shown_and_does_not_prove_the_payment() -> None:
    again = replace(PAID, session_id="cs_2", intent_id="pi_2")
    verdict = reconciling.compare(PAYMENT, COMPLETED, seen(again, id="cs_2"))
    assert verdict.discrepancy is not None
    assert (verdict.is_mendable, verdict.is_proof) == (False, False)
    assert (verdict.discrepancy.kind, verdict.discrepancy.subject) == (Kind.PAID_AGAIN, "cs_2")
    assert verdict.discrepancy.payment_id == PAYMENT
    assert verdict.discrepancy.told.startswith("Paid once more.")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"paid_minor": 999}, "Paid 999, quoted 1000 gbp (minor units)"),
        ({"currency": "eur"}, "Paid in eur, quoted in gbp"),
        ({"is_live": True}, "The payment was made in another mode (test or live) than it was quoted in"),
    ],
)
def test_a_completed_payment_of_another_sum_is_shown(changes: dict[str, Any], told: str) -> None:
    verdict = reconciling.compare(PAYMENT, COMPLETED, seen(replace(PAID, **changes)))
    assert verdict == Verdict(is_proof=True, discrepancy=Discrepancy(Kind.OTHER_SUM, "cs_1", PAYMENT, told))


def test_the_intent_of_a_checkout_proves_it_whatever_sum_it_says() -> None:
    """It says what was received, tax and discounts included; only the session is compared with the price."""
    intent = Fact(Told.PAID, "PAYMENT_INTENT", is_live=False, intent_id="pi_1", paid_minor=1200, currency="gbp")
    found = seen(intent, id="pi_1", channel="PAYMENT_INTENT")
    assert reconciling.compare(PAYMENT, COMPLETED, found) == Verdict(is_proof=True)


def test_money_for_a_payment_that_is_looked_at_already_is_shown_once_and_not_here() -> None:
    """What is in REVIEW or was given up has its own place where a person sees it."""
    for position in (replace(OPEN, status="REVIEW"), replace(OPEN, status="FAILED", is_given_up=True)):
        other_sum = seen(replace(PAID, paid_minor=999))
        assert reconciling.compare(PAYMENT, position, other_sum) == Verdict(is_proof=True)


@pytest.mark.parametrize("told", [Told.PAID, Told.FREE, Told.ON_ITS_WAY])
def test_money_that_names_a_payment_which_does_not_exist_is_shown(told: Told) -> None:
    verdict = reconciling.compare(None, None, seen(replace(PAID, told=told)))
    reason = f"It names payment {PAYMENT}, which does not exist, and is paid"
    assert verdict == Verdict(discrepancy=Discrepancy(Kind.NO_PAYMENT, "cs_1", PAYMENT, reason))


@pytest.mark.parametrize("fact", [None, Fact(Told.DECLINED, "CHECKOUT", is_live=False)])
def test_what_can_still_be_paid_for_a_payment_which_does_not_exist_is_shown(fact: Fact | None) -> None:
    verdict = reconciling.compare(None, None, seen(fact, is_payable=True))
    reason = f"It names payment {PAYMENT}, which does not exist, and is open to be paid"
    assert verdict == Verdict(discrepancy=Discrepancy(Kind.NO_PAYMENT, "cs_1", PAYMENT, reason))


def test_what_ended_unpaid_or_is_not_marked_as_ours_is_nobodys_loss() -> None:
    ended = Fact(Told.EXPIRED, "CHECKOUT", is_live=False)
    assert reconciling.compare(None, None, seen(ended)) == AGREES
    assert reconciling.compare(None, None, seen(None)) == AGREES
    assert reconciling.compare(None, None, seen(PAID, hint=None)) == AGREES
    assert reconciling.compare(None, None, seen(None, hint=None, is_payable=True)) == AGREES


def test_every_kind_of_discrepancy_has_its_meaning() -> None:
    assert set(reconciling.MEANINGS) == set(Kind)
