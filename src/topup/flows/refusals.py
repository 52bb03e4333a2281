"""What the ledger's refusals are called outside: each of its words as the error that a caller is shown.

Pure. Used wherever a command of the ledger was asked for by somebody who is told how it went.
"""

from collections.abc import Callable, Mapping

from topup import errors
from topup.ledger.commands import Denied


def of(denied: Denied) -> errors.TopupError:
    """The error of a refusal."""
    return _ERRORS[denied.code](denied)


def _insufficient(denied: Denied) -> errors.TopupError:
    return errors.InsufficientCredits(
        f"The account has {denied.available} available and this needs {denied.required}.",
        available=denied.available,
        required=denied.required,
    )


def _hold_closed(denied: Denied) -> errors.TopupError:
    status = str(denied.details.get("status", "closed")).lower()
    return errors.Conflict(f"This hold is {status} and holds nothing any more.", code="hold_closed")


def _more_than_held(denied: Denied) -> errors.TopupError:
    detail = f"The hold still holds {denied.available}, and {denied.required} were to be captured."
    return errors.Invalid(detail, code="more_than_held", faults=[errors.FieldFault("/amount", detail)])


def _not_reversible(denied: Denied) -> errors.TopupError:
    return errors.Conflict("Only a spend or a capture can be reversed.", code=denied.code)


def _not_found(_denied: Denied) -> errors.TopupError:
    return errors.NotFound()


def _conflict(detail: str) -> Callable[[Denied], errors.TopupError]:
    return lambda denied: errors.Conflict(detail, code=denied.code)


def _invalid(pointer: str, detail: str) -> Callable[[Denied], errors.TopupError]:
    return lambda denied: errors.Invalid(detail, code=denied.code, faults=[errors.FieldFault(pointer, detail)])


_ERRORS: Mapping[str, Callable[[Denied], errors.TopupError]] = {
    "unknown_account": _not_found,
    "unknown_hold": _not_found,
    "unknown_entry": _not_found,
    "account_frozen": _conflict("This account is frozen: nothing can be taken from it for now."),
    "insufficient_credits": _insufficient,
    "hold_closed": _hold_closed,
    "more_than_held": _more_than_held,
    "not_reversible": _not_reversible,
    "already_reversed": _conflict("This transaction has been reversed already."),
    "unit_mismatch": _invalid("/toAccountId", "The two accounts count different things: credits and sessions."),
    "same_account": _invalid("/toAccountId", "The two accounts are one and the same."),
    "already_expired": _invalid("/expiresAt", "This moment has passed."),
    "amount_out_of_range": _invalid("/amount", "The account cannot hold or move that many."),
}
