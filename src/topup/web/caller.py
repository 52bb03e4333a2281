"""Where a request comes from, as the rate limits count it.

The address is the connection's; behind a proxy the server in front replaces it by the forwarded one, and only for
proxies that TOPUP_TRUSTED_PROXIES names. No header is read here.
"""

from typing import Annotated

from fastapi import Depends, Request

from topup.core import limits
from topup.web.context import HouseDep


async def caller_of(request: Request, house: HouseDep) -> limits.Caller:
    """The caller of this request."""
    address = request.client.host if request.client else ""
    return limits.Caller(address, limits.DEMO_ALLOWANCE if house.settings.is_demo else 1)


CallerDep = Annotated[limits.Caller, Depends(caller_of)]
