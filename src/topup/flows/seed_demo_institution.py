"""Fills the institution of a demo: its staff, a pool of sessions, and students who were given some of them.

Through the same flows that staff use, in the transaction that makes its owner. Called by topup.flows.seed_demo at the
demo's first start; whatever people make of it afterwards is theirs.
"""

from datetime import timedelta

from topup import errors
from topup.core import demo_people, ids
from topup.core.people import Person
from topup.core.roles import Role
from topup.db import ledger, logins, memberships, sql, users
from topup.db.memberships import Seat
from topup.db.users import User
from topup.flows import allocate, create_institution
from topup.flows import logins as opening
from topup.ledger import commands, journal

POOL_SESSIONS = 250
ALICES_SESSIONS, ALICES_DAYS, ALICES_USED = 10, 60, 3
BOBS_SESSIONS = 5
INVITED_SESSIONS = 8


async def seed(conn: sql.Connection) -> None:
    """Make all of it. The people of the demo are there."""
    opened = await opening.open_for(conn, (await _user(conn, demo_people.OLIVIA)).id, kind="PAGE")
    seat = await _found(conn, opened.person)
    for one in demo_people.EVERYONE:
        if one.place is not None and one is not demo_people.OLIVIA:
            await _join(conn, seat, one.place, await _user(conn, one))
    await _fill(conn, seat)
    await _share_out(conn, seat, opened.person)
    await logins.end(conn, opened.person.login_id, reason="the demo is filled")


async def _user(conn: sql.Connection, one: demo_people.DemoPerson) -> User:
    user = await users.find_by_email(conn, one.email)
    if user is None:
        raise errors.Broken(f"{one.name} of the demo was not made.")
    return user


async def _found(conn: sql.Connection, owner: Person) -> Seat:
    await create_institution.create(
        conn, name=demo_people.INSTITUTION, billing_email=demo_people.BILLING_EMAIL, person=owner
    )
    [seat] = await memberships.seats(conn, user_id=owner.user_id, email=owner.email)
    return seat


async def _join(conn: sql.Connection, seat: Seat, role: Role, user: User) -> None:
    membership_id = ids.new()
    await memberships.invite(
        conn,
        membership_id,
        institution_id=seat.institution_id,
        email=user.email,
        role=role,
        invited_by=None,
    )
    await memberships.join(conn, membership_id, user.id)


async def _fill(conn: sql.Connection, seat: Seat) -> None:
    pool_account_id = await create_institution.pool_account(conn, seat.institution_id)
    cause = commands.Cause("demo", str(ids.new()))
    text = commands.Text("Sessions to try Topup with")
    credit = commands.Credit(pool_account_id, POOL_SESSIONS, "PROMOTION", cause, "topup", text=text)
    await _post(conn, credit)


async def _share_out(conn: sql.Connection, seat: Seat, owner: Person) -> None:
    ends_at = await ledger.now(conn) + timedelta(days=ALICES_DAYS)
    alices = await allocate.allocate(
        conn, seat, allocate.Wish(None, demo_people.ALICE.email, ALICES_SESSIONS, ends_at), owner
    )
    for email, sessions in ((demo_people.BOB.email, BOBS_SESSIONS), (demo_people.INVITED_EMAIL, INVITED_SESSIONS)):
        await allocate.allocate(conn, seat, allocate.Wish(None, email, sessions, None), owner)
    cause = commands.Cause("demo", str(ids.new()))
    text = commands.Text("Practice interviews")
    await _post(conn, commands.Spend(alices.account_id, ALICES_USED, cause, "topup", text))


async def _post(conn: sql.Connection, command: commands.Command) -> None:
    [outcome] = await journal.post(conn, [command])
    if isinstance(outcome, commands.Denied):
        raise errors.Broken(f"The demo's institution could not be filled: {outcome.code}.")
