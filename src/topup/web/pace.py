"""Answers in even steps of time, where how long the work took would tell what we know (fault 74).

For calls whose work is much shorter when an address is unknown. The step is far above that difference.
"""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

STEP_SECONDS = 0.1


@asynccontextmanager
async def even() -> AsyncIterator[None]:
    """Leave at the end of a whole step, also when the work was refused."""
    began = anyio.current_time()
    try:
        yield
    finally:
        spent = anyio.current_time() - began
        await anyio.sleep(math.ceil(spent / STEP_SECONDS) * STEP_SECONDS - spent)
