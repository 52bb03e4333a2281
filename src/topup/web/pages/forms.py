"""Forms as people fill them in: read, judged by the same rules as the JSON bodies, and shown again with what was typed.

Pure but for `read`. A password is never shown again; each field has one sentence that says what to enter.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

import pydantic
from fastapi import Request

from topup import errors
from topup.core import ids, passwords

M = TypeVar("M", bound=pydantic.BaseModel)
VALUE_LENGTH_MAX = 1000
_DIGITS_MAX = 15
PASSWORD_HELP = f"At least {passwords.LENGTH_MIN} characters. A few words in a row are easy to keep in mind."
_WHAT_TO_ENTER = {
    "firstName": "Enter your first name, up to 100 characters.",
    "lastName": "Enter your last name, up to 100 characters.",
    "email": "Enter a whole address, such as name@example.com.",
    "password": f"Enter a password of {passwords.LENGTH_MIN} to {passwords.LENGTH_MAX} characters.",
    "name": "Enter a name, not longer than the field takes.",
    "billingEmail": "Enter a whole address, such as name@example.com.",
    "description": "Enter up to 500 characters.",
    "credits": "Enter a whole number of credits, up to 100,000.",
    "priceInCents": "Enter a price such as 10.00.",
    "currency": "Enter the three letters of a currency, such as GBP.",
    "validDays": "Enter a whole number of days, or nothing.",
    "refundDays": "Enter a whole number of days, or nothing.",
    "amount": "Enter a whole number, 1 or more.",
    "reason": "Say why, in up to 500 characters: the owner reads it on the statement.",
    "quantity": "Enter a whole number, 1 or more.",
    "role": "Choose one of the roles.",
    "otp": "Enter the six digits from the mail.",
}
_SECRET = frozenset({"password", "otp"})


@dataclass(frozen=True, slots=True)
class Form:
    """What a form shows: what was typed, what is wrong with it, and why it was refused as a whole."""

    values: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    refusal: str = ""


EMPTY = Form()


async def read(request: Request, *names: str) -> dict[str, str]:
    """The named fields of a form POST; absent ones are empty, others are left alone."""
    sent = await request.form()
    return {name: _text(sent.get(name)) for name in names}


def judge(model: type[M], values: Mapping[str, str], **numbers: int) -> tuple[M | None, Form]:
    """The body that the JSON interface would take, or the form with what to enter where.

    `numbers` are fields whose text has been read (`whole`).
    """
    try:
        return model.model_validate({**values, **numbers}), Form(shown(values))
    except pydantic.ValidationError as error:
        wrong = {str(fault["loc"][0]) for fault in error.errors(include_url=False, include_context=False)}
        return None, Form(shown(values), {name: _WHAT_TO_ENTER[name] for name in (*values, *numbers) if name in wrong})


def id_of(text: str) -> UUID:
    """An id in a form or a path; what is none names nothing, and NotFound says so."""
    found = ids.read(text)
    if found is None:
        raise errors.NotFound
    return found


def whole(text: str) -> int:
    """A whole number as people type it; 0, which no field takes, for anything else."""
    digits = "".join(text.split())
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS_MAX else 0


def refused(values: Mapping[str, str], error: errors.TopupError) -> Form:
    """The form with the sentence of a refusal."""
    return Form(shown(values), refusal=error.detail)


def shown(values: Mapping[str, str]) -> dict[str, str]:
    """What may be shown again."""
    return {name: value for name, value in values.items() if name not in _SECRET}


def _text(value: object) -> str:
    return value[:VALUE_LENGTH_MAX] if isinstance(value, str) else ""
