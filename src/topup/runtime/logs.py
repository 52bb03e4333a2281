"""How this program logs: one JSON object a line on standard error, in UTC, no secret and no person in any (fault 87).

`configure` is called once by each command; everybody else asks structlog for a logger. What looks like a secret or a
mail address is blotted out by name and by shape, as the last step before the line is written: a careless call site does
no harm.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

BLOT = "[blotted]"
_SECRET_NAMES = re.compile(
    r"passw|secret|token|otp|authorization|cookie|api_?key|client_secret|signature|^code_plain$", re.IGNORECASE
)
_SECRET_SHAPES = re.compile(
    r"\b[sr]k_(?:live|test)_[A-Za-z0-9]+"
    r"|\bwhsec_[A-Za-z0-9+/=_-]+"
    r"|\btopup_[a-z]{2}_[A-Za-z0-9_-]+"
    r"|\bey[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"
    r"|\b(?:pi|seti|cs)_[A-Za-z0-9_]+_secret_[A-Za-z0-9]+"
    r"|(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"
    r"|\b(?:\d[ -]?){13,19}\b"
    # Whose it is, and what PostgreSQL repeats of a row that it refused.
    r"|[^\s\"'<>()\[\]{},;:=]+@[^\s\"'<>()\[\]{},;:=@]+\.[^\s\"'<>()\[\]{},;:=@]+"
    r"|(?<=Failing row contains )\([^\n]*"
    r"|(?<=DETAIL:  Key )\([^\n]*"
)


def configure(level: str) -> None:
    """Send our own and every library's log lines through the same steps."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        blot,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        # Filtered before any step runs, so that a line below the level costs nothing.
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("alembic", "httpx2", "httpcore2", "stripe", "procrastinate", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def blot(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide values whose name or shape says secret."""
    for name, value in line.items():
        line[name] = BLOT if _SECRET_NAMES.search(name) and value else without_secrets(value)
    return line


def without_secrets(value: object) -> object:
    """The same value with every secret-looking run of characters blotted out."""
    if isinstance(value, str):
        return _SECRET_SHAPES.sub(BLOT, value)
    if isinstance(value, dict):
        return {
            key: BLOT if _SECRET_NAMES.search(str(key)) and item else without_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [without_secrets(item) for item in value]
    return value
