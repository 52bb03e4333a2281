"""The institutions of the small world: Wolf's, with a long name and many members, and an empty one.

Amara is a student of the large one. Sessions move through the ledger and rosters through the queue, as on the pages.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from topup.core import ids, rosters, tokens
from topup.core.people import Person
from topup.db import allocations, invitations, ledger, logins, memberships, roster_imports
from topup.db.allocations import Allocation
from topup.db.memberships import Seat
from topup.flows import allocate, create_institution, roster_queue, take_back
from topup.ledger import commands, journal
from topup.runtime.house import House

LONG_NAME = "Rindfleischetikettierungsüberwachungsgymnasium 東京国際高等学校 مدرسة الأمل الدولية"
NAMES = ("Zoë", "佐藤 純", "محمد عبد الرحمن", "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamter")
GOOD = "email,quantity,expiresAt,name\n" + "".join(
    f"class-{number}@example.com,{number % 9 + 1},2037-06-30,{NAMES[number % 4]}\n" for number in range(120)
)
BAD = (
    "email,quantity,expiresAt\nnobody,1,\na@example.com,zero,\nb@example.com,1,31/12/2036\n"
    "c@example.com,1,\nc@example.com,2,\n"
)
WIDE = "email,quantity\nwide@example.com,99999\n"
INVITED_EMAIL = "invited-with-a-rather-long-address-for-a-phone@example.com"


@dataclass(frozen=True)
class Schools:
    """Two institutions by id, and what there is in the large one."""

    large: UUID
    empty: UUID
    allocation_id: UUID
    closed_id: UUID
    member_id: UUID
    invited_id: UUID
    rosters: dict[str, str]
    token: str


async def settle(house: House, *, owner: Person, founder: Person, student_email: str) -> Schools:
    """Make both."""
    seat, empty = await _institution(house, owner, LONG_NAME), await _institution(house, founder, "Dale School")
    await _fill(house, seat, 1250)
    given = await _share_out(house, seat, owner, student_email)
    files = {
        "good": await _upload(house, seat, owner, "class of '37.csv", GOOD),
        "bad": await _upload(house, seat, owner, "half-finished list of everybody (final) (2).csv", BAD),
        "wide": await _upload(house, seat, owner, "wide.csv", WIDE),
        "done": await _upload(house, seat, owner, "name,quantity.csv", "email,quantity\ndone@example.com,3\n"),
    }
    await roster_queue.want(house.pool, seat, files["done"], by=owner.user_id)
    assert await roster_queue.run_next(house.pool)
    files["running"] = await _upload(house, seat, owner, "running.csv", GOOD.replace("class-", "running-"))
    await roster_queue.want(house.pool, seat, files["running"], by=owner.user_id)
    async with house.pool.connection() as conn:
        await roster_imports.start(conn, seat.institution_id, files["running"], rows_total=10_000)
        await roster_imports.advance(conn, seat.institution_id, files["running"], rows_done=3_500)
    return Schools(
        large=seat.institution_id,
        empty=empty.institution_id,
        rosters=files,
        token=await _token(house, given["invited"].membership_id),
        allocation_id=given["student"].id,
        closed_id=given["closed"].id,
        member_id=given["student"].membership_id,
        invited_id=given["invited"].membership_id,
    )


async def person(house: House, login_secret: str) -> Person:
    """Who holds a page's cookie."""
    async with house.pool.connection() as conn:
        found = await logins.find_by_cookie(conn, tokens.digest(login_secret))
    assert found is not None
    return found


async def _institution(house: House, owner: Person, name: str) -> Seat:
    async with house.pool.connection() as conn:
        made = await create_institution.create(conn, name=name, billing_email=owner.email, person=owner)
        seats = await memberships.seats(conn, user_id=owner.user_id, email=owner.email)
    return next(seat for seat in seats if seat.institution_id == made.id)


async def _fill(house: House, seat: Seat, sessions: int) -> None:
    async with house.pool.connection() as conn:
        account_id = await create_institution.pool_account(conn, seat.institution_id)
        await journal.post(conn, [commands.Credit(account_id, sessions, "PROMOTION", _cause(), "topup")])


async def _share_out(house: House, seat: Seat, owner: Person, student_email: str) -> dict[str, Allocation]:
    async with house.pool.connection() as conn:
        ends_at = await ledger.now(conn) + timedelta(days=45)

        async def give(email: str, sessions: int) -> Allocation:
            return await allocate.allocate(conn, seat, allocate.Wish(None, email, sessions, ends_at), owner)

        for number in range(30):
            await give(f"student-{number}@example.com", number % 5 + 1)
        student, closed, invited = await _three(give, student_email)
        spend = commands.Spend(student.account_id, 12, _cause(), "application:world")
        await journal.post(conn, [spend, commands.Spend(closed.account_id, 2, _cause(), "application:world")])
        locked = await allocations.lock(conn, [closed.id])
        await take_back.close(conn, locked, institution_id=seat.institution_id, actor=owner.actor)
    return {"student": student, "closed": closed, "invited": invited}


async def _three(
    give: Callable[[str, int], Awaitable[Allocation]], student_email: str
) -> tuple[Allocation, Allocation, Allocation]:
    return await give(student_email, 40), await give("closed@example.com", 10), await give(INVITED_EMAIL, 1)


async def _upload(house: House, seat: Seat, owner: Person, name: str, text: str) -> str:
    roster = rosters.read(text.encode())
    await roster_queue.keep(house.pool, seat, roster, text.encode(), name=name, by=owner.user_id)
    return roster.id


async def _token(house: House, membership_id: UUID) -> str:
    """A link for somebody invited that is known here."""
    token = "topup_in_of_the_world"
    async with house.pool.connection() as conn:
        await invitations.revoke(conn, membership_id)
        await invitations.add_many(conn, [(ids.new(), membership_id, tokens.digest(token))])
    return token


def _cause() -> commands.Cause:
    return commands.Cause("world", str(ids.new()))
