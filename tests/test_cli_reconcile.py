"""`topup reconcile` as an operator types it: what it says, how it ends, and when it refuses to begin."""

import psycopg
import pytest

from tests.stripe_boxes import StripeBox
from tests.test_cli import sound, topup

__all__ = ["sound"]

MARK = {"topup_payment_id": "01a20000-0000-7000-8000-000000000000"}


def test_nothing_to_explain_ends_with_0_and_something_with_1(sound: dict[str, str], stripe_box: StripeBox) -> None:
    clean = topup("reconcile", settings=sound)
    assert (clean.returncode, clean.stderr) == (0, "")
    assert "0   unexplained" in clean.stdout
    made = stripe_box.client.payment_intents.create(params={"amount": 1000, "currency": "gbp", "metadata": MARK})
    for options in (["--dry-run"], ["--days", "1"], []):
        found = topup("reconcile", *options, settings=sound)
        assert (found.returncode, found.stderr) == (1, ""), options
        assert f"object_without_payment   {made.id} (payment {MARK['topup_payment_id']})" in found.stdout
    with psycopg.connect(sound["DATABASE_URL"]) as connection:
        kept = connection.execute("SELECT scope, unexplained FROM reconciliations ORDER BY started_at").fetchall()
    assert kept == [("command", 0), ("command", 1), ("command", 1)]


@pytest.mark.parametrize("name", ["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "JWT_SECRET", "FRONTEND_URL"])
def test_without_its_settings_it_refuses_in_one_sentence(sound: dict[str, str], name: str) -> None:
    refused = topup("reconcile", settings={key: value for key, value in sound.items() if key != name})
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"Topup cannot start: {name} is not set.\n"


def test_stripe_out_of_reach_is_a_sentence_and_no_report(sound: dict[str, str]) -> None:
    topup("reconcile", settings=sound)
    refused = topup(
        "reconcile", settings={**sound, "STRIPE_SECRET_KEY": "sk_live_x", "STRIPE_PUBLISHABLE_KEY": "pk_live_x"}
    )
    assert (refused.returncode, refused.stdout) == (1, "")
    assert len(refused.stderr.splitlines()) == 1
