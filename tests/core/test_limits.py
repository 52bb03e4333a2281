"""Who a limit counts for (faults 71, 72)."""

import pytest

from topup.core import limits

KEY = b"k" * 32


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", "unknown"),
        ("testclient", "unknown"),
    ],
)
def test_one_caller_is_one_address_or_one_subscribers_network(address: str, network: str) -> None:
    assert limits.network_of(address) == network


def test_a_bucket_does_not_show_whom_it_counts_for() -> None:
    charge = limits.of_address(KEY, limits.CODE_TO_ADDRESS, "alice@example.com")
    assert "alice" not in charge.bucket
    assert charge == limits.of_address(KEY, limits.CODE_TO_ADDRESS, "alice@example.com")
    assert charge != limits.of_address(KEY, limits.CODE_TO_ADDRESS, "bob@example.com")
    assert charge.bucket != limits.of_address(b"x" * 32, limits.CODE_TO_ADDRESS, "alice@example.com").bucket


def test_a_demo_allows_its_one_machine_more_but_no_address_more() -> None:
    caller = limits.Caller("127.0.0.1", limits.DEMO_ALLOWANCE)
    widened = limits.of_caller(KEY, limits.SIGN_UP_OF_CALLER, caller).limit
    assert widened.burst == limits.SIGN_UP_OF_CALLER.burst * limits.DEMO_ALLOWANCE
    assert widened.every_seconds == limits.SIGN_UP_OF_CALLER.every_seconds / limits.DEMO_ALLOWANCE
    pair = limits.of_pair(KEY, limits.CODE_TO_ADDRESS_BY_CALLER, caller, "alice@example.com").limit
    assert pair == limits.CODE_TO_ADDRESS_BY_CALLER


def test_what_counts_for_all_is_one_bucket_for_everybody_under_each_limit() -> None:
    here, there = limits.Caller("192.0.2.7", 1), limits.Caller("192.0.2.8", limits.DEMO_ALLOWANCE)
    one, other = (limits.of_all(KEY, limits.CODE_TO_ANYBODY, caller) for caller in (here, there))
    assert one.bucket == other.bucket == limits.of_address(KEY, limits.CODE_TO_ANYBODY, "").bucket
    assert one.bucket != limits.of_all(b"x" * 32, limits.CODE_TO_ANYBODY, here).bucket
    assert one.limit == limits.CODE_TO_ANYBODY
    assert other.limit.burst == limits.CODE_TO_ANYBODY.burst * limits.DEMO_ALLOWANCE
