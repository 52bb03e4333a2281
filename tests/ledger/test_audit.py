"""The audit finds nothing on a healthy ledger, and each corruption is found by exactly the invariant it breaks.

A checker that has never failed proves nothing. Each corruption is one that a superuser, or a bug below the constraints,
could leave behind; where a chain of hashes would give it away, it is forged to fit as a careful culprit would.
"""

from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import psycopg
import pytest

from tests import people
from tests.ledger import corruptions, world
from topup import errors
from topup.core import anchors
from topup.db import accounts, chain_heads, invariants
from topup.flows import verify
from topup.ledger import audit, commands, journal
from topup.runtime import house


@pytest.fixture(scope="module")
async def healthy(shared_database_url: str) -> AsyncIterator[world.World]:
    async with people.Pool(
        shared_database_url, min_size=1, max_size=4, kwargs={"options": house.CONNECTION_OPTIONS}, open=False
    ) as pool:
        yield await world.build(pool)


@pytest.fixture(scope="module")
def superuser(healthy: world.World, shared_database_url: str) -> Iterator[psycopg.Connection]:
    """One connection for all who tamper, so that the queries of the audit are planned once."""
    with psycopg.connect(shared_database_url, prepare_threshold=0) as connection:
        connection.execute(corruptions.FORGER, prepare=False)
        connection.commit()
        yield connection


@pytest.fixture
def culprit(superuser: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """A superuser whose triggers and foreign keys sleep; whatever is done is undone afterwards."""
    superuser.execute("SET LOCAL session_replication_role = replica")
    yield superuser
    superuser.rollback()


def findings(connection: psycopg.Connection) -> dict[str, list[tuple[UUID | None, str]]]:
    """What every invariant finds in a connection's own transaction."""
    everything = {"first": UUID(int=0), "last": UUID(int=2**128 - 1)}
    found = {one.name: connection.execute(one.query, everything).fetchall() for one in invariants.ALL}
    return {name: rows for name, rows in found.items() if rows}


async def test_healthy_ledger_has_no_finding(healthy: world.World) -> None:
    report = await verify.verify(healthy.pool)
    assert (report.breaches, report.late, report.frozen) == ((), (), frozenset())
    assert len(report.heads) == 12


@pytest.mark.parametrize("corruption", corruptions.ALL, ids=lambda corruption: corruption.breaks)
async def test_corruption_is_found_by_exactly_the_invariant_that_it_breaks(
    culprit: psycopg.Connection, corruption: corruptions.Corruption
) -> None:
    """Faults 29 and 90."""
    for statement in corruption.statements:
        assert culprit.execute(statement).rowcount != 0, "the corruption touched nothing"
    assert list(findings(culprit)) == [corruption.breaks]


def test_every_invariant_has_its_corruption() -> None:
    assert {one.name for one in invariants.ALL} == {corruption.breaks for corruption in corruptions.ALL}
    assert len({one.name for one in invariants.ALL}) == len(invariants.ALL)


@pytest.mark.parametrize("statement", corruptions.FACTS_OF_A_LINE)
async def test_no_fact_of_a_line_can_be_rewritten_unnoticed(culprit: psycopg.Connection, statement: str) -> None:
    """Fault 90: whatever is changed of a line or its transfer, the chain says so."""
    assert culprit.execute(statement.encode()).rowcount == 1
    assert "L4_L7_chain" in findings(culprit)


@pytest.mark.parametrize("table", ["transfers", "entries", "entry_lots"])
@pytest.mark.parametrize("verb", ["DELETE FROM {}", "TRUNCATE {} CASCADE", "UPDATE {} SET amount = amount"])
async def test_history_cannot_be_rewritten_by_the_program(
    healthy: world.World, shared_database_url: str, table: str, verb: str
) -> None:
    """Fault 90: the triggers say no, even to the owner of the tables."""
    with psycopg.connect(shared_database_url) as connection, pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute(verb.format(table).encode())


async def test_facts_of_a_lots_birth_cannot_be_rewritten_by_the_program(
    healthy: world.World, shared_database_url: str
) -> None:
    with psycopg.connect(shared_database_url) as connection, pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute("UPDATE lots SET expires_at = NULL")


async def test_text_can_be_erased_and_the_chain_still_holds(culprit: psycopg.Connection) -> None:
    """Fault 96."""
    assert culprit.execute("DELETE FROM transfer_texts").rowcount > 0
    assert findings(culprit) == {}


async def test_rewritten_history_with_forged_hashes_is_told_by_the_anchor(
    healthy: world.World, superuser: psycopg.Connection
) -> None:
    """Fault 90: whoever can forge every hash cannot forge the anchor that lies elsewhere."""
    async with healthy.pool.connection() as conn:
        heads = await chain_heads.heads(conn)
    await healthy.give("carol", 1)
    assert (await verify.verify(healthy.pool, anchored=heads)).breaches == (), "a chain may grow"

    alice, bob = healthy.accounts["alice"], healthy.accounts["bob"]
    with superuser.transaction(force_rollback=True):
        superuser.execute("SET LOCAL session_replication_role = replica")
        superuser.execute("UPDATE transfers SET actor = 'user:mallory' WHERE debit_account = %s", [alice])
        for forged in (alice, bob):
            superuser.execute("SELECT pg_temp.forge(%s)", [forged])
        assert findings(superuser) == {}
        columns = [[head.account_id for head in heads], [head.seq for head in heads], [head.hash for head in heads]]
        gone = superuser.execute(chain_heads.GONE, columns).fetchall()
        assert {row[0] for row in gone} == {alice, bob}, "Bob's statement tells of Alice's transfer"


@pytest.fixture
async def broken(healthy: world.World, shared_database_url: str) -> AsyncIterator[UUID]:
    """Erin's account with a head that is not hers, mended afterwards."""
    erin = healthy.accounts["erin"]
    spoil = "UPDATE accounts SET balance = balance + 1 WHERE id = %s"
    mend = "UPDATE accounts SET balance = balance - 1, frozen_at = NULL, frozen_reason = NULL WHERE id = %s"
    with psycopg.connect(shared_database_url, autocommit=True) as connection:
        connection.execute(spoil, [erin])
        yield erin
        connection.execute(mend, [erin])


async def test_breach_freezes_its_account_and_nobody_elses(healthy: world.World, broken: UUID) -> None:
    report = await verify.verify(healthy.pool)
    assert {breach.name for breach in report.breaches} == {"L3_last_line", "G2_balance_is_lots_less_debt"}
    assert {breach.what for breach in report.breaches} == {f"account {broken}"}
    assert report.frozen == {broken}
    async with healthy.pool.connection() as conn:
        erin, alice = await accounts.find(conn, broken), await accounts.find(conn, healthy.accounts["alice"])
    assert erin is not None
    assert alice is not None
    assert (erin.frozen_at is None, alice.frozen_at is None) == (False, True)


async def test_nightly_verification_says_what_is_broken(healthy: world.World, broken: UUID) -> None:
    with pytest.raises(errors.Broken, match=r"Broken: G2_balance_is_lots_less_debt, L3_last_line. 1 accounts"):
        await verify.watch(healthy.pool)


async def test_frozen_account_takes_but_does_not_give(healthy: world.World, broken: UUID) -> None:
    await verify.verify(healthy.pool)
    async with healthy.pool.connection() as conn:
        spend = commands.Spend(broken, 1, world.cause(), "application:host")
        assert (await journal.post(conn, [spend]))[0] == commands.Denied("account_frozen")
    await healthy.give("erin", 1)
    await healthy.spend("carol", 1)


async def test_account_that_is_frozen_keeps_its_first_reason(healthy: world.World, broken: UUID) -> None:
    await healthy.run("UPDATE accounts SET frozen_at = topup_now(), frozen_reason = 'by hand' WHERE id = %s", broken)
    await verify.verify(healthy.pool)
    async with healthy.pool.connection() as conn:
        found = await conn.execute("SELECT frozen_reason FROM accounts WHERE id = %s", [broken])
        assert await found.fetchone() == ("by hand",)


async def test_breach_that_is_gone_under_the_lock_freezes_nothing(healthy: world.World) -> None:
    async with healthy.pool.connection() as conn:
        names = [one.name for one in invariants.ALL]
        assert await audit.look_again(conn, healthy.accounts["bob"], names) == []


async def test_one_account_is_looked_at_again_by_itself(healthy: world.World, broken: UUID) -> None:
    names = [one.name for one in invariants.ALL]
    for name, account_id in healthy.accounts.items():
        async with healthy.pool.connection() as conn:
            found = await audit.look_again(conn, account_id, names)
        assert bool(found) is (name == "erin")


def test_anchor_survives_being_written_and_read() -> None:
    heads = [anchors.Head(UUID(int=1), 7, bytes(range(32))), anchors.Head(UUID(int=2), 1, bytes(32))]
    assert anchors.read(anchors.text(heads, taken_at=corruptions.NOON)) == heads
