"""What a fact changes about a payment: every status by every fact, and every order in which facts can come."""

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.core import payments
from topup.core.payments import LEAVE, Channel, Decision, Fact, Position, Told

STATUSES = ("PENDING", "PROCESSING", "COMPLETED", "EXPIRED", "FAILED", "REVIEW")
CHANNELS: tuple[Channel, ...] = ("CHECKOUT", "PAYMENT_INTENT", "INVOICE")
FREE_REASON = "Stripe asked for no payment, and Topup gives no discount that could explain it"


def position(status: str = "PENDING", channel: str = "CHECKOUT") -> Position:
    return Position(
        channel=channel,
        status=status,
        price_minor=1000,
        currency="gbp",
        is_live=False,
        session_id="cs_1",
        intent_id="pi_1",
        invoice_id="in_1",
    )


def fact(told: Told, source: Channel = "CHECKOUT", **more: Any) -> Fact:
    is_paid = told is Told.PAID
    plain = Fact(
        told=told,
        source=source,
        is_live=False,
        session_id="cs_1",
        intent_id="pi_1",
        invoice_id="in_1",
        paid_minor=1000 if is_paid else None,
        currency="gbp",
    )
    return replace(plain, **more)


# What each fact does in each status, for a checkout; a dash leaves everything as it is.
TABLE = """
              PENDING     PROCESSING  COMPLETED   EXPIRED     FAILED      REVIEW
PAID          COMPLETED   COMPLETED   -           COMPLETED   COMPLETED   -
FREE          REVIEW      REVIEW      -           REVIEW      REVIEW      -
ON_ITS_WAY    PROCESSING  -           -           -           -           -
FAILED        FAILED      FAILED      -           -           -           -
DECLINED      -           -           -           -           -           -
CANCELED      -           -           -           -           -           -
EXPIRED       EXPIRED     -           -           -           -           -
ISSUED        -           -           -           -           -           -
WRITTEN_OFF   -           -           -           -           -           -
"""
# And where an intent of our own differs from that.
INTENT_TABLE = """
              PENDING     PROCESSING  COMPLETED   EXPIRED     FAILED      REVIEW
DECLINED      -           FAILED      -           -           -           -
CANCELED      EXPIRED     -           -           -           -           -
"""
# A voided invoice takes no payment; one that is written off still does.
INVOICE_TABLE = """
              PENDING     PROCESSING  COMPLETED   EXPIRED     FAILED      REVIEW
CANCELED      EXPIRED     -           -           -           -           -
ISSUED        COMPLETED   -           -           -           -           -
"""


def cells(table: str) -> dict[tuple[str, Told], str]:
    head, *rows = [line.split() for line in table.strip().splitlines()]
    return {(status, Told[row[0]]): cell for row in rows for status, cell in zip(head, row[1:], strict=True)}


CHECKOUT_CELLS = cells(TABLE)
CELLS = {
    "CHECKOUT": CHECKOUT_CELLS,
    "PAYMENT_INTENT": {**CHECKOUT_CELLS, **cells(INTENT_TABLE)},
    "INVOICE": {**CHECKOUT_CELLS, **cells(INVOICE_TABLE)},
}


@pytest.mark.parametrize(("status", "told"), list(CHECKOUT_CELLS), ids=str)
@pytest.mark.parametrize("channel", CHANNELS)
def test_every_fact_in_every_status_does_what_the_table_says(channel: Channel, status: str, told: Told) -> None:
    """Faults 5, 37 and 60."""
    wanted = CELLS[channel][status, told]
    decision = payments.decide(replace(position(status, channel), is_paid=True), fact(told, channel))
    if wanted == "-":
        assert decision == LEAVE
    elif wanted == "REVIEW":
        assert decision == Decision("REVIEW", review_reason=FREE_REASON)
    else:
        is_completed = wanted == "COMPLETED"
        is_money_in = is_completed and told is Told.PAID
        assert decision == Decision(wanted, is_credit_due=is_completed, is_money_in=is_money_in)  # type: ignore[arg-type]


def test_invoice_granted_on_trust_is_paid_once_and_credited_once() -> None:
    """Fault 3: its money comes after its credits."""
    issued, paid = fact(Told.ISSUED, "INVOICE"), fact(Told.PAID, "INVOICE")
    granted = payments.decide(position("PENDING", "INVOICE"), issued)
    assert granted == Decision("COMPLETED", is_credit_due=True)
    on_trust = payments.after(position("PENDING", "INVOICE"), issued, granted)
    settled = payments.decide(on_trust, paid)
    assert settled == Decision("COMPLETED", is_money_in=True)
    assert payments.decide(payments.after(on_trust, paid, settled), paid) == LEAVE


def test_table_covers_every_status_and_every_fact() -> None:
    assert set(CHECKOUT_CELLS) == set(itertools.product(STATUSES, Told))


DISAGREEMENTS = [
    ({"paid_minor": 999}, "Paid 999, quoted 1000 gbp (minor units)"),
    ({"paid_minor": 1001}, "Paid 1001, quoted 1000 gbp (minor units)"),
    ({"paid_minor": 0}, "Paid 0, quoted 1000 gbp (minor units)"),
    ({"paid_minor": -1000}, "Paid -1000, quoted 1000 gbp (minor units)"),
    ({"paid_minor": None}, "Paid None, quoted 1000 gbp (minor units)"),
    ({"paid_minor": 10**30}, f"Paid {10**30}, quoted 1000 gbp (minor units)"),
    ({"currency": "usd"}, "Paid in usd, quoted in gbp"),
    ({"currency": None}, "Paid in None, quoted in gbp"),
    ({"currency": ""}, "Paid in , quoted in gbp"),
    ({"is_live": True}, "The payment was made in another mode (test or live) than it was quoted in"),
    ({"session_id": "cs_2"}, "Paid by another checkout session (cs_2) than the one on record (cs_1)"),
    ({"intent_id": "pi_2"}, "Paid by another payment intent (pi_2) than the one on record (pi_1)"),
    ({"invoice_id": "in_2"}, "Paid by another invoice (in_2) than the one on record (in_1)"),
]


@pytest.mark.parametrize("status", ["PENDING", "PROCESSING", "EXPIRED", "FAILED"])
@pytest.mark.parametrize(("told", "reason"), DISAGREEMENTS, ids=lambda value: str(value)[:40])
def test_money_that_is_not_the_quoted_money_is_looked_at_by_a_person(
    status: str, told: dict[str, Any], reason: str
) -> None:
    """Faults 13, 61, 62 and 63: never credited by itself, and never lost."""
    decision = payments.decide(position(status), fact(Told.PAID, **told))
    assert decision == Decision("REVIEW", review_reason=reason)


@pytest.mark.parametrize(("told", "reason"), DISAGREEMENTS, ids=lambda value: str(value)[:40])
def test_money_that_differs_changes_no_payment_that_somebody_looks_at(told: dict[str, Any], reason: str) -> None:
    assert payments.decide(position("REVIEW"), fact(Told.PAID, **told)) == LEAVE


@pytest.mark.parametrize(("told", "reason"), DISAGREEMENTS, ids=lambda value: str(value)[:40])
def test_money_that_comes_once_more_by_another_way_is_told_and_changes_nothing(
    told: dict[str, Any], reason: str
) -> None:
    """Fault 60: a second session of one payment was paid. Nobody is credited twice, nobody's money is kept quietly."""
    is_other = reason.startswith("Paid by another")
    wanted = Decision(review_reason=f"Paid once more. {reason}") if is_other else LEAVE
    done = replace(position("COMPLETED"), is_paid=True)
    again = fact(Told.PAID, **told)
    assert payments.decide(done, again) == wanted
    assert payments.after(done, again, wanted) == done


@pytest.mark.parametrize(("told", "reason"), DISAGREEMENTS, ids=lambda value: str(value)[:40])
def test_new_money_for_a_payment_that_came_to_nothing_is_told_and_changes_nothing(
    told: dict[str, Any], reason: str
) -> None:
    """Fault 60: what was decided stays, and nobody's money is kept quietly."""
    is_other = reason.startswith("Paid by another")
    wanted = Decision(review_reason=f"Paid once more. {reason}") if is_other else LEAVE
    given_up = replace(position("FAILED"), is_given_up=True)
    assert payments.decide(given_up, fact(Told.PAID, **told)) == wanted
    assert payments.decide(given_up, fact(Told.PAID)) == LEAVE


def test_money_for_an_invoice_granted_on_trust_that_is_not_the_quoted_money_is_told() -> None:
    """Fault 61: the credits are there already, so nothing can be held back."""
    on_trust = position("COMPLETED", "INVOICE")
    decision = payments.decide(on_trust, fact(Told.PAID, "INVOICE", paid_minor=999))
    assert decision == Decision(review_reason="Paid 999, quoted 1000 gbp (minor units)")


def test_intent_of_a_checkout_that_received_another_sum_waits_for_the_session() -> None:
    """Fault 61: tax and discounts are in what was received; the session says what was sold."""
    with_tax = fact(Told.PAID, "PAYMENT_INTENT", paid_minor=1200)
    assert payments.decide(position(), with_tax) == LEAVE
    assert payments.decide(position(), fact(Told.PAID)).is_credit_due


def test_intent_of_a_checkout_that_received_the_quoted_sum_is_proof_enough() -> None:
    """Fault 3: whichever event comes first."""
    assert payments.decide(position(), fact(Told.PAID, "PAYMENT_INTENT")).is_credit_due


def test_ids_that_are_not_known_yet_are_learnt_from_the_first_fact() -> None:
    """Fault 4a: the delivery may be quicker than our own record of the session."""
    fresh = replace(position(), session_id=None, intent_id=None, invoice_id=None)
    paid = fact(Told.PAID)
    decision = payments.decide(fresh, paid)
    assert decision.is_credit_due
    assert payments.after(fresh, paid, decision) == replace(position("COMPLETED"), is_paid=True)


def test_fact_that_leaves_a_payment_teaches_nothing() -> None:
    stranger = fact(Told.EXPIRED, session_id="cs_other")
    done = replace(position("COMPLETED"), session_id=None)
    assert payments.after(done, stranger, payments.decide(done, stranger)) == done


FACTS = [
    *(fact(told) for told in Told),
    *(fact(told, "PAYMENT_INTENT") for told in (Told.PAID, Told.ON_ITS_WAY, Told.DECLINED, Told.CANCELED)),
    fact(Told.PAID, paid_minor=999),
    fact(Told.PAID, "PAYMENT_INTENT", paid_minor=999),
    fact(Told.PAID, session_id="cs_2"),
]


@pytest.mark.parametrize("channel", CHANNELS)
def test_no_order_of_any_five_facts_credits_twice_or_leaves_completed(channel: Channel) -> None:
    """Faults 1 to 5, exhaustively: every reachable state after every sequence of up to five facts."""
    reached = {(position("PENDING", channel), 0)}
    for _ in range(5):
        reached |= {_step(here, credited, told) for here, credited in reached for told in FACTS}
    assert {credited for _, credited in reached} == {0, 1}
    assert all(credited == (here.status == "COMPLETED") for here, credited in reached)


def _step(here: Position, credited: int, told: Fact) -> tuple[Position, int]:
    decision = payments.decide(here, told)
    there = payments.after(here, told, decision)
    if here.status == "COMPLETED":
        assert there == replace(here, is_paid=there.is_paid)
    return there, credited + decision.is_credit_due


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize(
    "told", FACTS, ids=lambda told: f"{told.told} {told.source} {told.paid_minor} {told.session_id}"
)
@pytest.mark.parametrize("status", STATUSES)
def test_same_fact_again_changes_nothing(channel: Channel, status: str, told: Fact) -> None:
    """Fault 1."""
    here = position(status, channel)
    there = payments.after(here, told, payments.decide(here, told))
    again = payments.decide(there, told)
    assert (again.status, again.is_credit_due, payments.after(there, told, again)) == (None, False, there)


def test_money_in_the_end_is_credited_in_whatever_order_the_rest_comes() -> None:
    """Faults 5 and 60: all orders of one honest history end in the same place."""
    history = [fact(Told.ON_ITS_WAY), fact(Told.PAID), fact(Told.PAID, "PAYMENT_INTENT"), fact(Told.EXPIRED)]
    for order in itertools.permutations(history):
        here = position()
        for told in order:
            here = payments.after(here, told, payments.decide(here, told))
        assert here.status == "COMPLETED"


@given(
    status=st.sampled_from(STATUSES),
    channel=st.sampled_from(CHANNELS),
    told=st.builds(
        Fact,
        told=st.sampled_from([told for told in Told if told is not Told.ISSUED]),
        source=st.sampled_from(CHANNELS),
        is_live=st.booleans(),
        session_id=st.sampled_from([None, "cs_1", "cs_2"]),
        intent_id=st.sampled_from([None, "pi_1", "pi_2"]),
        invoice_id=st.sampled_from([None, "in_1", "in_2"]),
        paid_minor=st.none() | st.integers(),
        currency=st.sampled_from([None, "", "gbp", "GBP", "usd"]),
    ),
)
def test_credits_are_due_only_for_the_very_money_that_was_quoted(status: str, channel: Channel, told: Fact) -> None:
    """Faults 37 and 61 to 63."""
    decision = payments.decide(position(status, channel), told)
    if decision.is_credit_due:
        assert decision.status == "COMPLETED"
        assert status not in ("COMPLETED", "REVIEW")
        assert (told.told, told.is_live, told.paid_minor) == (Told.PAID, False, 1000)
        assert (told.currency or "").lower() == "gbp"
        assert (told.session_id or "cs_1", told.intent_id or "pi_1", told.invoice_id or "in_1") == (
            "cs_1",
            "pi_1",
            "in_1",
        )
    if decision.status == "REVIEW":
        assert decision.review_reason is not None
    elif decision.review_reason is not None:
        assert (status, decision) == ("COMPLETED", Decision(review_reason=decision.review_reason))
