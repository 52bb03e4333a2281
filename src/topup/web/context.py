"""What a handler may reach: the house, its settings and its pool.

`create_app` puts the house on the application; handlers take it as `HouseDep` and hand its parts to flows one by one.
"""

from typing import Annotated, cast

from fastapi import Depends, Request

from topup.runtime.house import House


def house_of(request: Request) -> House:
    """The house that this request's application was built with."""
    return cast("House", request.app.state.house)


async def _house(request: Request) -> House:
    """The same for handlers; not `def`, since the framework would send that to a thread for each request."""
    return house_of(request)


HouseDep = Annotated[House, Depends(_house)]
