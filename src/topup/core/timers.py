"""How long each loop and timer of the worker may be silent before somebody must look: for the figures and the doctor.

By the names under which topup.worker leaves its heartbeats; a test holds the two together.
"""

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

LOOPS = {"outbox": MINUTE, "inbox": MINUTE, "rescue": MINUTE, "money back": 3 * MINUTE, "rosters": 10 * MINUTE}

TIMERS = {
    "settle overdue": 5 * MINUTE,
    "return ended allocations": 5 * MINUTE,
    "reconcile recent": 25 * MINUTE,
    "close unpaid": 30 * MINUTE,
    "remind of expiry": 2 * HOUR + 10 * MINUTE,
    "purge jobs": 2 * HOUR + 10 * MINUTE,
    "reconcile": DAY + 2 * HOUR,
    "verify": DAY + 2 * HOUR,
    "forget old mails": DAY + 2 * HOUR,
    "forget old events": DAY + 2 * HOUR,
    "forget old reports": DAY + 2 * HOUR,
    "forget old rosters": DAY + 2 * HOUR,
    "forget old sign-ins": DAY + 2 * HOUR,
}

SILENT_MAX_SECONDS = {**LOOPS, **TIMERS}


def late(ages_seconds: dict[str, float], *, deployment_age_seconds: float) -> dict[str, bool]:
    """Which of them are silent for too long. What never ran counts from the day the database was made."""
    return {
        name: ages_seconds.get(name, deployment_age_seconds) > limit_seconds
        for name, limit_seconds in SILENT_MAX_SECONDS.items()
    }
