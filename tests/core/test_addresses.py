"""One canonical rule for mail addresses (fault 84)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.core import addresses


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("alice@example.com", "alice@example.com"),
        ("  Alice.Arnold@Example.COM ", "alice.arnold@example.com"),
        ("\uff21lice@example.com", "alice@example.com"),
        ("alice@B\u00fccher.example", "alice@xn--bcher-kva.example"),
        ("alice@xn--bcher-kva.example", "alice@xn--bcher-kva.example"),
        ("alice@B\u00dcCHER\u3002example", "alice@xn--bcher-kva.example"),
        ("a+tag@example.com", "a+tag@example.com"),
        ("a" * 64 + "@example.com", "a" * 64 + "@example.com"),
    ],
)
def test_every_spelling_of_an_address_is_stored_alike(written: str, stored: str) -> None:
    assert addresses.canonical(written) == stored


@pytest.mark.parametrize(
    "written",
    [
        "",
        "alice",
        "@example.com",
        "alice@",
        "alice@localhost",
        "alice@example",
        "alice@@example.com",
        "alice @example.com",
        "alice@exam ple.com",
        ".alice@example.com",
        "alice..b@example.com",
        '"alice"@example.com',
        "alice@[127.0.0.1]",
        "alice@-example.com",
        "alice@example.com\nbcc: bob@example.com",
        "\u0430lice@example.com",
        "alice\u200b@example.com",
        "alice@exam\u202eple.com",
        "alice@\ud800.example",
        "a" * 65 + "@example.com",
        "a@" + "b" * 250 + ".com",
    ],
)
def test_what_is_no_address_or_looks_like_another_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="This must be"):
        addresses.canonical(written)


@given(st.text() | st.emails())
def test_the_canonical_form_is_its_own_canonical_form(written: str) -> None:
    try:
        stored = addresses.canonical(written)
    except ValueError:
        return
    assert addresses.canonical(stored) == stored
    assert stored.isascii()
    assert len(stored) <= addresses.LENGTH_MAX
