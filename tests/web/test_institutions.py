"""Institutions, their members and invitations, refused beside done."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import psycopg
import pytest

from tests import institutions
from tests.institutions import School, Someone
from tests.web import conftest
from topup.runtime.house import House

MEMBERS = "/api/institutions/{}/members"


@pytest.fixture
async def cast(house: House, transport: httpx2.ASGITransport) -> AsyncIterator[dict[str, Someone]]:
    """Olga owns a school; Max, Stella and Nora are signed in and belong nowhere yet."""
    async with AsyncExitStack() as stack:
        yield {
            name.lower(): await stack.enter_async_context(institutions.signed_in(house, transport, name))
            for name in ("Olga", "Max", "Stella", "Nora")
        }


@pytest.fixture
async def school(house: House, cast: dict[str, Someone]) -> School:
    return await institutions.school(house, cast["olga"])


def mailed(database_url: str, email: str) -> list[dict[str, Any]]:
    """The invitations written to an address, oldest first."""
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT details FROM outbox WHERE recipient = %s AND kind = 'invitation' ORDER BY id", [email]
        )
        return [row[0] for row in found]


async def invite(school: School, email: str, role: str = "STUDENT", by: Someone | None = None) -> httpx2.Response:
    return await (by or school.owner).post(MEMBERS.format(school.id), {"email": email, "role": role})


async def test_who_makes_an_institution_owns_it_and_its_pool_is_empty(school: School) -> None:
    shown = (await school.owner.get(f"/api/institutions/{school.id}")).json()
    assert shown == {
        "id": school.id,
        "name": "Hill School",
        "billingEmail": "bills@hill.example",
        "company": None,
        "billingAddress": None,
        "taxId": None,
        "role": "OWNER",
        "createdAt": shown["createdAt"],
    }
    pool = await school.pool()
    assert (pool["purchased"], pool["available"], pool["allocated"], pool["used"]) == (0, 0, 0, 0)


async def test_the_same_key_makes_one_institution(cast: dict[str, Someone]) -> None:
    body = {"name": "Hill School", "billingEmail": "bills@hill.example"}
    first = await cast["olga"].post("/api/institutions", body, Idempotency_Key="one")
    again = await cast["olga"].post("/api/institutions", body, Idempotency_Key="one")
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize(
    "changes",
    [
        {"ownerId": "x"},
        {"id": "x"},
        {"name": ""},
        {"name": None},
        {"name": "a\u202eb"},
        {"billingEmail": "nobody"},
        {"billingAddress": {"line1": "1 Hill", "city": "Bath", "country": "gb"}},
        {"billingAddress": {"city": "Bath", "country": "GB"}},
        {"taxId": {"type": "gb_vat"}},
        {"stripeCustomerId": "cus_1"},
    ],
)
async def test_what_cannot_be_changed_or_is_wrong_is_refused(school: School, changes: dict[str, Any]) -> None:
    """Fault 68."""
    assert (await school.owner.client.patch(f"/api/institutions/{school.id}", json=changes)).status_code == 422


async def test_what_invoices_are_written_to_is_changed_field_by_field_and_emptied_by_null(school: School) -> None:
    path = f"/api/institutions/{school.id}"
    address = {"line1": "1 Hill", "line2": None, "city": "Bath", "postalCode": "BA1 1AA", "country": "GB"}
    tax_id = {"type": "gb_vat", "value": "GB123456789"}
    body = {"company": "Hill Ltd", "billingAddress": address, "taxId": tax_id}
    changed = (await school.owner.client.patch(path, json=body)).json()
    assert (changed["company"], changed["billingAddress"], changed["taxId"]) == ("Hill Ltd", address, tax_id)
    renamed = (await school.owner.client.patch(path, json={"name": "Dale School"})).json()
    assert (renamed["name"], renamed["billingAddress"], renamed["taxId"]) == ("Dale School", address, tax_id)
    emptied = (await school.owner.client.patch(path, json={"billingAddress": None, "taxId": None})).json()
    assert (emptied["company"], emptied["billingAddress"], emptied["taxId"]) == ("Hill Ltd", None, None)


async def test_an_invitation_is_mailed_and_accepted_once(
    school: School, cast: dict[str, Someone], database_url: str
) -> None:
    invited = await invite(school, "max@example.com", "MANAGER")
    assert invited.status_code == 201
    assert (invited.json()["status"], invited.json()["firstName"]) == ("INVITED", None)
    [mail] = mailed(database_url, "max@example.com")
    assert (mail["institutionName"], mail["role"], mail["daysValid"]) == ("Hill School", "MANAGER", 14)
    accepted = await cast["max"].post("/api/invitations/accept", {"token": mail["token"]})
    assert accepted.status_code == 200
    assert (accepted.json()["status"], accepted.json()["role"]) == ("ACTIVE", "MANAGER")
    assert accepted.json()["institutionName"] == "Hill School"
    again = await cast["max"].post("/api/invitations/accept", {"token": mail["token"]})
    assert (again.status_code, again.json()["code"]) == (409, "invitation_used")


async def test_only_a_digest_of_the_token_is_stored_and_the_outbox_forgets_it(
    school: School, database_url: str
) -> None:
    await invite(school, "max@example.com")
    [mail] = mailed(database_url, "max@example.com")
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT token_hash FROM invitations").fetchone()
    assert row is not None
    assert len(row[0]) == 32
    assert mail["token"].encode() not in row[0]


async def test_an_invitation_of_somebody_else_is_not_for_the_bearer(
    school: School, cast: dict[str, Someone], database_url: str
) -> None:
    """A forwarded mail lets nobody in."""
    await invite(school, "max@example.com", "OWNER")
    [mail] = mailed(database_url, "max@example.com")
    refused = await cast["nora"].post("/api/invitations/accept", {"token": mail["token"]})
    assert (refused.status_code, refused.json()["code"]) == (403, "invitation_for_another_address")
    assert (await cast["max"].post("/api/invitations/accept", {"token": mail["token"]})).status_code == 200


async def test_a_second_invitation_ends_the_first_and_keeps_the_place(
    school: School, cast: dict[str, Someone], database_url: str
) -> None:
    first = await invite(school, "max@example.com")
    second = await invite(school, "MAX@example.com", "MANAGER")
    assert second.json()["id"] == first.json()["id"]
    assert second.json()["role"] == "MANAGER"
    old, new = mailed(database_url, "max@example.com")
    gone = await cast["max"].post("/api/invitations/accept", {"token": old["token"]})
    assert (gone.status_code, gone.json()["code"]) == (404, "invitation_not_found")
    assert (await cast["max"].post("/api/invitations/accept", {"token": new["token"]})).status_code == 200
    taken = await invite(school, "max@example.com")
    assert (taken.status_code, taken.json()["code"]) == (409, "already_member")


async def test_an_invitation_ends_after_fourteen_days(
    school: School, cast: dict[str, Someone], database_url: str, house: House
) -> None:
    await invite(school, "max@example.com")
    [mail] = mailed(database_url, "max@example.com")
    await institutions.wait(house, "14 days")
    refused = await cast["max"].post("/api/invitations/accept", {"token": mail["token"]})
    # The access token has ended too by then, so the invitation is looked at by a fresh one.
    assert refused.status_code == 401
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT expires_at <= topup_now() FROM invitations").fetchone()
    assert row == (True,)


async def test_a_withdrawn_invitation_is_good_for_nothing(
    school: School, cast: dict[str, Someone], database_url: str
) -> None:
    member_id = (await invite(school, "max@example.com")).json()["id"]
    [mail] = mailed(database_url, "max@example.com")
    assert (await school.owner.delete(f"{MEMBERS.format(school.id)}/{member_id}")).status_code == 204
    gone = await cast["max"].post("/api/invitations/accept", {"token": mail["token"]})
    assert gone.status_code == 404
    assert (await school.owner.delete(f"{MEMBERS.format(school.id)}/{member_id}")).status_code == 404


async def test_who_signs_up_with_an_invited_address_has_the_place_and_the_sessions(
    school: School, transport: httpx2.ASGITransport, database_url: str
) -> None:
    await school.fill(10)
    await school.allocate("new@example.com", 3)
    async with httpx2.AsyncClient(transport=transport, base_url=conftest.ORIGIN) as client:
        await conftest.sign_up(client, database_url, email="new@example.com", firstName="New", lastName="Comer")
        mine = (await client.get("/api/sessions/mine")).json()["data"]
        assert [(one["institutionName"], one["available"], one["used"]) for one in mine] == [("Hill School", 3, 0)]
        [mail] = mailed(database_url, "new@example.com")
        shown = await client.post("/api/invitations/accept", json={"token": mail["token"]})
        assert shown.status_code == 200
    [student] = [member for member in (await members(school)) if member["email"] == "new@example.com"]
    assert (student["status"], student["firstName"]) == ("ACTIVE", "New")


async def members(school: School) -> list[dict[str, Any]]:
    answer = await school.owner.get(MEMBERS.format(school.id))
    assert answer.status_code == 200
    return answer.json()["data"]


async def test_managers_invite_students_alone(school: School, cast: dict[str, Someone]) -> None:
    """Fault 67."""
    await school.member(cast["max"], "MANAGER")
    assert (await invite(school, "a@example.com", by=cast["max"])).status_code == 201
    for role in ("OWNER", "BILLING", "MANAGER"):
        refused = await invite(school, "b@example.com", role, by=cast["max"])
        assert (refused.status_code, refused.json()["code"]) == (403, "role_missing")
    await invite(school, "c@example.com", "BILLING")
    assert (await invite(school, "c@example.com", by=cast["max"])).status_code == 403


async def test_managers_withdraw_students_who_have_not_come_and_remove_nobody_else(
    school: School, cast: dict[str, Someone]
) -> None:
    await school.member(cast["max"], "MANAGER")
    stella = await school.member(cast["stella"], "STUDENT")
    invited = (await invite(school, "a@example.com")).json()["id"]
    staff = (await invite(school, "b@example.com", "BILLING")).json()["id"]
    path = MEMBERS.format(school.id)
    assert (await cast["max"].delete(f"{path}/{invited}")).status_code == 204
    assert (await cast["max"].delete(f"{path}/{staff}")).status_code == 403
    assert (await cast["max"].delete(f"{path}/{stella}")).status_code == 403
    assert (await cast["stella"].delete(f"{path}/{staff}")).status_code == 403
    assert (await cast["nora"].delete(f"{path}/{stella}")).status_code == 404


async def test_the_last_owner_cannot_leave(school: School, cast: dict[str, Someone]) -> None:
    [olga] = await members(school)
    path = f"{MEMBERS.format(school.id)}/{olga['id']}"
    refused = await school.owner.delete(path)
    assert (refused.status_code, refused.json()["code"]) == (409, "last_owner")
    await school.member(cast["max"], "OWNER")
    assert (await school.owner.delete(path)).status_code == 204
    assert (await school.owner.get(f"/api/institutions/{school.id}")).status_code == 404


async def test_who_leaves_gives_unused_sessions_back_and_sees_nothing_any_more(
    school: School, cast: dict[str, Someone]
) -> None:
    await school.fill(10)
    stella = await school.member(cast["stella"], "STUDENT")
    await school.allocate("stella@example.com", 4)
    assert (await cast["stella"].delete(f"{MEMBERS.format(school.id)}/{stella}")).status_code == 204
    pool = await school.pool()
    assert (pool["available"], pool["allocated"]) == (10, 0)
    assert (await cast["stella"].get("/api/sessions/mine")).json()["data"] == []


async def test_a_member_of_another_institution_is_not_there(
    school: School, cast: dict[str, Someone], house: House
) -> None:
    """Fault 66."""
    other = await institutions.school(house, cast["nora"], "Dale School")
    [nora] = (await cast["nora"].get(MEMBERS.format(other.id))).json()["data"]
    assert (await school.owner.delete(f"{MEMBERS.format(school.id)}/{nora['id']}")).status_code == 404


async def test_members_are_paged_and_chosen_by_role(school: School) -> None:
    for number in range(5):
        await invite(school, f"s{number}@example.com")
    path = MEMBERS.format(school.id)
    first = (await school.owner.get(path, limit=2, role="STUDENT")).json()
    assert [member["email"] for member in first["data"]] == ["s4@example.com", "s3@example.com"]
    rest = (await school.owner.get(path, limit=100, cursor=first["nextCursor"])).json()
    assert [member["email"] for member in rest["data"]][-1] == "olga@example.com"
    assert rest["nextCursor"] is None


async def test_somebody_sees_where_they_belong_and_are_invited_as_a_student(
    school: School, cast: dict[str, Someone]
) -> None:
    await invite(school, "stella@example.com")
    await invite(school, "max@example.com", "MANAGER")
    [own] = (await cast["stella"].get("/api/institutions")).json()["data"]
    assert (own["id"], own["name"], own["role"], own["status"]) == (school.id, "Hill School", "STUDENT", "INVITED")
    assert (await cast["max"].get("/api/institutions")).json()["data"] == []
    assert [one["role"] for one in (await cast["olga"].get("/api/institutions")).json()["data"]] == ["OWNER"]
