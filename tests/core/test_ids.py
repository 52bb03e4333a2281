"""Our ids are UUIDs of version 7: they sort by their millisecond and say nothing else."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topup.core import ids

MILLISECONDS = st.integers(min_value=0, max_value=2**48 - 1)
RANDOM_BITS = st.integers(min_value=0, max_value=2**74 - 1)


@given(MILLISECONDS, RANDOM_BITS)
def test_id_is_of_version_7_and_of_the_standard_variant(unix_ms: int, random_bits: int) -> None:
    made = ids.build(unix_ms, random_bits)
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"


@given(MILLISECONDS, RANDOM_BITS)
def test_id_holds_its_millisecond_and_all_of_its_random_bits(unix_ms: int, random_bits: int) -> None:
    made = ids.build(unix_ms, random_bits).int
    assert made >> 80 == unix_ms
    assert (made >> 64 & 0xFFF) << 62 | made & ((1 << 62) - 1) == random_bits


@given(MILLISECONDS, MILLISECONDS, RANDOM_BITS, RANDOM_BITS)
def test_ids_sort_by_the_time_they_were_made(one_ms: int, other_ms: int, one_bits: int, other_bits: int) -> None:
    if one_ms < other_ms:
        assert ids.build(one_ms, one_bits) < ids.build(other_ms, other_bits)


def test_ids_of_one_millisecond_are_still_different() -> None:
    assert len({ids.new() for _ in range(10_000)}) == 10_000


def test_clock_before_1970_or_after_the_year_10889_still_gives_an_id() -> None:
    """Fault 39: a clock may be wrong by any amount, and ids decide nothing."""
    assert isinstance(ids.build(-1, 0), UUID)
    assert isinstance(ids.build(2**60, 0), UUID)


@pytest.mark.parametrize("text", ["", "7", "nonsense", "01a20333-50ec-716d-9040", "\x00", "é" * 36])
def test_what_is_no_id_is_read_as_none(text: str) -> None:
    assert ids.read(text) is None


def test_an_id_is_read_as_it_was_written() -> None:
    made = ids.new()
    assert ids.read(str(made)) == made
