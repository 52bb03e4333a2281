"""The faults that tests switch on: how API calls are answered and how events travel.

Kept in memory: a restart switches everything off. The door asks `take` before each call; `work` asks for the plan of
each new event. Faults with a count wear out; the first that matches is used.
"""

import dataclasses
import fnmatch
from typing import Final

from stripe_sandbox.work import Way

ANSWERS: Final = ("429", "500", "409", "502", "lost", "slow")
OUTAGES: Final = ("cut", "hang", "502")
WAYS: Final = ("duplicate", "delay", "reorder", "drop", "forge", "twin")


@dataclasses.dataclass
class ApiFault:
    """What to answer to the next calls that match, instead of or after the work they ask for."""

    answer: str
    method: str = "*"
    path: str = "*"
    times: int = 1
    after_work: bool = False
    remember: bool = False
    delay_s: float = 0.0
    reason: str | None = None

    def fits(self, method: str, path: str) -> bool:
        """Tell whether this call is meant."""
        return self.times > 0 and self.method in {"*", method} and fnmatch.fnmatchcase(path, self.path)


@dataclasses.dataclass
class DeliveryFault:
    """What to do to the deliveries of the next events of these types."""

    kind: str
    types: list[str] = dataclasses.field(default_factory=lambda: ["*"])
    times: int = 1
    copies: int = 1
    delay_s: float = 1.0
    manner: str = "wrong_secret"

    def fits(self, event_type: str) -> bool:
        """Tell whether events of this type are meant."""
        return self.times > 0 and any(fnmatch.fnmatchcase(event_type, pattern) for pattern in self.types)


@dataclasses.dataclass
class Outage:
    """The whole API away: every call is cut off, or hangs, or meets a gateway's error page."""

    manner: str = "cut"


class Switches:
    """All faults that are on."""

    def __init__(self) -> None:
        self.api: list[ApiFault] = []
        self.delivery: list[DeliveryFault] = []
        self.outage: Outage | None = None

    def clear(self) -> None:
        """Switch everything off."""
        self.api.clear()
        self.delivery.clear()
        self.outage = None

    def take(self, method: str, path: str) -> ApiFault | None:
        """Use up one turn of the first fault that fits this call."""
        fault = next((fault for fault in self.api if fault.fits(method, path)), None)
        if fault:
            fault.times -= 1
            self.api = [fault for fault in self.api if fault.times > 0]
        return fault

    def twins(self, event_type: str) -> int:
        """Return how many twins the next event of this type gets."""
        fault = self._take_delivery(event_type, twins=True)
        return fault.copies if fault else 0

    def deliveries(self, event_type: str) -> list[Way]:
        """Return the deliveries of one event to one endpoint."""
        fault = self._take_delivery(event_type, twins=False)
        if fault is None:
            return [Way()]
        if fault.kind == "drop":
            return [Way(status="dropped")]
        if fault.kind == "forge":
            return [Way(manner=fault.manner)]
        if fault.kind == "duplicate":
            return [Way()] * (1 + fault.copies)
        if fault.kind == "reorder":
            # What comes first waits longest, so that the events of one window arrive last to first.
            return [Way(delay_s=fault.delay_s * fault.times)]
        return [Way(delay_s=fault.delay_s)]

    def _take_delivery(self, event_type: str, *, twins: bool) -> DeliveryFault | None:
        fitting = (fault for fault in self.delivery if (fault.kind == "twin") is twins and fault.fits(event_type))
        fault = next(fitting, None)
        if fault:
            fault.times -= 1
            self.delivery = [fault for fault in self.delivery if fault.times > 0]
        return fault
