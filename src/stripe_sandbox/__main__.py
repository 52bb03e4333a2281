"""The command line: `python -m stripe_sandbox --port N --data FILE`.

Prints one line, `stripe: http://HOST:PORT`, when it listens, and exits with 0 on SIGTERM and Ctrl-C, with 1 and a
sentence when it cannot start.
"""

import argparse
import dataclasses
import socket
import sys
from pathlib import Path

import uvloop

from stripe_sandbox import running
from stripe_sandbox.settings import Pace, Settings
from stripe_sandbox.store import Occupied

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def main(arguments: list[str] | None = None) -> int:
    """Run the sandbox; returns the exit status."""
    options = _parser().parse_args(arguments)
    secret = options.webhook_secret
    if bool(options.webhook_url) != bool(secret):
        return _cannot("--webhook-url and --webhook-secret belong together.")
    if secret and not secret.startswith("whsec_"):
        return _cannot("The webhook secret must begin with whsec_.")
    if options.host not in LOOPBACK and not options.public_url:
        return _cannot("On an address other than loopback, say with --public-url how buyers reach the sandbox.")
    try:
        bound = (
            running.bind(options.host, options.port) if options.socket is None else running.handed_over(options.socket)
        )
    except OSError as taken:
        what = f"Socket {options.socket}" if options.port is None else f"Port {options.port} on {options.host}"
        return _cannot(f"{what} cannot be used: {taken.strerror}.")
    settings = running.with_address(
        Settings(options.data, options.public_url.rstrip("/"), options.webhook_url, secret, _pace(options)),
        bound,
    )
    try:
        uvloop.run(_serve(settings, bound, exits_with_parent=options.exit_with_parent))
    except Occupied as occupied:
        return _cannot(str(occupied))
    except KeyboardInterrupt:
        pass
    return 0


async def _serve(settings: Settings, bound: socket.socket, *, exits_with_parent: bool) -> None:
    def announce(_server: running.Server) -> None:
        print(f"stripe: {settings.public_url}", flush=True)  # noqa: T201 - this line is the command's output

    await running.serve(settings, bound, on_ready=announce, exits_with_parent=exits_with_parent)


def _pace(options: argparse.Namespace) -> Pace:
    pace = Pace()
    given = {
        field.name: getattr(options, field.name)
        for field in dataclasses.fields(pace)
        if getattr(options, field.name, None) is not None
    }
    return dataclasses.replace(pace, **given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stripe_sandbox", description="An offline Stripe for tests.")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--port", type=int, help="0 picks a free one")
    where.add_argument("--socket", type=int, help="the number of a listening socket that the parent opened")
    parser.add_argument("--data", type=Path, required=True, help="the SQLite file; made when it is not there")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--public-url", default="", help="how browsers reach it, when not at the address it listens on")
    parser.add_argument("--webhook-url", help="an endpoint that gets every event")
    parser.add_argument("--webhook-secret", help="the whsec_ secret its deliveries are signed with")
    parser.add_argument("--exit-with-parent", action="store_true", help="stop when standard input ends")
    parser.add_argument("--redirect-wait-s", type=float, help="how long a buyer waits for the webhook after paying")
    parser.add_argument("--delivery-timeout-s", type=float)
    parser.add_argument("--debit-settles-s", type=float, help="how long a bank debit takes")
    parser.add_argument("--debit-delayed-s", type=float, help="how long a delayed bank debit takes")
    parser.add_argument("--refund-settles-s", type=float, help="how long a pending refund takes")
    parser.add_argument("--dispute-opens-s", type=float, help="how soon a disputing card disputes")
    parser.add_argument("--retry-after-s", type=_seconds, help="the waits between delivery attempts, comma-separated")
    return parser


def _seconds(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(",") if part)


def _cannot(why: str) -> int:
    print(why, file=sys.stderr)  # noqa: T201 - the command's one sentence of refusal
    return 1


if __name__ == "__main__":
    sys.exit(main())
