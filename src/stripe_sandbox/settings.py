"""What the sandbox is started with, and the pace of what it does by itself.

Set once from the command line; tests build one directly. Nothing here is secret but the webhook secret.
"""

import dataclasses
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Pace:
    """How long the sandbox waits, in seconds: of its own clock for debits and retries, of the wall's for the rest."""

    redirect_wait_s: float = 3.0
    delivery_timeout_s: float = 10.0
    retry_after_s: tuple[int, ...] = (1, 5, 15, 60, 300, 1800, 7200, 21600, 43200, 86400, 86400)
    debit_settles_s: int = 2
    debit_delayed_s: int = 180
    refund_settles_s: int = 5
    dispute_opens_s: int = 1


@dataclasses.dataclass(frozen=True)
class Settings:
    """The command line, read."""

    data: Path
    public_url: str
    webhook_url: str | None = None
    webhook_secret: str | None = None
    pace: Pace = dataclasses.field(default_factory=Pace)
