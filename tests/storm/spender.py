"""A process that spends one credit after the other through a queue, and says which keys were answered: to be killed.

`python -m tests.storm.spender DATABASE_URL ACCOUNT_ID NAME`; each line of its output is a key that was answered 201.
"""

import asyncio
import functools
import itertools
import sys
from uuid import UUID

from tests import asking, people
from topup.flows import requests
from topup.flows.requests import Answer, KeyReused, Request
from topup.ledger import commands
from topup.runtime import house
from topup.runtime.group_commit import GroupCommit

CALLERS = 8


async def main(database_url: str, account_id: UUID, name: str) -> None:
    """Spend until killed."""
    options = {"options": house.CONNECTION_OPTIONS}
    async with people.Pool(database_url, min_size=1, max_size=2, kwargs=options, open=False) as pool:
        post = functools.partial(requests.post, pool)
        async with GroupCommit(post, is_passing=house.is_passing_for_requests) as door:
            await asyncio.gather(*(_spend(pool, door, account_id, f"{name}-{n}") for n in range(CALLERS)))


async def _spend(
    pool: people.Pool, door: GroupCommit[Request, Answer | KeyReused], account_id: UUID, name: str
) -> None:
    machine = asking.Machine(pool)
    for number in itertools.count():
        key = f"{name}-{number}"
        command = commands.Spend(account_id, 1, commands.Cause("spender", key), machine.principal)
        answer = await door.submit(machine.request(command, key))
        if isinstance(answer, Answer) and answer.status == 201:
            sys.stdout.write(f"{key}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], UUID(sys.argv[2]), sys.argv[3]))
