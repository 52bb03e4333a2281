"""How much can go back and why not more: by policy for a buyer, all that is left for an admin (fault 64)."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from topup.core import refund_quotes
from topup.core.money_back import Money, Purchase, Taken
from topup.core.refund_quotes import Case, Quote

PAID_AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
CASE = Case(
    purchase=Purchase(1000, 100),
    money=Money(0, 0, 0),
    taken=Taken(0, 0),
    unspent=100,
    expired=0,
    is_complete=True,
    completed_at=PAID_AT,
    refund_days=14,
    now=PAID_AT + timedelta(days=1),
    unit="credit",
)


def case(**changes: Any) -> Case:
    return replace(CASE, **changes)


def test_all_of_it_goes_back_while_nothing_is_spent() -> None:
    assert refund_quotes.for_buyer(CASE) == Quote(1000, 100, None)


@pytest.mark.parametrize(
    ("changes", "amount_minor", "credits", "word"),
    [
        ({"unspent": 40}, 400, 40, "Only unspent credits can go back, and 40 are"),
        ({"unspent": 0}, 0, 0, "None of its credits are left"),
        (
            {"refund_days": None},
            0,
            0,
            "This package is sold without refunds. Write to support if something went wrong.",
        ),
        ({"now": PAID_AT + timedelta(days=14)}, 0, 0, "possible until 15 November 2026"),
        ({"now": PAID_AT + timedelta(days=14, microseconds=-1)}, 1000, 100, None),
        ({"expired": 5, "unspent": 50}, 0, 0, "expired"),
        ({"is_complete": False}, 0, 0, "The payment is not complete."),
        ({"money": Money(0, 0, 300)}, 0, 0, "disputed"),
        ({"money": Money(1000, 0, 0), "taken": Taken(100, 0), "unspent": 0}, 0, 0, "gone back already"),
        ({"money": Money(300, 0, 0), "taken": Taken(30, 0), "unspent": 70}, 700, 70, "Only unspent"),
        ({"money": Money(305, 0, 0), "taken": Taken(30, 0), "unspent": 70}, 695, 70, "Only unspent"),
        ({"money": Money(300, 0, 0), "taken": Taken(30, 0), "unspent": 50}, 500, 50, "and 50 are"),
        ({"purchase": Purchase(0, 100)}, 0, 0, "No money has come in for this payment."),
    ],
)
def test_buyer_gets_what_is_unspent_within_the_policy(
    changes: dict[str, Any], amount_minor: int, credits: int, word: str | None
) -> None:
    quote = refund_quotes.for_buyer(case(**changes))
    assert (quote.amount_minor, quote.credits, quote.is_refundable) == (amount_minor, credits, amount_minor > 0)
    assert (quote.reason is None) if word is None else word in str(quote.reason)
    assert word is None or not word.endswith(".") or quote.reason == word


@pytest.mark.parametrize(
    ("changes", "amount_minor", "credits"),
    [
        ({}, 1000, 100),
        ({"unspent": 0}, 1000, 100),
        ({"refund_days": None, "now": PAID_AT + timedelta(days=900)}, 1000, 100),
        ({"money": Money(333, 0, 0), "taken": Taken(33, 0)}, 667, 67),
        ({"money": Money(333, 200, 0)}, 467, 47),
        ({"money": Money(0, 0, 1)}, 0, 0),
        ({"is_complete": False, "completed_at": None}, 1000, 0),
        ({"purchase": Purchase(0, 100)}, 0, 0),
    ],
)
def test_admin_may_give_back_all_that_is_left(changes: dict[str, Any], amount_minor: int, credits: int) -> None:
    quote = refund_quotes.for_admin(case(**changes))
    assert (quote.amount_minor, quote.credits) == (amount_minor, credits)


@pytest.mark.parametrize(("paid", "granted"), list(itertools.product([1, 3, 10, 100, 999, 1000], [1, 3, 7, 100, 999])))
def test_buyer_never_gets_money_for_a_credit_that_is_kept(paid: int, granted: int) -> None:
    """However dear or cheap a credit is: the credits taken are worth the money, to less than one minor unit."""
    for unspent in {0, 1, granted // 2, granted - 1, granted}:
        found = case(purchase=Purchase(paid, granted), unspent=unspent)
        quote = refund_quotes.for_buyer(found)
        assert quote.credits <= unspent
        assert quote.amount_minor * granted < quote.credits * paid + granted
        if unspent == granted:
            assert (quote.amount_minor, quote.credits) == (paid, granted)
        for amount_minor in {1, quote.amount_minor // 2, quote.amount_minor} - {0}:
            whole = refund_quotes.whole_credits_minor(found, amount_minor)
            assert 0 <= whole <= amount_minor
            assert whole * granted < found.purchase.share(whole) * paid + granted


@pytest.mark.parametrize(
    ("changes", "amount_minor", "word"),
    [
        ({}, 1000, None),
        ({"money": Money(300, 0, 0), "taken": Taken(30, 0)}, 700, "The rest of the money has gone back already."),
        ({"money": Money(1000, 0, 0), "taken": Taken(100, 0)}, 0, "All of the money has gone back already."),
        ({"money": Money(0, 0, 1)}, 0, "The payment is disputed, so the bank decides about the money."),
    ],
)
def test_admin_is_told_why_it_is_not_everything(changes: dict[str, Any], amount_minor: int, word: str | None) -> None:
    quote = refund_quotes.for_admin(case(**changes))
    assert (quote.amount_minor, quote.reason) == (amount_minor, word)


@pytest.mark.parametrize(("asked_minor", "given_minor"), [(1, 0), (9, 0), (10, 10), (19, 10), (700, 700), (900, 700)])
def test_second_refund_gives_whole_credits_of_what_is_left(asked_minor: int, given_minor: int) -> None:
    """Ten minor units a credit, of which thirty have gone back already."""
    found = case(money=Money(300, 0, 0), taken=Taken(30, 0), unspent=70)
    assert refund_quotes.whole_credits_minor(found, asked_minor) == given_minor
