"""How every command runs: the loop, the signals that end it in order, and words that somebody waits for.

Knows no command; `topup.cli` and its neighbours call it.
"""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine, Iterator
from types import FrameType
from typing import Any

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CUT_OFF = 130


def say(words: str) -> None:
    """Print what somebody waits for, also through a pipe; that they have stopped reading ends nothing."""
    with contextlib.suppress(BrokenPipeError):
        print(words, flush=True)  # noqa: T201 - what the command is started for


def prepare() -> None:
    """Give httpx2 to whatever imports httpx, which is no longer looked after: Stripe's SDK does."""
    import httpx2

    httpx2.alias_httpx()


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a command's work, and let nothing disturb its end."""
    import uvloop

    try:
        uvloop.run(work)
    finally:
        leave_signals_alone()


def stop_by_signals() -> asyncio.Event:
    """An event that SIGTERM, Ctrl-C and the closing of the terminal set."""
    stop = asyncio.Event()
    for number in ENDING:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


@contextlib.contextmanager
def ended_in_order() -> Iterator[None]:
    """Before and after the event loop runs, the same signals unwind what has been opened, once and undisturbed."""

    def end(_number: int, _frame: FrameType | None) -> None:
        leave_signals_alone()
        raise KeyboardInterrupt

    for number in ENDING:
        signal.signal(number, end)
    with contextlib.suppress(KeyboardInterrupt):
        yield


@contextlib.contextmanager
def ended_early_is_failure() -> Iterator[None]:
    """As above, for commands that answer something: cut off, they have not, and exit with 130 as a shell expects."""
    is_whole = False
    with ended_in_order():
        yield
        is_whole = True
    if not is_whole:
        raise SystemExit(CUT_OFF)


def leave_signals_alone() -> None:
    """From here on no signal ends anything."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
