"""The drill: a backup, life goes on, the database is lost, and the backup is older than what Stripe and hosts know.

What was paid comes back from Stripe; what was spent comes back when the host sends its calls again under their keys;
and the anchor says how much that is.
"""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from tests import people
from tests.asking import Machine
from tests.flows.test_checkout import available, put_on_sale, start
from tests.people import Person, Pool
from tests.stripe_boxes import StripeBox
from topup.flows import reconcile, verify
from topup.flows.requests import Answer
from topup.gateway import stripe
from topup.runtime import verifying
from topup.runtime.backups import restoring, taking

SPENDS = 40


@pytest.fixture
async def recovered(empty_database_url: str) -> AsyncIterator[Pool]:
    """A pool on the database that the backup is restored into."""
    async with people.Pool(empty_database_url, min_size=0, max_size=4, open=False) as pool:
        yield pool


async def spend(machine: Machine, account_id: UUID, log: dict[str, str], keys: range) -> None:
    """A host application that spends, and notes each call that was answered."""
    for number in keys:
        answer = await machine.spend(account_id, 1, f"essay-{number}")
        assert isinstance(answer, Answer)
        assert answer.status == 201
        log[f"essay-{number}"] = answer.body


async def test_backup_older_than_stripe_is_made_whole(
    pool: Pool,
    recovered: Pool,
    gateway: stripe.Gateway,
    stripe_box: StripeBox,
    alice: Person,
    bob: Person,
    tmp_path: Path,
) -> None:
    """Faults 22 and 93."""
    anchor, log = tmp_path / "anchor", dict[str, str]()
    machine = Machine(pool)
    host = await machine.open(credits_in=100)
    package_id = await put_on_sale(pool)
    open_payment = await start(pool, gateway, alice, package_id)
    await spend(machine, host, log, range(SPENDS // 2))
    taken = await taking.take(str(pool.conninfo), tmp_path, say=lambda _: None)
    before = dict(log)

    await spend(machine, host, log, range(SPENDS // 2, SPENDS))
    stripe_box.pay(open_payment.checkout_url)
    forgotten = await start(pool, gateway, bob, package_id)
    stripe_box.pay(forgotten.checkout_url)
    assert (await reconcile.recent(pool, gateway)).credited == 2
    assert (await verifying.run(str(pool.conninfo), anchor=anchor)).is_well

    said: list[str] = []
    started = time.monotonic()
    wanted = restoring.Wanted(taken.path, anchor=anchor)
    assert await restoring.restore(str(recovered.conninfo), wanted, say=said.append)
    seconds = time.monotonic() - started
    assert f"missing account {alice.account_id}: lines 1 to 1, written after the backup" in said
    first, last = SPENDS // 2 + 2, SPENDS + 1
    assert f"missing account {host}: lines {first} to {last}, written after the backup" in said
    lost = SPENDS - SPENDS // 2 + 2
    assert f"The anchor names {lost} lines on 3 accounts that this backup is too old to have." in said

    assert await available(recovered, alice) == 0
    for credited in (1, 0):
        report = await reconcile.recent(recovered, gateway)
        assert report.credited == credited
    assert await available(recovered, alice) == 100
    shown = {(one["kind"], one["paymentId"]) for one in report.findings}
    assert shown == {("object_without_payment", str(forgotten.id))}

    again = Machine(recovered)
    assert await again.balance(host) == 100 - SPENDS // 2
    answers = {key: await again.spend(host, 1, key) for key in log}
    replays = {key for key, answer in answers.items() if isinstance(answer, Answer) and answer.is_replay}
    assert replays == set(before)
    assert {key: answers[key].body for key in before} == before  # type: ignore[union-attr]
    assert await again.balance(host) == 100 - SPENDS
    assert (await verify.verify(recovered)).breaches == ()
    print(f"restored, verified and compared in {seconds:.1f} s")  # noqa: T201 - the drill is timed
