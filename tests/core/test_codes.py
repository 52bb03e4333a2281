"""One-time codes: six digits, sealed for one purpose, address and row (fault 73)."""

import re
from uuid import UUID

from topup.core import codes

KEY = b"k" * 32
ROW = UUID(int=1)


def _seal(**changes: object) -> bytes:
    said = {"purpose": "REGISTER", "email": "alice@example.com", "code_id": ROW, "code": "000123", **changes}
    return codes.seal(KEY, **said)  # type: ignore[arg-type]


def test_a_code_is_always_six_digits() -> None:
    assert [codes.text_of(number) for number in (0, 42, codes.NUMBERS - 1)] == ["000000", "000042", "999999"]
    assert all(re.fullmatch("[0-9]{6}", codes.text_of(number)) for number in range(0, codes.NUMBERS, 9973))


def test_a_seal_matches_its_own_code_only() -> None:
    assert codes.is_match(_seal(), _seal())
    for change in (
        {"purpose": "RESET"},
        {"email": "bob@example.com"},
        {"code_id": UUID(int=2)},
        {"code": "000124"},
    ):
        assert not codes.is_match(_seal(), _seal(**change)), change
