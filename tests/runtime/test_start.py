"""What a deployment refuses to start with, all of it named at once."""

import psycopg
import pytest

from tests.gateway import scripted_stripe
from tests.stripe_boxes import StripeBox
from topup import errors
from topup.core import ids
from topup.db import app_role, statements
from topup.runtime import start
from topup.settings import Settings

SOUND = {
    "stripe_secret_key": "sk_test_tests",
    "stripe_publishable_key": "pk_test_tests",
    "stripe_webhook_secrets": ["whsec_tests"],
    "jwt_secret": "tests-only-tests-only-tests-only-tests",
    "frontend_url": "https://shop.example",
}


@pytest.fixture
def sound(database_url: str, stripe_box: StripeBox) -> Settings:
    """Settings with which a deployment starts."""
    return Settings.model_validate({**SOUND, "database_url": database_url, "stripe_api_base": stripe_box.url})


async def refusal(settings: Settings, **changes: object) -> str:
    """The one sentence with which these settings are refused."""
    changed = Settings.model_validate({**settings.model_dump(), **changes})
    with pytest.raises(errors.Unavailable) as caught:
        async with start.opened(changed):
            pass
    return caught.value.detail


async def test_sound_deployment_starts_again_and_again(sound: Settings) -> None:
    for _ in range(2):
        async with start.opened(sound) as home, home.pool.connection() as conn:
            assert await statements.living_lots(conn, ids.new()) == []


async def test_everything_that_is_wrong_stands_in_one_sentence() -> None:
    sentence = await refusal(Settings.model_validate({"jwt_secret": "short", "stripe_publishable_key": "x"}))
    for name in ("DATABASE_URL", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "FRONTEND_URL"):
        assert f"{name} is not set" in sentence
    assert "JWT_SECRET is shorter than 32 characters" in sentence
    assert "STRIPE_PUBLISHABLE_KEY is not a Stripe publishable key" in sentence
    assert sentence.count(".") == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stripe_secret_key": "whatever"}, "STRIPE_SECRET_KEY is not a Stripe secret key"),
        ({"stripe_publishable_key": "pk_live_x"}, "are of different modes"),
        ({"stripe_webhook_secrets": [""]}, "STRIPE_WEBHOOK_SECRET"),
        ({"stripe_webhook_secrets": ["whsec_tests", "whsec_"]}, "STRIPE_WEBHOOK_SECRET"),
        ({"jwt_secret": "a" * 64}, "JWT_SECRET is a few characters repeated"),
        ({"jwt_secret": "changeme" * 8}, "JWT_SECRET is a few characters repeated"),
        ({"jwt_secret": "0123456789abcdef0123456789abcde"}, "JWT_SECRET is shorter than 32 characters"),
        ({"frontend_url": "topup.example.com"}, "FRONTEND_URL is no web address"),
        ({"frontend_url": "ftp://[x"}, "FRONTEND_URL is no web address"),
        ({"database_url": "postgresql://nobody:secret-word@127.0.0.1:9/none"}, "cannot be reached"),
    ],
)
async def test_each_fault_is_named_and_no_secret_with_it(
    sound: Settings, changes: dict[str, object], said: str
) -> None:
    sentence = await refusal(sound, **changes)
    assert said in sentence
    assert "secret-word" not in sentence


async def test_schema_behind_or_ahead_is_refused(sound: Settings, empty_database_url: str, database_url: str) -> None:
    assert "run `topup migrate` first" in await refusal(sound, database_url=empty_database_url)
    with psycopg.connect(database_url) as conn:
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "newer than this program" in await refusal(sound)


async def test_database_remembers_its_mode_and_account(sound: Settings, database_url: str) -> None:
    """Fault 13 and rule 8 of the design: test and live credits must never meet."""
    async with start.opened(sound):
        pass
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT mode, stripe_account IS NULL FROM deployment").fetchone() == ("test", False)
        conn.execute("UPDATE deployment SET stripe_account = 'acct_anothers'")
    assert "the database belongs to the Stripe account acct_anothers" in await refusal(sound)
    with psycopg.connect(database_url) as conn:
        conn.execute("UPDATE deployment SET stripe_account = NULL, mode = 'live'")
    assert "the database holds live payments and STRIPE_SECRET_KEY is a test key" in await refusal(sound)
    with psycopg.connect(database_url) as conn:
        conn.execute("UPDATE deployment SET mode = 'test', is_demo = true")
    assert "the database belongs to a demo" in await refusal(sound)


async def test_real_money_is_not_taken_where_a_power_cut_would_lose_it(sound: Settings, server_url: str) -> None:
    """Fault 30. The tests' own server does not wait for its disk."""
    with psycopg.connect(server_url) as conn:
        if conn.execute("SELECT current_setting('fsync')").fetchone() == ("on",):
            pytest.skip("this server waits for its disk")
    live = {"stripe_secret_key": "sk_live_tests", "stripe_publishable_key": "pk_live_tests"}
    assert "fsync or full_page_writes is off" in await refusal(sound, **live)


async def test_refused_start_claims_nothing(sound: Settings, database_url: str) -> None:
    await refusal(sound, stripe_publishable_key="")
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT mode, stripe_account FROM deployment").fetchone() == (None, None)


async def test_stripe_being_down_stops_no_start(sound: Settings, stripe_box: StripeBox, database_url: str) -> None:
    """Fault 35: balances and spends do not need Stripe, and so must not its outage stop a restart."""
    stripe_box.control("outage", manner="cut")
    async with start.opened(sound):
        pass
    stripe_box.end_outage()
    async with start.opened(sound):
        pass
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT stripe_account IS NULL FROM deployment").fetchone() == (False,)


async def test_key_that_stripe_does_not_know_stops_the_start(sound: Settings) -> None:
    async with scripted_stripe.running() as script:
        script.will(scripted_stripe.refusal(401))
        sentence = await refusal(sound, stripe_api_base=script.address)
    assert "Stripe does not accept STRIPE_SECRET_KEY" in sentence


async def test_running_program_cannot_rewrite_history(sound: Settings, database_url: str) -> None:
    """Not even where a trigger were missing: the role that serve and worker put on has no right to."""
    assert not app_role.may_wear(database_url)
    assert app_role.ensure(database_url)
    assert app_role.may_wear(database_url)
    forbidden = [
        statement % table
        for table in (b"transfers", b"entries", b"entry_lots")
        for statement in (
            b"UPDATE %s SET amount = 1",
            b"DELETE FROM %s",
            b"TRUNCATE %s",
            b"ALTER TABLE %s DISABLE TRIGGER ALL",
        )
    ]
    async with start.opened(sound) as home, home.pool.connection() as conn:
        for statement in forbidden:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await conn.execute(statement)
            await conn.rollback()
