"""Who belongs to which institution, as rows: invited under an address, active as a person, or gone.

Addresses come in canonical form. A row that has LEFT stays, since sessions and allocations point at it. Whoever changes
or relies on a membership locks it before any account (the order of locks of all flows).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from topup.core.roles import Role
from topup.db import sql


@dataclass(frozen=True, slots=True)
class Seat:
    """A person's own place in an institution. A student invited under their address has one before they accept.

    `holds_sessions`: sessions were ever given to it, so there is something to see of them.
    """

    membership_id: UUID
    institution_id: UUID
    institution_name: str
    role: Role
    status: str
    holds_sessions: bool


SEATS = """
    SELECT m.id AS membership_id, m.institution_id, i.name AS institution_name, m.role, m.status,
        EXISTS (SELECT FROM accounts a WHERE a.membership_id = m.id) AS holds_sessions
    FROM memberships m JOIN institutions i ON i.id = m.institution_id
    WHERE m.user_id = %(user_id)s AND m.status = 'ACTIVE'
    UNION
    SELECT m.id, m.institution_id, i.name, m.role, m.status,
        EXISTS (SELECT FROM accounts a WHERE a.membership_id = m.id)
    FROM memberships m JOIN institutions i ON i.id = m.institution_id
    WHERE m.email = %(email)s AND m.status = 'INVITED' AND m.role = 'STUDENT'
    ORDER BY membership_id DESC
"""


async def seats(conn: sql.Connection, *, user_id: UUID, email: str) -> list[Seat]:
    """Where a person belongs, newest first."""
    return await sql.rows(conn, Seat, SEATS, {"user_id": user_id, "email": email})


@dataclass(frozen=True, slots=True)
class Membership:
    """Somebody's place in an institution, as its staff see it. `invited_until`: how long the link works."""

    id: UUID
    institution_id: UUID
    email: str
    user_id: UUID | None
    role: Role
    status: str
    first_name: str | None
    last_name: str | None
    created_at: datetime
    joined_at: datetime | None
    invited_until: datetime | None


FIND = """
    SELECT m.id, m.institution_id, m.email, m.user_id, m.role, m.status, u.first_name, u.last_name, m.created_at,
        m.joined_at, CASE WHEN i.expires_at > topup_now() THEN i.expires_at END AS invited_until
    FROM memberships m
    LEFT JOIN users u ON u.id = m.user_id
    LEFT JOIN invitations i ON i.membership_id = m.id AND i.used_at IS NULL AND i.revoked_at IS NULL
    WHERE m.id = %s
"""


async def find(conn: sql.Connection, membership_id: UUID) -> Membership | None:
    """One membership, also a past one."""
    return await sql.row(conn, Membership, FIND, [membership_id])


PAGE = """
    SELECT m.id, m.institution_id, m.email, m.user_id, m.role, m.status, u.first_name, u.last_name, m.created_at,
        m.joined_at, CASE WHEN i.expires_at > topup_now() THEN i.expires_at END AS invited_until
    FROM memberships m
    LEFT JOIN users u ON u.id = m.user_id
    LEFT JOIN invitations i ON i.membership_id = m.id AND i.used_at IS NULL AND i.revoked_at IS NULL
    WHERE m.institution_id = %(institution_id)s AND m.status <> 'LEFT'
        AND (%(role)s::text IS NULL OR m.role = %(role)s) AND (%(before_id)s::uuid IS NULL OR m.id < %(before_id)s)
        AND (%(email_part)s = '' OR strpos(m.email, %(email_part)s) > 0)
    ORDER BY m.id DESC LIMIT %(limit)s
"""


async def page(
    conn: sql.Connection,
    institution_id: UUID,
    *,
    role: Role | None,
    email_part: str,
    before_id: UUID | None,
    limit: int,
) -> list[Membership]:
    """Who is in or invited, newest first; of one role, or with a part of an address."""
    parameters = {
        "institution_id": institution_id,
        "role": role,
        "email_part": email_part,
        "before_id": before_id,
        "limit": limit,
    }
    return await sql.rows(conn, Membership, PAGE, parameters)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many people an institution has."""

    staff: int
    students: int
    invited: int


COUNTS = """
    SELECT count(*) FILTER (WHERE status = 'ACTIVE' AND role <> 'STUDENT') AS staff,
        count(*) FILTER (WHERE status = 'ACTIVE' AND role = 'STUDENT') AS students,
        count(*) FILTER (WHERE status = 'INVITED') AS invited
    FROM memberships WHERE institution_id = %s AND status <> 'LEFT'
"""


async def counts(conn: sql.Connection, institution_id: UUID) -> Counts:
    """Those who have come, and those who have not yet."""
    [found] = await sql.rows(conn, Counts, COUNTS, [institution_id])
    return found


@dataclass(frozen=True, slots=True)
class Locked:
    """A membership that nobody else changes until the transaction ends."""

    id: UUID
    institution_id: UUID
    email: str
    user_id: UUID | None
    role: Role
    status: str


LOCK = """
    SELECT id, institution_id, email, user_id, role, status FROM memberships
    WHERE id = %s AND status <> 'LEFT' FOR NO KEY UPDATE
"""


async def lock(conn: sql.Connection, membership_id: UUID) -> Locked | None:
    """A living membership, to change it or to give to it."""
    return await sql.row(conn, Locked, LOCK, [membership_id])


LOCK_BY_EMAIL = """
    SELECT id, institution_id, email, user_id, role, status FROM memberships
    WHERE institution_id = %s AND email = %s AND status <> 'LEFT' FOR NO KEY UPDATE
"""


async def lock_by_email(conn: sql.Connection, institution_id: UUID, email: str) -> Locked | None:
    """The living membership of an address."""
    return await sql.row(conn, Locked, LOCK_BY_EMAIL, [institution_id, email])


LOCK_STUDENT = """
    SELECT id, institution_id, email, user_id, role, status FROM memberships
    WHERE institution_id = %(institution_id)s AND (id = %(student_id)s OR user_id = %(student_id)s)
        AND status <> 'LEFT' FOR NO KEY UPDATE
"""


async def lock_student(conn: sql.Connection, institution_id: UUID, student_id: UUID) -> Locked | None:
    """The living membership that a student's id names: the membership's own or the person's."""
    return await sql.row(conn, Locked, LOCK_STUDENT, {"institution_id": institution_id, "student_id": student_id})


INVITE = """
    INSERT INTO memberships (id, institution_id, email, role, status, invited_by)
    VALUES (%(id)s, %(institution_id)s, %(email)s, %(role)s, 'INVITED', %(invited_by)s)
    ON CONFLICT (institution_id, email) WHERE status <> 'LEFT' DO NOTHING
"""


async def invite(
    conn: sql.Connection,
    membership_id: UUID,
    *,
    institution_id: UUID,
    email: str,
    role: Role,
    invited_by: UUID | None,
) -> bool:
    """Set a place aside for an address; False when it has one."""
    parameters = {
        "id": membership_id,
        "institution_id": institution_id,
        "email": email,
        "role": role,
        "invited_by": invited_by,
    }
    return await sql.run(conn, INVITE, parameters) == 1


INVITE_STUDENTS = """
    INSERT INTO memberships (id, institution_id, email, role, status, invited_by)
    SELECT id, %(institution_id)s, email, 'STUDENT', 'INVITED', %(invited_by)s
    FROM unnest(%(ids)s::uuid[], %(emails)s::text[]) AS new (id, email)
    ON CONFLICT (institution_id, email) WHERE status <> 'LEFT' DO NOTHING
    RETURNING id
"""


async def invite_students(
    conn: sql.Connection, rows: Sequence[tuple[UUID, str]], *, institution_id: UUID, invited_by: UUID | None
) -> set[UUID]:
    """Set places aside for (id, address) in one statement; the ids that are new. Sorted by address by the caller."""
    parameters = {
        "institution_id": institution_id,
        "invited_by": invited_by,
        "ids": sql.array([membership_id for membership_id, _ in rows]),
        "emails": sql.array([email for _, email in rows]),
    }
    return set(await sql.values(conn, INVITE_STUDENTS, parameters))


LOCK_ADDRESSES = """
    SELECT id, institution_id, email, user_id, role, status FROM memberships
    WHERE institution_id = %(institution_id)s AND email = ANY(%(emails)s::text[]) AND status <> 'LEFT'
    ORDER BY email FOR NO KEY UPDATE
"""


async def lock_addresses(conn: sql.Connection, institution_id: UUID, emails: Sequence[str]) -> list[Locked]:
    """The living memberships of many addresses, locked in the order of the addresses."""
    parameters = {"institution_id": institution_id, "emails": sql.array(emails)}
    return await sql.rows(conn, Locked, LOCK_ADDRESSES, parameters)


KNOWN_ADDRESSES = """
    SELECT email FROM memberships
    WHERE institution_id = %s AND email = ANY(%s::text[]) AND status <> 'LEFT'
"""


async def known_addresses(conn: sql.Connection, institution_id: UUID, emails: Sequence[str]) -> set[str]:
    """Those of some addresses that have a place already."""
    return set(await sql.values(conn, KNOWN_ADDRESSES, [institution_id, sql.array(emails)]))


FOUND = """
    INSERT INTO memberships (id, institution_id, email, user_id, role, status, joined_at)
    VALUES (%(id)s, %(institution_id)s, %(email)s, %(user_id)s, 'OWNER', 'ACTIVE', topup_now())
"""


async def add_founder(
    conn: sql.Connection, membership_id: UUID, *, institution_id: UUID, user_id: UUID, email: str
) -> None:
    """The first owner of a new institution."""
    parameters = {"id": membership_id, "institution_id": institution_id, "user_id": user_id, "email": email}
    await sql.run(conn, FOUND, parameters)


CHANGE_ROLE = "UPDATE memberships SET role = %s WHERE id = %s"


async def change_role(conn: sql.Connection, membership_id: UUID, role: Role) -> None:
    """Give a place that is set aside another role."""
    await sql.run(conn, CHANGE_ROLE, [role, membership_id])


JOIN = """
    UPDATE memberships SET status = 'ACTIVE', user_id = %(user_id)s, joined_at = topup_now()
    WHERE id = %(id)s AND status = 'INVITED'
"""


async def join(conn: sql.Connection, membership_id: UUID, user_id: UUID) -> None:
    """Somebody takes the place that was set aside for them."""
    await sql.run(conn, JOIN, {"id": membership_id, "user_id": user_id})


CLAIM = """
    UPDATE memberships SET status = 'ACTIVE', user_id = %(user_id)s, joined_at = topup_now()
    WHERE email = %(email)s AND status = 'INVITED'
"""


async def claim(conn: sql.Connection, *, user_id: UUID, email: str) -> int:
    """Somebody new takes every place set aside for the address that they have just proved; how many."""
    return await sql.run(conn, CLAIM, {"user_id": user_id, "email": email})


LEAVE = "UPDATE memberships SET status = 'LEFT', left_at = topup_now() WHERE id = %s"


async def leave(conn: sql.Connection, membership_id: UUID) -> None:
    """The place is given up."""
    await sql.run(conn, LEAVE, [membership_id])


OWNERS = "SELECT count(*) FROM memberships WHERE institution_id = %s AND role = 'OWNER' AND status = 'ACTIVE'"


async def owners(conn: sql.Connection, institution_id: UUID) -> int:
    """How many owners an institution has who have come. Lock the institution before (topup.db.institutions)."""
    return await sql.value(conn, OWNERS, [institution_id])
