"""An account of which only the first lots were loaded tells when that is not enough, and never decides on too few."""

import pytest

from topup import errors
from topup.core import ids
from topup.ledger.book import Account


def account(credits_in_reach: int | None) -> Account:
    return Account(ids.new(), "credit", 100, 0, 0, 1, bytes(32), is_frozen=False, credits_in_reach=credits_in_reach)


def test_credits_may_be_asked_for_until_those_in_reach_are_used_up() -> None:
    alice = account(10)
    assert alice.first_lots(4) is alice.first_lots(6) is alice.lots
    with pytest.raises(errors.Broken):
        alice.first_lots(1)


def test_every_lot_can_only_be_told_when_every_lot_was_loaded() -> None:
    assert account(None).every_lot() == account(None).first_lots(1000) == []
    with pytest.raises(errors.Broken):
        account(10).every_lot()
