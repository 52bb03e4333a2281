"""Keys: one for each purpose, and none shown by accident."""

import dataclasses

from topup.core import keys


def test_every_purpose_has_a_key_of_its_own() -> None:
    derived = keys.derive("s" * 32)
    values = [getattr(derived, field.name) for field in dataclasses.fields(derived)]
    assert len(set(values)) == len(values)
    assert {len(value) for value in values} == {32}
    assert keys.derive("t" * 32) != derived


def test_keys_do_not_show_themselves() -> None:
    """Fault 87: a key that is printed is a key that is logged."""
    derived = keys.derive("s" * 32)
    assert str(derived.csrf) not in repr(derived)
