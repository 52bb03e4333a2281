"""How many requests a key may send."""

from topup.core import buckets


def taken(bucket: buckets.Bucket, now_seconds: float, tries: int) -> int:
    return sum(bucket.take(now_seconds) == 0 for _ in range(tries))


def test_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = buckets.Bucket(per_second=8, burst=16)
    assert taken(bucket, 100.0, 50) == 16
    assert taken(bucket, 100.9375, 50) == 7
    assert taken(bucket, 101.0, 50) == 1


def test_bucket_fills_up_again_and_no_further() -> None:
    bucket = buckets.Bucket(per_second=8, burst=16)
    taken(bucket, 100.0, 16)
    assert taken(bucket, 1000.0, 50) == 16


def test_bucket_says_how_long_to_wait_and_keeps_its_word() -> None:
    bucket = buckets.Bucket(per_second=2, burst=1)
    assert bucket.take(0.0) == 0
    wait_seconds = bucket.take(0.0)
    assert wait_seconds == 0.5
    assert bucket.take(wait_seconds) == 0
