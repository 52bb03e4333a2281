"""The sandbox as a whole: its state, its clock, waiting for its deliveries, and wiping it.

Moving the clock does at once what falls due on the way; the courier then delivers it.
"""

import dataclasses
from typing import Final

from starlette.requests import Request

from stripe_sandbox.control import faults, reading
from stripe_sandbox.nouns import webhook_endpoints
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.store import Body


@dataclasses.dataclass
class ClockMove:
    """Where the clock is to stand: further on, at a moment, or back at the wall's time."""

    advance_s: float | None = None
    at: float | None = None
    reset: bool = False


@dataclasses.dataclass
class Settling:
    """How long to wait until all deliveries are made; `hurry` makes retries due now."""

    timeout_s: float = 10.0
    hurry: bool = False


async def _state(sandbox: Sandbox, _request: Request, _given: Body) -> Body:
    return {
        "now": int(sandbox.clock.now()),
        "offset_s": sandbox.clock.offset_s,
        "deliveries": sandbox.courier.counts(),
        "pace": dataclasses.asdict(sandbox.pace),
        **faults.switched(sandbox),
    }


async def _clock(sandbox: Sandbox, _request: Request, given: Body) -> Body:
    move = reading.read(ClockMove, given)
    if move.reset:
        sandbox.clock.move(0.0)
    elif move.at is not None:
        sandbox.clock.move(move.at - sandbox.clock.wall())
    elif move.advance_s is not None:
        sandbox.clock.move(sandbox.clock.offset_s + move.advance_s)
    else:
        raise reading.Wrong("Say advance_s, at or reset.")
    done = sandbox.timers.do_due()
    sandbox.courier.wake()
    return {"now": int(sandbox.clock.now()), "offset_s": sandbox.clock.offset_s, "jobs_done": done}


async def _settle(sandbox: Sandbox, _request: Request, given: Body) -> Body:
    settling = reading.read(Settling, given)
    sandbox.timers.do_due()
    is_settled = await sandbox.courier.settle(settling.timeout_s, hurry=settling.hurry)
    return {"settled": is_settled, "deliveries": sandbox.courier.counts()}


async def _wipe(sandbox: Sandbox, _request: Request, _given: Body) -> Body:
    """Forget everything but the endpoint of the command line."""
    await sandbox.courier.stop_flights()
    sandbox.switches.clear()
    with sandbox.work() as work:
        work.store.wipe()
        settings = sandbox.settings
        webhook_endpoints.configure(work, settings.webhook_url, settings.webhook_secret)
    sandbox.clock.offset_s = 0.0
    return {"wiped": True}


CALLS: Final[tuple[reading.Call, ...]] = (
    ("GET", "/sandbox", _state),
    ("POST", "/sandbox/clock", _clock),
    ("POST", "/sandbox/settle", _settle),
    ("POST", "/sandbox/wipe", _wipe),
)
