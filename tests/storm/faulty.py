"""Counts every read and write of a process on TCP sockets, and at one of them kills it, stops it or cuts the line.

Installed in child processes only. PostgreSQL is spoken to in C, inside libpq; there each step of psycopg's generators
is one read or write. A query is sent by the time its first step begins, so "before" the read of an answer is the
moment at which the server may have done the work and nobody knows.
"""

import os
import signal
import socket
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any

import psycopg.waiting

KILLED_BEFORE, KILLED_AFTER, CUT, STOPPED = "killed before", "killed after", "cut", "stopped"
WAYS = (KILLED_BEFORE, KILLED_AFTER, CUT)


@dataclass
class Plan:
    """What happens at which read or write; `count` is how many there were since it was laid."""

    at: int = 0
    way: str = ""
    count: int = 0
    is_armed: bool = False
    has_fired: bool = False

    def lay(self, at: int, way: str) -> None:
        """Start counting; at 0 nothing happens."""
        self.at, self.way, self.count, self.is_armed, self.has_fired = at, way, 0, True, False

    def before(self, fileno: int) -> bool:
        """One more is about to happen; whether it is the one."""
        if not self.is_armed:
            return False
        self.count += 1
        if self.count != self.at:
            return False
        self.has_fired = True
        if self.way == KILLED_BEFORE:
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.way == STOPPED:
            os.kill(os.getpid(), signal.SIGSTOP)
        elif self.way == CUT:
            _cut(fileno)
        return True

    def after(self, *, is_the_one: bool) -> None:
        """It happened."""
        if is_the_one and self.way == KILLED_AFTER:
            os.kill(os.getpid(), signal.SIGKILL)


PLAN = Plan()


def install() -> None:
    """Have every read and write of this process pass here."""
    for name in ("send", "recv", "recv_into", "sendmsg"):
        setattr(socket.socket, name, _counted(getattr(socket.socket, name)))
    psycopg.waiting.wait_async = _waiting(psycopg.waiting.wait_async)  # type: ignore[assignment]
    psycopg.waiting.wait_conn_async = _waiting_to_connect(psycopg.waiting.wait_conn_async)  # type: ignore[assignment]


def _cut(fileno: int) -> None:
    with socket.socket(fileno=os.dup(fileno)) as line:
        line.shutdown(socket.SHUT_RDWR)


def _counted(real: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: socket.socket, *arguments: Any) -> object:
        if self.family != socket.AF_INET:
            return real(self, *arguments)
        is_the_one = PLAN.before(self.fileno())
        result = real(self, *arguments)
        PLAN.after(is_the_one=is_the_one)
        return result

    return call


def _waiting(real: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    def wait(generator: Generator[int, int, Any], fileno: int, *arguments: Any, **named: Any) -> Awaitable[Any]:
        return real(_steps(generator, lambda _state: fileno), fileno, *arguments, **named)

    return wait


def _waiting_to_connect(real: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    def wait(generator: Generator[tuple[int, int], int, Any], *arguments: Any, **named: Any) -> Awaitable[Any]:
        return real(_steps(generator, lambda state: state[0]), *arguments, **named)

    return wait


def _steps(generator: Generator[Any, int, Any], fileno_of: Callable[[Any], int]) -> Generator[Any, int, Any]:
    """The same generator, each of its steps but the first (which has nothing to wait for) counted as one I/O."""
    try:
        state = next(generator)
        while True:
            ready = yield state
            is_the_one = PLAN.before(fileno_of(state)) if ready else False
            state = generator.send(ready)
            PLAN.after(is_the_one=is_the_one)
    except StopIteration as end:
        return end.value
