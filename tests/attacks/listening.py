"""Everything that a running Topup writes to its log, as text, for tests that look for what must not be in it."""

import contextlib
import io
import logging
from collections.abc import Iterator

import structlog

from topup.runtime import logs


@contextlib.contextmanager
def to_the_log() -> Iterator[io.StringIO]:
    """Logging as the commands have it, at its most talkative, into a text; taken back afterwards."""
    root = logging.getLogger()
    handlers, level, shape = root.handlers[:], root.level, structlog.get_config()
    logs.configure("debug")
    structlog.configure(cache_logger_on_first_use=False)
    heard = io.StringIO()
    [handler] = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(heard)
    try:
        yield heard
    finally:
        structlog.configure(**shape)
        root.handlers[:] = handlers
        root.setLevel(level)
