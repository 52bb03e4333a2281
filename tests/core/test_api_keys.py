"""What an API key looks like, and what it opens."""

import pytest

from topup.core import api_keys, ids
from topup.core.api_keys import Scope

PREFIX, SECRET = bytes(range(10)), bytes(range(100, 132))


def test_key_is_read_back_as_it_was_built() -> None:
    key = api_keys.build(PREFIX, SECRET)
    assert key.text.startswith("topup_sk_")
    assert api_keys.read(key.text) == key
    assert key.fits(key.digest())


def test_key_has_more_than_128_secret_bits() -> None:
    """Fault 76."""
    assert api_keys.SECRET_BYTES * 8 >= 128
    other = api_keys.build(PREFIX, bytes([*SECRET[:-1], SECRET[-1] ^ 1]))
    key = api_keys.build(PREFIX, SECRET)
    assert other.prefix == key.prefix
    assert not other.fits(key.digest())


def test_key_is_not_shown_by_mistake() -> None:
    """Fault 87."""
    key = api_keys.build(PREFIX, SECRET)
    assert key.text not in repr(key)


@pytest.mark.parametrize(
    "text", ["", "topup_sk_", "topup_rt_a_b", "topup_sk_a_b", "sk_test_123", "topup_sk_" + "a" * 200]
)
def test_what_has_not_the_shape_of_a_key_is_none(text: str) -> None:
    assert api_keys.read(text) is None


@pytest.mark.parametrize(
    ("scopes", "opens"),
    [
        ({"read"}, {"read"}),
        ({"spend"}, {"spend"}),
        ({"read", "grant"}, {"read", "grant"}),
        ({"admin"}, {"read", "spend", "grant", "admin"}),
    ],
)
def test_scopes_open_themselves_and_admin_opens_all(scopes: set[Scope], opens: set[Scope]) -> None:
    application = api_keys.Application(ids.new(), ids.new(), "Host", frozenset(scopes))
    assert {scope for scope in api_keys.SCOPES if application.may(scope)} == opens


@pytest.mark.parametrize("last", range(256))
def test_prefix_has_sixteen_letters_whatever_its_bytes_are(last: int) -> None:
    assert len(api_keys.build(bytes([*PREFIX[:-1], last]), SECRET).prefix) == 16
