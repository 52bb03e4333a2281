"""The one table of who may do what in an institution, against the sentence of the contract that it comes from."""

import pytest

from topup.core import roles
from topup.core.roles import Call, Role


def test_every_call_is_permitted_to_somebody_and_always_to_an_owner() -> None:
    assert set(roles.ALLOWED) == set(roles.CALLS)
    assert all(roles.may("OWNER", call) for call in roles.CALLS)


def test_a_student_may_nothing_that_is_the_institutions() -> None:
    assert not any(roles.may("STUDENT", call) for call in roles.CALLS)


@pytest.mark.parametrize("call", ["pay", "keep_cards", "see_invoices", "change_institution"])
def test_money_is_for_billing_and_not_for_managers(call: Call) -> None:
    assert roles.may("BILLING", call)
    assert not roles.may("MANAGER", call)


@pytest.mark.parametrize("call", ["allocate", "invite_student", "withdraw_student", "see_members"])
def test_students_are_for_managers_and_not_for_billing(call: Call) -> None:
    assert roles.may("MANAGER", call)
    assert not roles.may("BILLING", call)


@pytest.mark.parametrize("invited_as", ["OWNER", "BILLING", "MANAGER"])
def test_only_an_owner_invites_staff(invited_as: Role) -> None:
    permitted = [role for role in roles.ROLES if roles.may(role, roles.call_of_invitation(invited_as))]
    assert permitted == ["OWNER"]


def test_a_manager_withdraws_a_student_who_has_not_come_and_removes_nobody() -> None:
    assert roles.may("MANAGER", roles.call_of_removal("STUDENT", has_come=False))
    assert not roles.may("MANAGER", roles.call_of_removal("STUDENT", has_come=True))
    assert not roles.may("MANAGER", roles.call_of_removal("BILLING", has_come=False))


def test_inviting_students_is_another_call_than_inviting_staff() -> None:
    assert roles.call_of_invitation("STUDENT") == "invite_student"
    staff: tuple[Role, ...] = ("OWNER", "BILLING", "MANAGER")
    assert {roles.call_of_invitation(role) for role in staff} == {"invite_staff"}
