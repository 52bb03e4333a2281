"""The offline Stripe as a child process of the demo: started, watched, started again if it dies, stopped.

It is a program of its own, told everything on its command line and ended by the end of its standard input, so that it
never outlives the demo, not even one that is killed. Its socket is opened here and handed over, so that no other
program can come between the finding of a port and its use.
"""

import contextlib
import dataclasses
import select
import socket
import subprocess
import sys
from pathlib import Path

from topup import errors

HOST = "127.0.0.1"
START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 5
ANNOUNCED = "stripe: "


@dataclasses.dataclass(frozen=True, slots=True)
class Orders:
    """What the child is told. The port is the one it had last, and asked for again."""

    data: Path
    log: Path
    port: int
    webhook_url: str
    webhook_secret: str = dataclasses.field(repr=False)


class Child:
    """One running child, and the address it announced."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        with _listening_about(orders.port) as listening:
            self._process = _started(orders, listening)
        self.address = ""

    def wait_until_ready(self) -> None:
        """Wait for the line in which it says where it is."""
        stdout = self._process.stdout
        if stdout is None:
            raise errors.Broken("The offline Stripe was started without a way to hear from it.")
        is_heard = bool(select.select([stdout], [], [], START_SECONDS_MAX)[0])
        line = stdout.readline().decode() if is_heard else ""
        if not line.startswith(ANNOUNCED):
            self.stop()
            raise errors.Unavailable(f"The offline Stripe did not start; {self._orders.log} says why.")
        self.address = line.removeprefix(ANNOUNCED).strip()

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def restart(self) -> None:
        """Start it again at the same address, which buyers may have in their browser."""
        self.stop()
        port = int(self.address.rpartition(":")[2])
        with _listening(port) as listening:
            self._process = _started(self._orders, listening)
        self.wait_until_ready()

    def stop(self) -> None:
        """End it and wait for its end."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def _listening_about(port: int) -> socket.socket:
    """A socket at the wanted port where that is free, else at any."""
    with contextlib.suppress(errors.Unavailable):
        return _listening(port)
    return _listening(0)


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except OSError as fault:
        raise errors.Unavailable(f"The offline Stripe cannot use port {port}: {fault.strerror}.") from fault


def _started(orders: Orders, listening: socket.socket) -> subprocess.Popen[bytes]:
    command = [
        *(sys.executable, "-m", "stripe_sandbox", "--exit-with-parent"),
        *("--socket", str(listening.fileno()), "--data", str(orders.data)),
        *("--webhook-url", orders.webhook_url, "--webhook-secret", orders.webhook_secret),
    ]
    with orders.log.open("ab") as log:
        # Its own session, so that Ctrl-C in the terminal reaches the demo alone, which then stops it in order.
        return subprocess.Popen(  # noqa: S603 - our own program, no shell
            command,
            pass_fds=[listening.fileno()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
