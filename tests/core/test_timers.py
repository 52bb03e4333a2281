"""Which loops and timers have been silent for too long."""

import pytest

from topup.core import timers


@pytest.mark.parametrize(("age_seconds", "is_late"), [(0, False), (60, False), (60.1, True)])
def test_a_loop_is_late_when_it_was_silent_for_longer_than_it_may(age_seconds: float, *, is_late: bool) -> None:
    late = timers.late({"outbox": age_seconds}, deployment_age_seconds=0)
    assert {name for name, is_silent in late.items() if is_silent} == ({"outbox"} if is_late else set())
    assert set(late) == set(timers.SILENT_MAX_SECONDS)


def test_what_never_ran_is_as_old_as_the_deployment() -> None:
    assert not any(timers.late({}, deployment_age_seconds=60).values())
    late = timers.late({"inbox": 5}, deployment_age_seconds=180)
    assert {name for name, is_silent in late.items() if is_silent} == {"outbox", "rescue"}
    assert all(timers.late({}, deployment_age_seconds=365 * timers.DAY).values())
