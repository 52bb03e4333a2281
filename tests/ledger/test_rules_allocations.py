"""Allocations: what is lent from a pool to a student, what ends, and what goes back (fault 55, A1-A4)."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.ledger.paper import NOW, Paper
from topup.core import ids
from topup.ledger import commands
from topup.ledger.book import Account, Lot

DAY = timedelta(days=1)


@pytest.fixture
def paper() -> Paper:
    return Paper()


@pytest.fixture
def pool(paper: Paper) -> Account:
    return paper.account("session")


@pytest.fixture
def student(paper: Paper) -> Account:
    return paper.account("session")


def allocate(paper: Paper, pool: Account, student: Account, sessions: int, ends_at: datetime | None = None) -> Any:  # noqa: ANN401
    command = commands.Move(pool.id, student.id, sessions, paper.cause(), "user:m", ends_at=ends_at, is_allocation=True)
    return paper.do(command)


def take_back(paper: Paper, student: Account, pool: Account, given: Any, sessions: int | None = None) -> Any:  # noqa: ANN401
    transfer_id = None if given is None else given.entries[0].transfer_id
    return paper.do(commands.TakeBack(student.id, pool.id, transfer_id, sessions, paper.cause(), "user:m"))


def living(account: Account, paper: Paper) -> list[Lot]:
    return [lot for lot in paper.lots.values() if lot.account_id == account.id and lot.remaining]


def test_an_allocated_lot_ends_at_the_sooner_of_two_ends_and_knows_where_it_goes_back(
    paper: Paper, pool: Account, student: Account
) -> None:
    payment_id = ids.new()
    paper.credit(pool, 10, expires_at=NOW + 5 * DAY, payment_id=payment_id)
    allocate(paper, pool, student, 3, NOW + 2 * DAY)
    allocate(paper, pool, student, 3, NOW + 9 * DAY)
    allocate(paper, pool, student, 3)
    ends = sorted(lot.expires_at - NOW for lot in living(student, paper) if lot.expires_at)
    assert ends == [2 * DAY, 5 * DAY, 5 * DAY]
    for lot in living(student, paper):
        assert (lot.returns_to, lot.own_expires_at) == (pool.id, NOW + 5 * DAY)
        assert (lot.payment_id, lot.source, lot.priority) == (payment_id, "PURCHASE", 100)


def test_a_plain_move_forgets_the_pool_but_never_prolongs(paper: Paper, pool: Account, student: Account) -> None:
    paper.credit(pool, 10)
    allocate(paper, pool, student, 3, NOW + DAY)
    other = paper.account("session")
    paper.move(student, other, 3)
    [lot] = living(other, paper)
    assert (lot.returns_to, lot.own_expires_at, lot.expires_at) == (None, None, NOW + DAY)


def test_an_end_that_has_passed_allocates_nothing(paper: Paper, pool: Account, student: Account) -> None:
    paper.credit(pool, 10)
    assert allocate(paper, pool, student, 3, NOW) == commands.Denied("already_expired")
    assert (pool.balance, student.balance) == (10, 0)


def test_what_is_taken_back_has_its_own_terms_again(paper: Paper, pool: Account, student: Account) -> None:
    payment_id = ids.new()
    paper.credit(pool, 10, expires_at=NOW + 5 * DAY, payment_id=payment_id)
    given = allocate(paper, pool, student, 6, NOW + DAY)
    paper.spend(student, 2)
    taken = take_back(paper, student, pool, given)
    assert [entry.credits_signed for entry in taken.entries] == [-4, 4]
    assert (pool.balance, student.balance) == (8, 0)
    returned = max(living(pool, paper), key=lambda lot: lot.opened_seq)
    assert (returned.expires_at, returned.returns_to, returned.own_expires_at) == (NOW + 5 * DAY, None, None)
    assert (returned.payment_id, returned.source, returned.priority) == (payment_id, "PURCHASE", 100)


def test_taking_back_touches_one_allocation_and_leaves_what_is_held(
    paper: Paper, pool: Account, student: Account
) -> None:
    """A4: never more than is unspent of that allocation."""
    paper.credit(pool, 10)
    first = allocate(paper, pool, student, 3)
    second = allocate(paper, pool, student, 4)
    paper.hold(student, 5)
    assert take_back(paper, student, pool, first) == commands.Done()
    assert take_back(paper, student, pool, second, 3) == commands.Denied("insufficient_credits", 2, 3)
    assert [entry.credits_signed for entry in take_back(paper, student, pool, second).entries] == [-2, 2]
    assert (pool.balance, student.balance, student.held) == (5, 5, 5)


@pytest.mark.parametrize("sessions", [0, -1, 2**53])
def test_a_number_that_no_movement_has_is_not_taken_back(
    paper: Paper, pool: Account, student: Account, sessions: int
) -> None:
    """Fault 65."""
    paper.credit(pool, 10)
    given = allocate(paper, pool, student, 3)
    assert take_back(paper, student, pool, given, sessions) == commands.Denied("amount_out_of_range", required=sessions)


@pytest.mark.parametrize("sessions", [1, 2**53 - 1])
def test_as_few_or_as_many_are_taken_back_as_any_movement_has(
    paper: Paper, pool: Account, student: Account, sessions: int
) -> None:
    """Fault 65."""
    paper.credit(pool, sessions)
    given = allocate(paper, pool, student, sessions)
    take_back(paper, student, pool, given, sessions)
    assert (pool.balance, student.balance) == (sessions, 0)


def test_sessions_go_back_to_another_account_that_exists(paper: Paper, pool: Account, student: Account) -> None:
    paper.credit(pool, 10)
    allocate(paper, pool, student, 3)
    nowhere = commands.TakeBack(student.id, ids.new(), None, None, paper.cause(), "user:m")
    assert paper.do(nowhere) == commands.Denied("unknown_account")
    assert take_back(paper, student, student, None) == commands.Denied("same_account")


def test_everything_from_a_pool_goes_back_and_nothing_that_came_otherwise(
    paper: Paper, pool: Account, student: Account
) -> None:
    paper.credit(pool, 10)
    paper.credit(student, 2, kind="PROMOTION")
    allocate(paper, pool, student, 3)
    allocate(paper, pool, student, 4)
    take_back(paper, student, pool, None)
    assert (pool.balance, student.balance) == (10, 2)
    assert take_back(paper, student, pool, None) == commands.Done()


def test_what_comes_back_repays_the_pools_debt_first(paper: Paper, pool: Account, student: Account) -> None:
    paper.credit(pool, 10)
    given = allocate(paper, pool, student, 8)
    paper.clawback(pool, 5)
    take_back(paper, student, pool, given)
    assert (pool.balance, pool.debt) == (5, 0)


def test_a_frozen_student_keeps_what_is_there(paper: Paper, pool: Account, student: Account) -> None:
    paper.credit(pool, 10)
    given = allocate(paper, pool, student, 8)
    student.is_frozen = True
    assert take_back(paper, student, pool, given) == commands.Denied("account_frozen")


def test_an_allocation_cannot_be_spent_from_its_end_on_and_notes_what_is_to_go_back(
    paper: Paper, pool: Account, student: Account
) -> None:
    paper.credit(pool, 10)
    allocate(paper, pool, student, 4, NOW + DAY)
    paper.wait(days=1)
    refused = paper.do(commands.Spend(student.id, 1, paper.cause(), "application:a"))
    assert refused == commands.Denied("insufficient_credits", 0, 1)
    assert paper._book is not None
    [end] = paper._book.allocation_ends
    [lot] = student.lots
    assert (end.account_id, end.seq, end.lot_id, end.credits) == (student.id, student.seq, lot.id, 4)


def test_what_ended_comes_back_from_the_expired_with_its_own_end(paper: Paper, pool: Account, student: Account) -> None:
    payment_id = ids.new()
    lot = paper.credit(pool, 4, kind="TRANSFER", source="PURCHASE", expires_at=NOW + DAY, payment_id=payment_id)
    assert (lot.source, lot.payment_id, lot.expires_at) == ("PURCHASE", payment_id, NOW + DAY)
    assert paper.kinds(pool) == ["TRANSFER"]
