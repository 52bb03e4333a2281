"""Who may do what in an institution: one table, call by call, from which the checks and their tests come.

A call that is not in the table cannot be checked and so cannot be served. Somebody who is no member is not answered by
this table at all: for them the institution does not exist (`topup.flows.enter`).
"""

from collections.abc import Mapping
from typing import Literal, get_args

Role = Literal["OWNER", "BILLING", "MANAGER", "STUDENT"]
Call = Literal[
    "see_institution",
    "change_institution",
    "see_members",
    "invite_student",
    "invite_staff",
    "withdraw_student",
    "remove_member",
    "see_pool",
    "allocate",
    "pay",
    "keep_cards",
    "see_invoices",
]
ROLES: tuple[Role, ...] = get_args(Role)
CALLS: tuple[Call, ...] = get_args(Call)

_FINANCE: frozenset[Role] = frozenset({"OWNER", "BILLING"})
_TEACHING: frozenset[Role] = frozenset({"OWNER", "MANAGER"})
_STAFF: frozenset[Role] = _FINANCE | _TEACHING
_OWNERS: frozenset[Role] = frozenset({"OWNER"})

ALLOWED: Mapping[Call, frozenset[Role]] = {
    "see_institution": _STAFF,
    "change_institution": _FINANCE,
    "see_members": _TEACHING,
    "invite_student": _TEACHING,
    "invite_staff": _OWNERS,
    # A student who has not come yet; removing somebody who has is the owner's.
    "withdraw_student": _TEACHING,
    "remove_member": _OWNERS,
    "see_pool": _STAFF,
    # Giving sessions, taking them back, seeing who has which, and rosters.
    "allocate": _TEACHING,
    "pay": _FINANCE,
    "keep_cards": _FINANCE,
    "see_invoices": _FINANCE,
}


def may(role: Role, call: Call) -> bool:
    """Whether a member with this role may make this call."""
    return role in ALLOWED[call]


def call_of_invitation(invited_as: Role) -> Call:
    """Which call it is to invite somebody: who may bring students may not bring staff."""
    return "invite_student" if invited_as == "STUDENT" else "invite_staff"


def call_of_removal(role: Role, *, has_come: bool) -> Call:
    """Which call it is to end somebody else's membership."""
    return "withdraw_student" if role == "STUDENT" and not has_come else "remove_member"
