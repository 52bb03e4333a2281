"""Processes killed, and lines cut, at every single read and write of every flow: nothing is lost, nothing is doubled.

The points are counted and not listed: a flow is gone through unharmed once, and what it read and wrote is where it is
broken, until it ends unharmed again. Which of them run in a short storm is drawn by the day's seed.
"""

import time

import pytest

from tests.storm import dice, faulty, flows
from tests.storm.rig import Rig
from tests.storm.walk import Walk

pytestmark = [pytest.mark.storm, pytest.mark.slow]

HERE = "tests/storm/test_every_io.py"
SHORT_SECONDS = 30.0
RUN_MIN = 3
# One answer may come in two reads, so that two passages need not count the same.
SPLIT_READS = 4


def go(ground: Rig, name: str, at: int = 0, way: str = "") -> Walk:
    """Go through a flow with one fault, then audit everything. What fails says how to have it fail again."""
    walk = Walk(ground, at, way)
    with dice.replayable(HERE, f"{name},{at},{way}"):
        try:
            flows.FLOWS[name](walk)
            ground.audit()
        finally:
            walk.end()
    return walk


def points(name: str, io_count: int) -> list[tuple[int, str]]:
    """All crash points of a flow in the order of the seed, or the one that is asked for."""
    if dice.AT:
        asked, at, way = dice.AT.split(",")
        return [(int(at), way)] if asked == name else []
    found = [(at, way) for at in range(1, io_count + 1) for way in faulty.WAYS]
    dice.of(f"every I/O of {name}").shuffle(found)
    return found


@pytest.mark.parametrize("name", flows.FLOWS)
def test_flow_that_is_broken_at_any_io_ends_as_if_it_had_not_been(ground: Rig, name: str) -> None:
    """Faults 4a, 6, 8a, 17, 18, 20, 31, 47 and 49: killed before, killed after, or the line cut."""
    share = (list(flows.FLOWS).index(name) + 1) / len(flows.FLOWS)
    deadline = ground.opened_at + share * dice.seconds(part=0.4, short=SHORT_SECONDS)
    unharmed = go(ground, name)
    assert not unharmed.has_fired
    found = points(name, unharmed.io_count)
    ran = dict.fromkeys(faulty.WAYS, 0)
    for at, way in found:
        if time.monotonic() > deadline and sum(ran.values()) >= RUN_MIN:
            break
        walk = go(ground, name, at, way)
        ran[way] += walk.has_fired
    dice.note(f"every I/O: {name}", points_found=len(found), **{f"{way} ran": count for way, count in ran.items()})
    dice.note("every I/O, all flows", points_found=len(found), points_run=sum(ran.values()))
    assert dice.AT or sum(ran.values()) > 0, "no fault happened, so nothing was shown"


def test_point_behind_the_last_io_of_a_flow_is_never_reached(ground: Rig) -> None:
    """Faults 17: the count is what it says, or points would be left out."""
    last = go(ground, "spend").io_count
    assert go(ground, "spend", last - SPLIT_READS, faulty.KILLED_AFTER).has_fired
    assert not go(ground, "spend", last + SPLIT_READS, faulty.KILLED_AFTER).has_fired
