"""`topup doctor --url` and `--buy` against a whole Topup: what they see when all is well, and what when it is not."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import psycopg
import pytest

from tests import shops, stripe_boxes
from tests.shops import Shop
from topup import worker
from topup.db import sql
from topup.runtime.doctor import outside, visit
from topup.runtime.doctor.findings import Finding, State

pytestmark = pytest.mark.slow
STEPS = ["sign up", "balance", "checkout", "pay", "credited", "told twice", "statement", "receipt"]


@pytest.fixture
async def shop(database_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    async with shops.running(database_url, tmp_path) as running:
        yield running


def given(*, email: str = "", password: str = "", webhook_secret: str = shops.WEBHOOK_SECRET) -> visit.Given:
    secrets = [webhook_secret] if webhook_secret else []
    return visit.Given(email=email, password=password, webhook_secrets=secrets, stripe_key="sk_test_shops")


def states(findings: list[Finding]) -> dict[str, State]:
    return {one.check: one.state for one in findings}


def last(findings: list[Finding]) -> tuple[str, State]:
    return findings[-1].check, findings[-1].state


async def test_a_visit_buys_once_is_credited_once_and_leaves_nothing_else(shop: Shop) -> None:
    findings = await visit.make(shop.url, given())
    assert states(findings) == dict.fromkeys(STEPS, State.OK)
    async with shop.house.pool.connection() as conn:
        assert await sql.value(conn, "SELECT count(*) FROM payments WHERE status = 'COMPLETED'") == 1
        assert await sql.value(conn, "SELECT sum(balance) FROM accounts") == 200


async def test_a_visit_can_be_made_with_an_account_one_has(shop: Shop) -> None:
    password = "correct horse battery"
    first = await visit.make(shop.url, given(password=password))
    email = first[0].result.split(",")[0]
    findings = await visit.make(shop.url, given(email=email, password=password))
    steps = ["sign in", *STEPS[1:]]
    assert states(findings) == {**dict.fromkeys(steps, State.OK), "receipt": State.SKIPPED}
    wrong = await visit.make(shop.url, given(email=email, password="not the password"))
    assert last(wrong) == ("sign in", State.FAILED)
    assert "401" in wrong[0].result


async def test_without_the_signing_secret_one_step_is_skipped_and_with_a_wrong_one_it_says_so(shop: Shop) -> None:
    assert states(await visit.make(shop.url, given(webhook_secret="")))["told twice"] is State.SKIPPED
    assert states(await visit.make(shop.url, given(webhook_secret="whsec_other")))["told twice"] is State.WARNING


async def test_a_visit_ends_where_webhooks_never_come(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The return page finds the payment by asking Stripe, so a visit must not be content with that."""
    monkeypatch.setattr(visit, "PATIENCE_SECONDS", 2.0)
    # Its time may come just now, and it would find the payment at Stripe.
    monkeypatch.setattr(
        worker, "TIMERS", tuple(timer for timer in worker.TIMERS if not timer.name.startswith("reconcile"))
    )
    async with shops.running(database_url, tmp_path, webhooks_come=False) as shop:
        findings = await visit.make(shop.url, given())
        assert last(findings) == ("credited", State.FAILED)
        assert "do not come" in findings[-1].result


async def test_a_visit_ends_where_no_worker_sends_the_code(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visit, "PATIENCE_SECONDS", 0.5)
    async with shops.running(database_url, tmp_path, has_worker=False) as shop:
        findings = await visit.make(shop.url, given())
    assert last(findings) == ("sign up", State.FAILED)
    assert "worker" in findings[-1].fix


async def test_a_visit_to_a_real_deployment_needs_an_account(database_url: str, tmp_path: Path) -> None:
    async with shops.running(database_url, tmp_path, is_demo=False) as shop:
        findings = await visit.make(shop.url, given())
    assert last(findings) == ("sign up", State.FAILED)
    assert "--email" in findings[-1].result


async def test_a_visit_to_nobody_is_one_finding() -> None:
    assert states(await visit.make("http://127.0.0.1:9", given())) == {"sign up": State.FAILED}


async def test_from_outside_a_server_that_is_right_gets_nothing_but_ok(shop: Shop) -> None:
    findings = await outside.examine(shop.url)
    not_here = {"encryption": State.SKIPPED, "private parts": State.SKIPPED}
    assert {check: state for check, state in states(findings).items() if state is not State.OK} == not_here
    assert [one.check for one in findings] == [
        *("health", "ready", "packages", "pages", "sign in required", "unsigned webhook", "forged webhook"),
        *("unknown address", "security headers", "encryption", "private parts", "clock"),
    ]


async def test_from_outside_a_demo_on_a_public_address_is_named(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "_LOOPBACK", frozenset())
    found = states(await outside.examine(shop.url))
    assert found["encryption"] is State.FAILED
    assert found["private parts"] is State.FAILED


async def test_from_outside_a_server_without_its_schema_or_its_packages_is_named(shop: Shop, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("UPDATE packages SET is_active = false")
        assert states(await outside.examine(shop.url))["packages"] is State.WARNING
        owner.execute("UPDATE alembic_version SET version_num = '0001'")
        assert states(await outside.examine(shop.url))["ready"] is State.FAILED


async def test_from_outside_another_program_is_one_finding(tmp_path: Path) -> None:
    def look() -> str:
        with stripe_boxes.running(tmp_path / "stripe") as box:
            found = asyncio.run(outside.examine(box.url))
        assert states(found) == {"health": State.FAILED}
        return found[0].fix

    assert "address" in await asyncio.to_thread(look)
    assert states(await outside.examine("http://127.0.0.1:9")) == {"health": State.FAILED}


async def test_a_server_that_answers_rubbish_is_named_and_ends_nothing() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        body = b'{"status":"OK"}' if b"/health" in request else b"[]"
        head = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\n"
        writer.write(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        found = states(await outside.examine(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    assert found.pop("health") is State.OK
    assert found.pop("ready") is State.OK
    assert set(found.values()) == {State.FAILED, State.SKIPPED}


def test_a_refusal_must_have_the_status_the_shape_and_the_word_that_were_promised() -> None:
    fields = ("type", "title", "status", "detail", "error", "requestId", "errors")
    problem = {**dict.fromkeys(fields, ""), "code": "not_found"}
    told = {"content-type": "application/problem+json"}
    answers = {
        httpx2.Response(404, json=problem, headers=told): State.OK,
        httpx2.Response(403, json=problem, headers=told): State.FAILED,
        httpx2.Response(404, json=problem): State.FAILED,
        httpx2.Response(404, json={**problem, "code": "other"}, headers=told): State.FAILED,
        httpx2.Response(404, json={"code": "not_found"}, headers=told): State.FAILED,
    }
    for answer, state in answers.items():
        assert outside._refusal("x", answer, 404, "not_found").state is state
