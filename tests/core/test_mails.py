"""How long a mail that could not be sent waits for its next try."""

import pytest

from topup.core import mails


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 2), (2, 4), (3, 8), (11, 2048), (12, 3600), (50, 3600), (10_000, 3600)]
)
def test_each_wait_is_twice_the_one_before_and_none_is_longer_than_an_hour(attempts: int, seconds: int) -> None:
    assert mails.retry_after(attempts).total_seconds() == seconds


def test_a_mail_is_tried_for_longer_than_a_weekend_night_and_a_day() -> None:
    """A mail server may be down for a day and a half."""
    waits = (mails.retry_after(attempts).total_seconds() for attempts in range(1, mails.ATTEMPTS_MAX))
    assert sum(waits) > 36 * 3600
