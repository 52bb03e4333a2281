"""Figures of what happens below the web: how Stripe answers, and how many share a transaction.

Noted by callbacks that the house hands down, so that gateway and queues know nothing of Prometheus.
"""

import prometheus_client

STRIPE_CALLS = prometheus_client.Counter(
    "topup_stripe_calls", "Calls to Stripe, by how they ended.", ("call", "outcome")
)
STRIPE_SECONDS = prometheus_client.Histogram(
    "topup_stripe_call_seconds",
    "Time of a call to Stripe, with all its repeats.",
    ("call",),
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25),
)
BATCH = prometheus_client.Histogram(
    "topup_batch_size",
    "How many deliveries or keyed requests shared a transaction.",
    ("queue",),
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)


def note_call(call: str, outcome: str, seconds: float) -> None:
    """One call to Stripe."""
    STRIPE_CALLS.labels(call, outcome).inc()
    STRIPE_SECONDS.labels(call).observe(seconds)


def note_deliveries(size: int) -> None:
    """One batch of deliveries."""
    BATCH.labels("deliveries").observe(size)


def note_requests(size: int) -> None:
    """One batch of keyed requests."""
    BATCH.labels("requests").observe(size)
