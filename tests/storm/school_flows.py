"""The flows of an institution in which something can die half-way, in the manner of tests.storm.flows."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from tests import pages_at_stripe
from tests.storm.walk import Walk
from topup.core import ids
from topup.ledger import commands, journal


@dataclass
class School:
    """An institution and the token of its owner."""

    id: str
    token: str

    def pool(self, walk: Walk) -> dict[str, Any]:
        told = walk.ask("GET", f"/api/sessions/pool?institutionId={self.id}", token=self.token)
        assert told.status == 200, told
        found: dict[str, Any] = told.body
        assert found["purchased"] == sum(found[part] for part in ("available", "allocated", "expired", "takenBack"))
        return found


def _school(walk: Walk) -> School:
    walk.rig.execute("DELETE FROM rate_limits")
    _, token = walk.rig.person()
    body = {"name": f"School {uuid4().hex}", "billingEmail": "bills@hill.example"}
    return School(walk.post("/api/institutions", body, token=token)["id"], token)


def _filled(walk: Walk, sessions: int) -> School:
    school = _school(walk)
    account_id = UUID(school.pool(walk)["accountId"])

    async def fill() -> None:
        async with walk.rig.pool.connection() as conn:
            cause = commands.Cause("storm", str(ids.new()))
            await journal.post(conn, [commands.Credit(account_id, sessions, "PROMOTION", cause, "user:admin")])

    walk.rig.run(fill())
    return school


def _buy_by_card(walk: Walk, school: School, sessions: int) -> None:
    bought = walk.post("/api/sessions/purchases", {"quantity": sessions}, token=school.token)
    pages_at_stripe.pays(walk.rig.box, bought["clientSecret"])
    walk.deliver()


def buy_sessions_by_card(walk: Walk) -> None:
    """A card in the page: one intent that can be paid, one purchase, one filling of the pool."""
    school = _school(walk)
    walk.arm()
    _buy_by_card(walk, school, 10)
    walk.disarm()
    assert school.pool(walk)["purchased"] == 10
    _has_one_purchase(walk, school)


def buy_sessions_by_invoice(walk: Walk) -> None:
    """An invoice, paid on its page by bank transfer."""
    school = _school(walk)
    walk.arm()
    bought = walk.post("/api/sessions/purchases", {"quantity": 10, "payBy": "INVOICE"}, token=school.token)
    walk.rig.box.web.post(bought["hostedInvoiceUrl"], data={"transfer": "1"})
    walk.deliver()
    walk.disarm()
    assert school.pool(walk)["purchased"] == 10
    _has_one_purchase(walk, school)
    drawn = walk.rig.box.client.invoices.list(params={"limit": 100}).data
    drawn = [one for one in drawn if one.metadata["topup_payment_id"] == bought["purchaseId"]]
    assert [one.status for one in drawn if one.status != "draft"] == ["paid"]


def _has_one_purchase(walk: Walk, school: School) -> None:
    count = "SELECT count(*) FROM payments WHERE institution_id = %s AND status = 'COMPLETED'"
    assert walk.rig.value(count, UUID(school.id)) == 1
    assert walk.rig.value("SELECT count(*) FROM payments WHERE institution_id = %s", UUID(school.id)) == 1


def allocate(walk: Walk) -> None:
    school = _filled(walk, 10)
    walk.arm()
    body = {"email": f"{uuid4().hex}@example.com", "quantity": 4, "institutionId": school.id}
    walk.post("/api/sessions/allocations", body, token=school.token)
    walk.disarm()
    assert (school.pool(walk)["available"], school.pool(walk)["allocated"]) == (6, 4)


def import_roster(walk: Walk) -> None:
    """All of a list or nothing of it, and once."""
    school = _filled(walk, 10)
    rows = "".join(f"{uuid4().hex}@example.com,2\n" for _ in range(3))
    walk.arm()
    path = f"/api/sessions/rosters?institutionId={school.id}"
    walk.post(path, f"email,quantity\n{rows}", token=school.token, Content_Type="text/csv")
    walk.disarm()
    assert (school.pool(walk)["available"], school.pool(walk)["allocated"]) == (4, 6)
    invited = "SELECT count(*) FROM memberships WHERE institution_id = %s AND status = 'INVITED'"
    assert walk.rig.value(invited, UUID(school.id)) == 3


def take_back(walk: Walk) -> None:
    school = _filled(walk, 10)
    body = {"email": f"{uuid4().hex}@example.com", "quantity": 4, "institutionId": school.id}
    given = walk.post("/api/sessions/allocations", body, token=school.token)
    walk.arm()
    told = walk.ask("DELETE", f"/api/sessions/allocations/{given['id']}?institutionId={school.id}", token=school.token)
    walk.disarm()
    assert told.status == 200 or told.tries > 1, told
    assert (school.pool(walk)["available"], school.pool(walk)["allocated"]) == (10, 0)
