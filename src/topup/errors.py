"""Every error that Topup raises on purpose, as one tree.

    TopupError
      Refused                  the caller's doing; safe to show as it stands
        Unreadable             the request cannot be parsed
        Unauthenticated        nobody we know, or no longer
        NotAllowed             known, but may not
        Invalid                readable and wrong; names each field
        TooLarge               the body is over its limit
        SlowDown               the limit is used up; says when to come back
        InsufficientCredits    the account cannot pay this
      Conflict                 right in itself, but not in the present state
      NotFound                 not there, or not yours: never told apart
      GatewayError             Stripe or the mail server did not do it; says whether to try again
      Unavailable              we cannot serve this now (database, start-up, overload)
      Broken                   an invariant does not hold; somebody must be told

`code` is the stable word of the contract; HTTP statuses live in `topup.web.errors` alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldFault:
    """What is wrong with one field: its JSON pointer and a sentence a person can act on."""

    pointer: str
    detail: str


class TopupError(Exception):
    """The root. `detail` is a whole sentence; `code` a stable snake_case word."""

    code = "error"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code


class Refused(TopupError):
    """The caller's doing; the sentence is safe to show."""

    code = "refused"


class Unreadable(Refused):
    """The request cannot be parsed."""

    code = "unreadable"


class Unauthenticated(Refused):
    """Nobody we know, or no longer."""

    code = "unauthenticated"


class NotAllowed(Refused):
    """Known, but may not."""

    code = "not_allowed"


class Invalid(Refused):
    """Readable and wrong; `faults` names each field."""

    code = "invalid"

    def __init__(self, detail: str, *, code: str | None = None, faults: Sequence[FieldFault] = ()) -> None:
        super().__init__(detail, code=code)
        self.faults = tuple(faults)


class TooLarge(Refused):
    """The body is over its limit."""

    code = "too_large"


class SlowDown(Refused):
    """The limit is used up until `retry_after_seconds` from now."""

    code = "slow_down"

    def __init__(self, detail: str, *, retry_after_seconds: int, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.retry_after_seconds = retry_after_seconds


class InsufficientCredits(Refused):
    """The account has `available` and the act needs `required` credits (or sessions)."""

    code = "insufficient_credits"

    def __init__(self, detail: str, *, available: int, required: int) -> None:
        super().__init__(detail)
        self.available = available
        self.required = required


class Conflict(TopupError):
    """Right in itself, but not in the present state."""

    code = "conflict"


class NotFound(TopupError):
    """Not there, or not yours: the two are never told apart."""

    code = "not_found"

    def __init__(self, detail: str = "Not found.", *, code: str | None = None) -> None:
        super().__init__(detail, code=code)


class GatewayError(TopupError):
    """Stripe or the mail server did not do it. `is_outcome_known` is False when it may have been done all the same."""

    code = "gateway_unavailable"

    def __init__(
        self, detail: str, *, is_retryable: bool, is_outcome_known: bool = True, code: str | None = None
    ) -> None:
        super().__init__(detail, code=code)
        self.is_retryable = is_retryable
        self.is_outcome_known = is_outcome_known


class Unavailable(TopupError):
    """We cannot serve this now."""

    code = "unavailable"


class Broken(TopupError):
    """An invariant does not hold."""

    code = "broken"
