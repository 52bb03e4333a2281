"""What `topup doctor` finds: nothing about a deployment that is right, and the very thing about one that is not."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from stripe_sandbox import API_VERSION
from tests import mail_servers, shops, stripe_boxes
from tests.mail_servers import MailServer
from tests.stripe_boxes import StripeBox
from topup.core import event_types, timers
from topup.db import app_role, condition
from topup.runtime.doctor import database as doctor_database
from topup.runtime.doctor import inside, report
from topup.runtime.doctor.findings import Finding, State
from topup.settings import Settings

URL = "https://shop.example"
NOTHING_KNOWN = {"stripe account": State.SKIPPED, "worker, outbox, inbox": State.SKIPPED}
BEATING: LiteralString = """
    INSERT INTO heartbeats (name, beaten_at)
    SELECT name, clock_timestamp() FROM unnest(%(names)s::text[]) AS name;
    INSERT INTO reconciliations (id, scope, looked_from, started_at, finished_at, objects_seen, payments_seen, credited,
                                 closed, reviewed, expired, unexplained, findings)
    VALUES (gen_random_uuid(), 'recent', topup_now(), topup_now(), topup_now(), 0, 0, 0, 0, 0, 0, 0, '[]');
    INSERT INTO packages (id, name, credits, price_minor, currency)
    VALUES (gen_random_uuid(), 'Starter Pack', 100, 1000, 'gbp');
    INSERT INTO users (id, email, first_name, last_name, role, is_admin)
    VALUES (gen_random_uuid(), 'ada@shop.example', 'Ada', 'Admin', 'STUDENT', true);
"""


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StripeBox]:
    with stripe_boxes.running(tmp_path_factory.mktemp("stripe") / "data") as running:
        running.client.webhook_endpoints.create(endpoint())
        yield running


@pytest.fixture
async def mail_server() -> AsyncIterator[MailServer]:
    async with mail_servers.running(asks_password=True) as running:
        yield running


@pytest.fixture
def database(database_url: str) -> Iterator[psycopg.Connection]:
    """A database in which all is well."""
    app_role.ensure(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        psycopg.ClientCursor(connection).execute(BEATING, {"names": list(timers.SILENT_MAX_SECONDS)})
        yield connection


@pytest.fixture
def settings(database: psycopg.Connection, database_url: str, box: StripeBox, mail_server: MailServer) -> Settings:
    """Settings with which all is well."""
    changes = {
        "smtp_host": "127.0.0.1",
        "smtp_port": mail_server.port,
        "smtp_user": "post@shop.example",
        "smtp_pass": mail_server.password.decode(),
    }
    right = shops.settings(database_url, url=URL, stripe_url=box.url, is_demo=False)
    return Settings.model_validate({**right.model_dump(), **changes})


def endpoint(**changes: object) -> dict[str, object]:
    right = {
        "url": f"{URL}/api/webhooks/stripe",
        "enabled_events": list(event_types.NEEDED),
        "api_version": API_VERSION,
    }
    return {**right, **changes}


def troubles(findings: list[Finding]) -> dict[str, State]:
    """What is not right. A server of tests never waits for the disk, which has a test of its own."""
    return {one.check: one.state for one in findings if one.state is not State.OK and one.check != "durability"}


async def examined(settings: Settings, **changes: object) -> dict[str, State]:
    return troubles(await inside.examine(Settings.model_validate({**settings.model_dump(), **changes})))


async def test_a_deployment_that_is_right_gets_nothing_but_ok(settings: Settings, mail_server: MailServer) -> None:
    findings = await inside.examine(settings)
    assert troubles(findings) == {}
    checks = [one.check for one in findings]
    assert checks == [
        *(
            "settings",
            "address",
            "webhook secret",
            "database",
            "durability",
            "checksums",
            "standby",
            "database clock",
            "schema",
            "history",
        ),
        *("copy", "stripe key", "stripe clock", "stripe account", "webhook endpoint", "mail sender", "mail"),
        *("worker", "outbox", "inbox", "timers", "reconcile", "event versions", "shop"),
    ]
    assert mail_server.arrived == []


async def test_no_secret_stands_in_any_finding(settings: Settings) -> None:
    told = repr(await inside.examine(settings)) + repr(await inside.examine(_all_wrong(settings)))
    for secret in ("sk_test_shops", shops.WEBHOOK_SECRET, "shops-only", "secret-of-the-mail-server", "postgres:"):
        assert secret not in told


def _all_wrong(settings: Settings) -> Settings:
    nowhere = "postgresql://x:secret-of-the-mail-server@127.0.0.1:9/x"
    changes = {"stripe_api_base": "http://127.0.0.1:9", "database_url": nowhere, "smtp_port": 9}
    return Settings.model_validate({**settings.model_dump(), **changes})


async def test_a_wrong_setting_is_named(settings: Settings) -> None:
    wrong: list[tuple[dict[str, object], dict[str, State]]] = [
        ({"jwt_secret": "short"}, {"settings": State.FAILED}),
        ({"stripe_publishable_key": "pk_live_x"}, {"settings": State.FAILED}),
        ({"frontend_url": "shop.example"}, {"settings": State.FAILED, "webhook endpoint": State.WARNING}),
        ({"frontend_url": f"{URL}/topup"}, {"address": State.FAILED, "webhook endpoint": State.WARNING}),
        ({"frontend_url": "http://shop.example"}, {"address": State.WARNING, "webhook endpoint": State.WARNING}),
        ({"stripe_webhook_secrets": ["whsec_a b"]}, {"webhook secret": State.FAILED}),
        ({"stripe_webhook_secrets": ["whsec_a", "whsec_b"]}, {"webhook secret": State.WARNING}),
        ({"stripe_api_base": "http://127.0.0.1:9"}, {"stripe key": State.FAILED, "stripe clock": State.SKIPPED}),
        ({"smtp_pass": "wrong"}, {"mail": State.FAILED}),
        ({"smtp_host": ""}, {"mail": State.FAILED}),
        ({"smtp_user": "", "smtp_pass": ""}, {"mail sender": State.WARNING}),
    ]
    for changes, trouble in wrong:
        assert (changes, await examined(settings, **changes)) == (changes, trouble)


async def test_a_fault_in_the_database_is_named(settings: Settings, database: psycopg.Connection) -> None:
    """Each row: what goes wrong, what undoes it, and how the doctor names it."""
    wrong: list[tuple[LiteralString, LiteralString, dict[str, State]]] = [
        (
            "DROP TRIGGER append_only ON entries",
            "CREATE TRIGGER append_only BEFORE UPDATE ON entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
            {"history": State.FAILED},
        ),
        (
            "ALTER TABLE transfers DISABLE TRIGGER append_only",
            "ALTER TABLE transfers ENABLE TRIGGER append_only",
            {"history": State.FAILED},
        ),
        ("GRANT UPDATE ON entries TO topup_app", "REVOKE UPDATE ON entries FROM topup_app", {"history": State.WARNING}),
        ("UPDATE deployment SET mode = 'live'", "UPDATE deployment SET mode = NULL", {"stripe account": State.FAILED}),
        (
            "UPDATE deployment SET mode = 'test', stripe_account = 'acct_other'",
            "UPDATE deployment SET mode = NULL, stripe_account = NULL",
            {"stripe account": State.FAILED},
        ),
        (
            "UPDATE heartbeats SET beaten_at = beaten_at - interval '2 minutes' WHERE name = 'inbox'",
            "UPDATE heartbeats SET beaten_at = beaten_at + interval '2 minutes' WHERE name = 'inbox'",
            {"worker": State.FAILED},
        ),
        (
            "UPDATE heartbeats SET name = 'away' WHERE name = 'outbox'",
            "UPDATE heartbeats SET name = 'outbox' WHERE name = 'away'",
            {"worker": State.FAILED},
        ),
        (
            "UPDATE heartbeats SET beaten_at = beaten_at - interval '9 minutes' WHERE name = 'settle overdue'",
            "UPDATE heartbeats SET beaten_at = beaten_at + interval '9 minutes' WHERE name = 'settle overdue'",
            {"timers": State.FAILED},
        ),
        (
            "UPDATE heartbeats SET last_error = 'It broke.' WHERE name = 'inbox'",
            "UPDATE heartbeats SET last_error = NULL",
            {"worker": State.WARNING},
        ),
        ("UPDATE users SET is_admin = false", "UPDATE users SET is_admin = true", {"admins": State.WARNING}),
        (
            "UPDATE users SET disabled_at = topup_now()",
            "UPDATE users SET disabled_at = NULL",
            {"admins": State.WARNING},
        ),
        ("UPDATE packages SET is_active = false", "UPDATE packages SET is_active = true", {"packages": State.WARNING}),
    ]
    for change, undo, trouble in wrong:
        database.execute(change)
        assert (change, await examined(settings)) == (change, trouble)
        database.execute(undo)
    assert await examined(settings) == {}


async def test_a_schema_that_is_behind_or_ahead_is_named_and_what_needs_it_skipped(
    settings: Settings, database: psycopg.Connection
) -> None:
    for revision in ("0003", "9999"):
        database.execute("UPDATE alembic_version SET version_num = %s", [revision])
        assert await examined(settings) == {"schema": State.FAILED, "history": State.SKIPPED, **NOTHING_KNOWN}


async def test_mails_that_wait_too_long_or_are_given_up_are_named(
    settings: Settings, database: psycopg.Connection
) -> None:
    database.execute(
        """INSERT INTO outbox (id, kind, cause, recipient, details)
           VALUES (gen_random_uuid(), 'receipt', '1', 'x@shop.example', '{}')"""
    )
    assert await examined(settings) == {}
    database.execute("UPDATE outbox SET created_at = created_at - interval '3 minutes'")
    assert await examined(settings) == {"outbox": State.FAILED}
    database.execute("UPDATE outbox SET given_up_at = topup_now()")
    assert await examined(settings) == {"outbox": State.WARNING}


async def test_events_that_failed_are_named(settings: Settings, database: psycopg.Connection) -> None:
    database.execute(
        """INSERT INTO stripe_events (id, type, is_live, happened_at, attempts, next_try_at, last_error)
           VALUES ('evt_1', 'checkout.session.completed', false, topup_now(), 3, topup_now(), 'It broke.')"""
    )
    assert await examined(settings) == {"inbox": State.WARNING}
    database.execute("UPDATE stripe_events SET attempts = 20")
    assert await examined(settings) == {"inbox": State.FAILED}


async def test_an_empty_database_and_none_at_all_are_named_and_the_rest_still_looked_at(
    settings: Settings, empty_database_url: str
) -> None:
    found = await examined(settings, database_url=empty_database_url)
    assert found == {"schema": State.FAILED, "history": State.SKIPPED, **NOTHING_KNOWN}
    found = await examined(settings, database_url="postgresql://x@127.0.0.1:9/x")
    assert found == {"database": State.FAILED, **NOTHING_KNOWN}


async def test_a_server_that_does_not_wait_for_the_disk_is_for_demos_only(settings: Settings) -> None:
    server = condition.Server(
        version_num=180_000,
        version="18.0",
        is_standby=False,
        is_durable=False,
        has_checksums=False,
        waits_for_standby=False,
        standbys=0,
        login="topup",
        unix_seconds=0.0,
    )
    assert doctor_database._durability(server, settings).state is State.FAILED
    assert doctor_database._durability(server, settings.model_copy(update={"is_demo": True})).state is State.WARNING


async def test_what_stripe_will_deliver_is_compared_with_what_is_needed(settings: Settings, tmp_path: Path) -> None:
    cases: list[tuple[dict[str, object], dict[str, State]]] = [
        ({"url": "https://other.example/api/webhooks/stripe"}, {"webhook endpoint": State.WARNING}),
        ({"url": f"{URL}/api/stripe/webhook"}, {}),
        ({"enabled_events": ["checkout.session.completed"]}, {"webhook events": State.FAILED}),
        ({"enabled_events": ["*"]}, {}),
    ]
    with stripe_boxes.running(tmp_path / "stripe") as box:
        for changes, trouble in cases:
            made = box.client.webhook_endpoints.create(endpoint(**changes))
            assert (changes, await examined(settings, stripe_api_base=box.url)) == (changes, trouble)
            box.client.webhook_endpoints.delete(made.id)


async def test_a_disabled_endpoint_a_second_one_and_an_old_version_are_named(
    settings: Settings, tmp_path: Path
) -> None:
    with stripe_boxes.running(tmp_path / "stripe") as box:
        first = box.client.webhook_endpoints.create(endpoint())
        box.client.webhook_endpoints.create(endpoint())
        assert await examined(settings, stripe_api_base=box.url) == {"webhook endpoint": State.WARNING}
        box.client.webhook_endpoints.update(first.id, {"disabled": True})
        findings = await inside.examine(settings.model_copy(update={"stripe_api_base": box.url}))
    assert any("disabled" in one.result and one.state is State.FAILED for one in findings)


async def test_a_test_mail_is_sent_only_when_asked_for(settings: Settings, mail_server: MailServer) -> None:
    findings = await inside.examine(settings, mail_to="ada@shop.example")
    assert troubles(findings) == {}
    assert [arrived.recipients for arrived in mail_server.arrived] == [["ada@shop.example"]]
    assert "https://shop.example" in mail_server.arrived[0].text


async def test_a_mail_to_no_address_is_a_finding_and_no_crash(settings: Settings) -> None:
    assert troubles(await inside.examine(settings, mail_to="nobody")) == {"mail": State.FAILED}


def test_the_report_is_one_line_a_finding_and_a_sum(capsys: pytest.CaptureFixture[str]) -> None:
    findings = [Finding.ok("schema", "at 0001"), Finding.failed("mail", "no [server]", "set SMTP_HOST")]
    report.show(findings)
    assert capsys.readouterr().out == (
        "ok       schema: at 0001\nfailed   mail: no [server] -> set SMTP_HOST\n2 checks: 1 ok, 1 failed.\n"
    )
    assert report.has_failed(findings)
    assert not report.has_failed([Finding.ok("a", "b"), Finding.warning("a", "b", "c"), Finding.skipped("a", "b")])
