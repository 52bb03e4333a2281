"""Passwords: one way in, the same on every keyboard."""

from topup.core import passwords

SALT = b"0123456789abcdef"


def test_a_password_matches_itself_in_either_normal_form() -> None:
    sealed = passwords.seal("caf\u00e9 au lait", SALT)
    assert sealed.startswith("$argon2id$")
    assert passwords.is_match(sealed, "cafe\u0301 au lait")
    assert not passwords.is_match(sealed, "cafe au lait")


def test_a_stored_value_that_is_no_seal_matches_nothing() -> None:
    assert not passwords.is_match("", "password")
    assert not passwords.is_match("$argon2id$v=19$m=8$broken", "password")


def test_a_seal_made_with_weaker_figures_is_outdated() -> None:
    sealed = passwords.seal("password", SALT)
    assert not passwords.is_outdated(sealed)
    assert passwords.is_outdated(sealed.replace("t=2", "t=1"))


def test_nobodys_seal_costs_what_everybodys_costs() -> None:
    """Fault 74: an unknown address must take as long as a known one."""
    assert not passwords.is_outdated(passwords.NOBODYS)


def test_a_seal_is_made_with_the_salt_that_it_was_given() -> None:
    assert passwords.seal("password", SALT) == passwords.seal("password", SALT)
    assert passwords.seal("password", SALT) != passwords.seal("password", SALT[::-1])
