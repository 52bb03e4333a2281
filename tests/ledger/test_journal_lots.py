"""How many lots the journal loads: as few as will do, and never so few that a rule could take the wrong ones."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from tests import people
from tests.ledger.world import World, cause
from topup import errors
from topup.core import ids
from topup.db import ledger
from topup.flows import verify
from topup.ledger import book, commands, journal, rules
from topup.ledger.commands import Credit, Done, PlaceHold, Spend


@pytest.fixture
async def world(pool: people.Pool) -> World:
    """Ivan has forty lots of ten credits each; every fourth goes first, by its priority."""
    world = World(pool)
    ivan = await world.open("Ivan")
    gifts = [Credit(ivan, 10, "PROMOTION", cause(), "topup", priority=50 if n % 4 == 3 else 100) for n in range(40)]
    async with pool.connection() as conn:
        await journal.post(conn, gifts)
    return world


async def taken(world: World, *asked: commands.Command) -> tuple[list[commands.Outcome], book.Book]:
    """Decide some commands in one batch, and write them."""
    async with world.pool.connection() as conn, conn.pipeline():
        working = await journal.load(conn, await journal.ask(conn, asked))
        outcomes = [rules.apply(working, command) for command in asked]
        await journal.send(conn, working)
    return outcomes, working


async def burn_order(world: World) -> list[UUID]:
    """All lots that have anything in them, read anew."""
    async with world.pool.connection() as conn:
        rows = await (await ledger.first_lots(conn, {world.accounts["Ivan"]: None})).rows()
    return sorted((row.id for row in rows), key={row.id: _key(row) for row in rows}.__getitem__)


def _key(row: ledger.LotRow) -> book.BurnOrder:
    return book.Lot(*(getattr(row, name) for name in row.__slots__)).burn_order()


def spend(world: World, credits_out: int) -> Spend:
    return Spend(world.accounts["Ivan"], credits_out, cause(), "topup")


async def test_spend_loads_no_more_than_the_first_lots(world: World) -> None:
    first = (await burn_order(world))[: journal.FIRST_LOTS_MAX]
    _, working = await taken(world, spend(world, 5), spend(world, 20))
    assert set(working.lots) == set(first)
    assert [lot_id for line in working.lines for lot_id, _ in line.lot_moves] == [
        first[0],
        first[0],
        first[1],
        first[2],
    ]


async def test_spend_of_more_than_the_first_lots_have_takes_the_next_ones_in_order(world: World) -> None:
    in_order = await burn_order(world)
    (outcome,), working = await taken(world, spend(world, 255))
    assert isinstance(outcome, Done)
    assert [moved for moved, _ in working.lines[0].lot_moves] == in_order[:26]
    assert working.lines[0].lot_moves[-1][1] == -5


async def test_spend_of_more_than_all_is_refused_with_what_there_is(world: World) -> None:
    (outcome,), _ = await taken(world, spend(world, 401))
    assert outcome == commands.Denied("insufficient_credits", available=400, required=401)


async def test_purchase_loads_no_lot_at_all(world: World) -> None:
    bought = Credit(world.accounts["Ivan"], 100, "PURCHASE", cause(), "stripe", payment_id=ids.new())
    _, working = await taken(world, bought)
    assert set(working.lots) == set(working.new_lots)


async def test_what_comes_in_between_two_spends_of_one_batch_is_spent_in_its_turn(world: World) -> None:
    first, second, *_ = await burn_order(world)
    gift = Credit(world.accounts["Ivan"], 7, "PROMOTION", cause(), "topup", priority=10)
    late = Credit(world.accounts["Ivan"], 7, "PROMOTION", cause(), "topup", priority=100)
    _, working = await taken(world, spend(world, 3), late, gift, spend(world, 15))
    new = next(lot.id for lot in working.new_lots.values() if lot.priority == 10)
    assert working.lines[0].lot_moves == ((first, -3),)
    assert working.lines[-1].lot_moves == ((new, -7), (first, -7), (second, -1))


async def test_lot_that_ended_is_booked_however_far_behind_it_stands(world: World) -> None:
    """The lot of lowest rank ends; a purchase, which needs no lots, books it all the same."""
    async with world.pool.connection() as conn:
        soon: datetime = await ledger.now(conn) + timedelta(days=1)
    await world.give("Ivan", 9, priority=100, expires_at=soon + timedelta(days=1))
    await world.give("Ivan", 9, priority=100, expires_at=soon)
    await world.run("UPDATE deployment SET is_demo = true, mode = 'test', clock_offset = '36 hours'")
    bought = Credit(world.accounts["Ivan"], 100, "PURCHASE", cause(), "stripe", payment_id=ids.new())
    (outcome,), working = await taken(world, bought)
    assert [line.entry.kind for line in working.lines] == ["EXPIRY", "PURCHASE"]
    assert isinstance(outcome, Done)
    assert outcome.entries[0].balance_after == 400 + 9 + 100


async def test_hold_gives_back_to_a_lot_that_nobody_needed_to_load(world: World) -> None:
    held = commands.PlaceHold(world.accounts["Ivan"], 400, ids.new(), 3600, "topup")
    await taken(world, held)
    await world.give("Ivan", 500, priority=0)
    (outcome, _), working = await taken(
        world, commands.Release(held.account_id, held.hold_id, "topup"), spend(world, 1)
    )
    assert isinstance(outcome, Done)
    assert working.accounts[held.account_id].held == 0
    assert (await verify.verify(world.pool)).breaches == ()


async def test_rule_that_would_take_more_than_was_loaded_breaks_instead(world: World) -> None:
    async with world.pool.connection() as conn:
        working = await journal.load(conn, await journal.ask(conn, [spend(world, 10)]))
        with pytest.raises(errors.Broken, match="Too few lots"):
            rules.apply(working, spend(world, 300))
        with pytest.raises(errors.Broken, match="Not all lots"):
            rules.apply(working, commands.Clawback(world.accounts["Ivan"], 1, ids.new(), "REFUND", cause(), "topup"))
        with pytest.raises(errors.Broken, match="Too few lots"):
            rules.apply(working, PlaceHold(world.accounts["Ivan"], 300, ids.new(), 60, "topup"))
