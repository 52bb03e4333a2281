"""The desk: what waits, finding whatever a mail names, an account with its acts, the inbox, the packages."""

import json
import re
from collections.abc import AsyncIterator
from uuid import UUID

import httpx2
import psycopg
import pytest

from tests import people
from tests.web import visits
from tests.web.conftest import ORIGIN, PASSWORD, Visitor
from topup.core import ids
from topup.db import accounts
from topup.flows import receive, show_account
from topup.ledger import commands, journal
from topup.runtime import house as houses
from topup.web.pages import admin_account

DESK_PAGES = ("/admin", "/admin?q=a", "/admin/events", "/admin/packages", "/admin/packages/new")


@pytest.fixture
async def desk(transport: httpx2.ASGITransport, admin: Visitor) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser in which the admin is signed in."""
    async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as browser:
        typed = {"email": admin.user["email"], "password": PASSWORD, "next": "/admin"}
        sent = await visits.post(browser, "/sign-in", page="/sign-in", **typed)
        assert (sent.status_code, sent.headers["location"]) == (303, "/admin")
        yield browser


@pytest.fixture
async def wolf(house: houses.House) -> people.Person:
    """Somebody with a hundred credits."""
    person = await people.person(house.pool, "Wolf")
    async with house.pool.connection() as conn:
        cause = commands.Cause("test", str(ids.new()))
        await journal.post(conn, [commands.Credit(person.account_id, 100, "PROMOTION", cause, "application:test")])
    return person


async def available(house: houses.House, person: people.Person) -> int:
    return (await show_account.standing(house.pool, account_id=person.account_id)).available


def page_of(person: people.Person) -> str:
    return f"/admin/accounts/{person.account_id}"


def key_in(page: httpx2.Response) -> str:
    found = re.search(r'name="key" value="([0-9a-f-]{36})"', page.text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("path", DESK_PAGES)
async def test_nobody_is_sent_to_sign_in_and_a_student_is_refused(
    client: httpx2.AsyncClient, database_url: str, path: str
) -> None:
    sent = await client.get(path, headers=visits.HTML)
    assert sent.status_code == 303
    assert sent.headers["location"].startswith("/sign-in?next=%2Fadmin")
    await visits.sign_up(client, database_url, email="alice@example.com")
    refused = await client.get(path, headers=visits.HTML)
    assert refused.status_code == 403
    assert "Admin access required" in visits.text(refused)


async def test_an_admin_who_asked_for_no_page_comes_to_the_desk(
    transport: httpx2.ASGITransport, admin: Visitor
) -> None:
    async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as browser:
        typed = {"email": admin.user["email"], "password": PASSWORD}
        assert (await visits.post(browser, "/sign-in", page="/sign-in", **typed)).headers["location"] == "/admin"


async def test_a_student_is_refused_whatever_a_form_names(
    client: httpx2.AsyncClient, house: houses.House, database_url: str, wolf: people.Person
) -> None:
    await visits.sign_up(client, database_url, email="alice@example.com")
    typed = {"amount": "5", "reason": "Mine", "key": str(ids.new())}
    for path in (f"{page_of(wolf)}/grants", f"{page_of(wolf)}/thaw", "/admin/packages", "/admin/events/replay"):
        assert (await visits.post(client, path, page="/account", **typed)).status_code == 403
    assert await available(house, wolf) == 100


async def test_a_quiet_desk_says_that_nothing_waits_but_what_the_doctor_would_say(desk: httpx2.AsyncClient) -> None:
    seen = visits.text(await desk.get("/admin"))
    assert "things wait for you" in seen  # no worker runs in this test, and no package is on sale
    assert "Worker : has never worked here" in seen
    assert "Payments to decide on" not in seen


async def test_a_payment_in_review_and_a_frozen_account_stand_on_the_desk(
    desk: httpx2.AsyncClient, house: houses.House, wolf: people.Person
) -> None:
    payment_id = await people.pending(house.pool, wolf)
    async with house.pool.connection() as conn:
        await conn.execute("UPDATE payments SET status = 'REVIEW', review_reason = 'Paid in eur, quoted in gbp'")
        await accounts.freeze(conn, wolf.account_id, reason="L3: account 7")
    page = await desk.get("/admin")
    seen = visits.text(page)
    assert "Being checked : Paid in eur, quoted in gbp" in seen
    assert f'href="/admin/payments/{payment_id}"' in page.text
    assert "Frozen accounts" in seen
    assert f'href="{page_of(wolf)}"' in page.text


@pytest.mark.parametrize("query", ["wolf@example.com", "OLF EXAMP", "{account}", "{entry}", "{user}"])
async def test_one_account_that_fits_is_gone_to_at_once(
    desk: httpx2.AsyncClient, house: houses.House, wolf: people.Person, query: str
) -> None:
    async with house.pool.connection() as conn:
        row = await (await conn.execute("SELECT id FROM entries WHERE account_id = %s", [wolf.account_id])).fetchone()
    assert row is not None
    asked = query.format(account=wolf.account_id, entry=row[0], user=wolf.user_id)
    found = await desk.get("/admin", params={"q": asked})
    assert (found.status_code, found.headers["location"]) == (303, page_of(wolf))


async def test_a_payment_is_found_by_our_reference_and_by_stripes_id(
    desk: httpx2.AsyncClient, house: houses.House, wolf: people.Person
) -> None:
    payment_id = await people.pending(house.pool, wolf)
    async with house.pool.connection() as conn:
        await conn.execute("UPDATE payments SET stripe_session_id = 'cs_test_wolf'")
    for query in (str(payment_id), "cs_test_wolf"):
        found = await desk.get("/admin", params={"q": query})
        assert f'href="/admin/payments/{payment_id}"' in found.text


async def test_a_payment_is_found_by_its_invoices_number_and_by_an_event_about_it(
    desk: httpx2.AsyncClient, house: houses.House, wolf: people.Person
) -> None:
    payment_id = await people.pending(house.pool, wolf)
    async with house.pool.connection() as conn:
        await conn.execute("UPDATE payments SET stripe_intent_id = 'pi_wolf'")
        await conn.execute(
            "INSERT INTO stripe_events (id, type, object_id, is_live, happened_at)"
            " VALUES ('evt_wolf', 'payment_intent.succeeded', 'pi_wolf', false, now()),"
            " ('evt_other', 'payment_intent.succeeded', 'pi_other', false, now())"
        )
        await conn.execute(
            "INSERT INTO institutions (id, name, billing_email, created_by) VALUES (%s, 'Den', 'den@b.example', %s)",
            [ids.new(), wolf.user_id],
        )
        await conn.execute(
            "INSERT INTO invoices (id, institution_id, payment_id, number, status, amount_due_minor, currency,"
            " billed_to)"
            " SELECT %s, id, %s, 'TU-000007', 'paid', 1000, 'gbp', '{}' FROM institutions WHERE name = 'Den'",
            [ids.new(), payment_id],
        )
    for query in ("evt_wolf", "TU-000007"):
        found = await desk.get("/admin", params={"q": query})
        assert f'href="/admin/payments/{payment_id}"' in found.text
    for query in ("evt_other", "TU-000008"):
        assert "Nothing fits" in visits.text(await desk.get("/admin", params={"q": query}))


@pytest.mark.parametrize(
    "query", ["%", "_", "nobody", "'; DROP TABLE users; --", "no\x00body", "ffffffff-0000-7000-8000-0"]
)
async def test_what_fits_nothing_is_said_so_and_wildcards_are_none(
    desk: httpx2.AsyncClient, wolf: people.Person, query: str
) -> None:
    found = await desk.get("/admin", params={"q": query})
    assert found.status_code == 200
    assert "Nothing fits" in visits.text(found)
    assert str(wolf.account_id) not in found.text


async def test_credits_given_at_the_desk_are_there_once_however_often_the_form_is_sent(
    desk: httpx2.AsyncClient, house: houses.House, wolf: people.Person
) -> None:
    form = {"amount": "1 000", "reason": "Goodwill", "key": key_in(await desk.get(page_of(wolf)))}
    for _ in range(3):
        sent = await visits.post(desk, f"{page_of(wolf)}/grants", page=page_of(wolf), **form)
        assert (sent.status_code, sent.headers["location"]) == (303, f"{page_of(wolf)}?done=given")
    assert await available(house, wolf) == 1100
    seen = visits.text(await desk.get(f"{page_of(wolf)}?done=given"))
    assert "The credits are there." in seen
    assert "Goodwill" in seen


def test_a_gift_that_was_refused_in_a_batch_that_failed_counts_by_its_last_word() -> None:
    verdict = admin_account.Verdict()
    assert verdict.word(commands.Denied("account_frozen")).status == 409
    assert verdict.refusal is not None
    assert verdict.word(commands.Done()).status == 201
    assert verdict.refusal is None


@pytest.mark.parametrize(
    ("amount", "reason", "told"),
    [
        ("0", "Goodwill", "Enter a whole number"),
        ("-5", "Goodwill", "Enter a whole number"),
        ("1.5", "Goodwill", "Enter a whole number"),
        ("1e3", "Goodwill", "Enter a whole number"),
        ("9" * 30, "Goodwill", "Enter a whole number"),
        ("5", "", "Say why"),
    ],
)
async def test_a_gift_that_is_none_is_said_so_and_what_was_typed_stays(
    desk: httpx2.AsyncClient, house: houses.House, wolf: people.Person, amount: str, reason: str, told: str
) -> None:
    form = {"amount": amount, "reason": reason, "key": str(ids.new())}
    sent = await visits.post(desk, f"{page_of(wolf)}/grants", page=page_of(wolf), **form)
    assert sent.status_code == 422
    assert told in visits.text(sent)
    assert f'value="{amount}"' in sent.text
    assert await available(house, wolf) == 100


async def test_a_use_is_undone_once_and_a_gift_cannot_be(
    desk: httpx2.AsyncClient, house: houses.House, wolf: people.Person
) -> None:
    async with house.pool.connection() as conn:
        cause = commands.Cause("test", str(ids.new()))
        [done] = await journal.post(conn, [commands.Spend(wolf.account_id, 30, cause, "application:test")])
    assert isinstance(done, commands.Done)
    entry_id = str(done.entries[0].id)
    page = await desk.get(page_of(wolf))
    assert page.text.count(f"{page_of(wolf)}/reversals") == 1
    for _ in range(2):
        typed = {"transactionId": entry_id, "key": entry_id}
        sent = await visits.post(desk, f"{page_of(wolf)}/reversals", page=page_of(wolf), **typed)
        assert sent.status_code == 303
    assert await available(house, wolf) == 100
    again = {"transactionId": entry_id, "key": str(ids.new())}
    assert (await visits.post(desk, f"{page_of(wolf)}/reversals", page=page_of(wolf), **again)).status_code == 409


async def test_a_frozen_account_goes_free_when_all_holds_and_stays_when_it_does_not(
    desk: httpx2.AsyncClient, house: houses.House, database_url: str, wolf: people.Person
) -> None:
    async with house.pool.connection() as conn:
        await accounts.freeze(conn, wolf.account_id, reason="L3: looked wrong")
    assert "L3: looked wrong" in visits.text(await desk.get(page_of(wolf)))
    _corrupt(database_url, wolf.account_id, by=7)
    refused = await visits.post(desk, f"{page_of(wolf)}/thaw", page=page_of(wolf))
    assert refused.status_code == 409
    assert "This account stays frozen, since it still breaks" in visits.text(refused)
    _corrupt(database_url, wolf.account_id, by=-7)
    freed = await visits.post(desk, f"{page_of(wolf)}/thaw", page=page_of(wolf))
    assert freed.status_code == 303
    assert "Frozen since" not in visits.text(await desk.get(page_of(wolf)))


def _corrupt(database_url: str, account_id: UUID, *, by: int) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE accounts SET balance = balance + %s WHERE id = %s", [by, account_id])


async def test_an_admin_thaws_over_the_api_and_a_students_token_does_not(
    admin: Visitor, alice: Visitor, house: houses.House, wolf: people.Person
) -> None:
    async with house.pool.connection() as conn:
        await accounts.freeze(conn, wolf.account_id, reason="L3: looked wrong")
    path = f"/api/admin/accounts/{wolf.account_id}/thaw"
    assert (await alice.client.post(path)).status_code == 403
    assert (await admin.client.post(path)).json()["balance"] == 100
    assert (await admin.client.post(f"/api/admin/accounts/{ids.new()}/thaw")).status_code == 404
    async with house.pool.connection() as conn:
        found = await accounts.find(conn, wolf.account_id)
    assert found is not None
    assert found.frozen_at is None


async def test_the_inbox_shows_what_became_of_an_event_and_applies_it_again(
    desk: httpx2.AsyncClient, house: houses.House
) -> None:
    body = {
        "object": "event",
        "id": "evt_wolf",
        "type": "customer.created",
        "created": 1_700_000_000,
        "livemode": False,
        "api_version": "2026-10-28.endive",
        "data": {"object": {"id": "cus_wolf", "object": "customer"}},
    }
    delivery = receive.read(json.dumps(body))
    assert delivery is not None
    await receive.receive(house.pool, [delivery], is_live=False)
    seen = visits.text(await desk.get("/admin/events"))
    assert "evt_wolf" in seen
    assert "cus_wolf" in seen
    again = await visits.post(desk, "/admin/events/replay", page="/admin/events", id="evt_wolf")
    assert "Applied again" in visits.text(again)
    for unknown in ("evt_none", "evt_\x00"):
        sent = await visits.post(desk, "/admin/events/replay", page="/admin/events", id=unknown)
        assert sent.status_code == 404
    assert "No such event" in visits.text(await desk.get("/admin/events?outcome=dead"))


PACKAGE = {
    "name": "Holiday Pack",
    "description": "",
    "credits": "1 000",
    "price": "£8.50",
    "currency": "GBP",
    "validDays": "30",
    "refundDays": "",
}


async def test_a_package_is_made_changed_and_taken_off_sale_at_the_desk(
    desk: httpx2.AsyncClient, client: httpx2.AsyncClient
) -> None:
    made = await visits.post(desk, "/admin/packages", page="/admin/packages/new", **PACKAGE)
    assert made.status_code == 303
    [package] = (await client.get("/api/credit-packages")).json()["data"]
    kept = (package["name"], package["credits"], package["priceInCents"], package["validDays"], package["refundDays"])
    assert kept == ("Holiday Pack", 1000, 850, 30, None)
    path = f"/admin/packages/{package['id']}"
    assert 'value="8.50"' in (await desk.get(path)).text
    changed = await visits.post(desk, path, page=path, **{**PACKAGE, "price": "9"})
    assert changed.status_code == 303
    assert (await client.get(f"/api/credit-packages/{package['id']}")).json()["priceInCents"] == 900
    await visits.post(desk, f"{path}/sale", page="/admin/packages", isActive="no")
    assert (await client.get("/api/credit-packages")).json()["data"] == []
    await visits.post(desk, f"{path}/sale", page="/admin/packages", isActive="yes")
    assert len((await client.get("/api/credit-packages")).json()["data"]) == 1


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("name", "", "Enter a name"),
        ("credits", "0", "Enter a whole number of credits"),
        ("price", "8.505", "Enter a price"),
        ("price", "NaN", "Enter a price"),
        ("price", "1e400", "Enter a price"),
        ("price", "-1", "Enter a price"),
        ("currency", "zzz", "Enter the three letters"),
        ("validDays", "soon", "Enter a whole number of days"),
    ],
)
async def test_a_package_that_cannot_be_is_said_so_field_by_field(
    desk: httpx2.AsyncClient, client: httpx2.AsyncClient, name: str, value: str, told: str
) -> None:
    sent = await visits.post(desk, "/admin/packages", page="/admin/packages/new", **{**PACKAGE, name: value})
    assert sent.status_code == 422
    assert told in visits.text(sent)
    assert (await client.get("/api/credit-packages")).json()["data"] == []


async def test_a_name_that_is_taken_is_said_so(desk: httpx2.AsyncClient) -> None:
    await visits.post(desk, "/admin/packages", page="/admin/packages/new", **PACKAGE)
    again = await visits.post(
        desk, "/admin/packages", page="/admin/packages/new", **{**PACKAGE, "name": "HOLIDAY pack"}
    )
    assert again.status_code == 409
    assert "There is a package with this name already." in visits.text(again)
