"""Faults on demand: how the next API calls are answered, how the next events travel, and outages.

Only switches: `door` and `work` act on them. A restart and a wipe switch everything off.
"""

import asyncio
import dataclasses
from typing import Final

from starlette.requests import Request

from stripe_sandbox import switches
from stripe_sandbox.control import reading
from stripe_sandbox.sandbox import Sandbox
from stripe_sandbox.store import Body


def switched(sandbox: Sandbox) -> Body:
    """Return all that is switched on."""
    outage = sandbox.switches.outage
    return {
        "faults": [dataclasses.asdict(fault) for fault in sandbox.switches.api],
        "webhook_faults": [dataclasses.asdict(fault) for fault in sandbox.switches.delivery],
        "outage": outage.manner if outage else None,
    }


async def _faults(sandbox: Sandbox, _request: Request, _given: Body) -> Body:
    return switched(sandbox)


async def _add_fault(sandbox: Sandbox, _request: Request, given: Body) -> Body:
    fault = reading.read(switches.ApiFault, given)
    if fault.answer not in switches.ANSWERS:
        raise reading.Wrong(f"answer must be one of {', '.join(switches.ANSWERS)}.")
    sandbox.switches.api.append(fault)
    return switched(sandbox)


async def _add_delivery_fault(sandbox: Sandbox, _request: Request, given: Body) -> Body:
    fault = reading.read(switches.DeliveryFault, given)
    if fault.kind not in switches.WAYS:
        raise reading.Wrong(f"kind must be one of {', '.join(switches.WAYS)}.")
    reading.check_manner(fault.manner)
    sandbox.switches.delivery.append(fault)
    return switched(sandbox)


async def _clear_faults(sandbox: Sandbox, _request: Request, _given: Body) -> Body:
    sandbox.switches.clear()
    return switched(sandbox)


async def _outage(sandbox: Sandbox, _request: Request, given: Body) -> Body:
    outage = reading.read(switches.Outage, given)
    if outage.manner not in switches.OUTAGES:
        raise reading.Wrong(f"manner must be one of {', '.join(switches.OUTAGES)}.")
    sandbox.switches.outage = outage
    return switched(sandbox)


async def _end_outage(sandbox: Sandbox, _request: Request, _given: Body) -> Body:
    sandbox.switches.outage = None
    # One turn of the loop lets calls that hang see that it is over before this one is answered.
    await asyncio.sleep(0)
    return switched(sandbox)


CALLS: Final[tuple[reading.Call, ...]] = (
    ("GET", "/sandbox/faults", _faults),
    ("POST", "/sandbox/faults", _add_fault),
    ("POST", "/sandbox/webhook-faults", _add_delivery_fault),
    ("DELETE", "/sandbox/faults", _clear_faults),
    ("POST", "/sandbox/outage", _outage),
    ("DELETE", "/sandbox/outage", _end_outage),
)
