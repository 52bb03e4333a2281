"""When a silent service is left alone, and when it is tried again."""

from topup.gateway import breaker


def test_breaker_rests_after_failures_in_a_row_and_then_lets_one_caller_try() -> None:
    """Fault 34."""
    now = 0.0
    circuit = breaker.Breaker(monotonic=lambda: now, failures_max=2, rest_seconds=5.0)
    circuit.failed()
    circuit.succeeded()
    circuit.failed()
    assert circuit.may_call()
    circuit.failed()
    assert not circuit.may_call()
    now = 5.0
    assert [circuit.may_call(), circuit.may_call()] == [True, False]
    now = 10.0
    assert circuit.may_call()
    circuit.succeeded()
    assert [circuit.may_call(), circuit.may_call()] == [True, True]
