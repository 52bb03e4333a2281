"""Figures, guide and alarms are one: all shown figures are explained, and no alarm waits for one that is not shown."""

import re
from pathlib import Path

import httpx2
import prometheus_client
import pytest
import yaml

from tests.web.conftest import client, house, settings, transport
from topup import worker
from topup.core import event_types, timers
from topup.runtime.house import House
from topup.web import work_figures

__all__ = ["client", "house", "settings", "transport"]

OPERATING = Path(__file__).parent.parent / "docs" / "operating"
GUIDE = (OPERATING / "metrics.md").read_text(encoding="utf-8")
RULES = [
    rule
    for group in yaml.safe_load((OPERATING / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]


def shown() -> set[str]:
    """The names of Topup's figures as a scrape shows them."""
    names = re.findall(r"^# TYPE (topup_\w+?) ", prometheus_client.generate_latest().decode(), re.MULTILINE)
    return {name for name in names if not name.endswith("_created")}


def base(name: str) -> str:
    """A series' name without what a histogram adds."""
    return re.sub(r"_(bucket|sum|count)$", "", name)


async def test_every_figure_named_by_a_rule_is_on_the_page_of_figures(house: House, client: httpx2.AsyncClient) -> None:
    """Fault 95."""
    assert house.settings.is_demo
    page = (await client.get("/metrics")).text
    for rule in RULES:
        named = set(re.findall(r"topup_\w+", rule["expr"]))
        assert named, rule["alert"]
        for name in named:
            assert f"# TYPE {base(name)} " in page, (rule["alert"], name)


def test_every_figure_is_explained_and_every_explained_one_is_shown() -> None:
    explained = set(re.findall(r"^\| `(topup_\w+)`", GUIDE, re.MULTILINE))
    assert explained == shown()


def test_labels_are_explained_as_they_are() -> None:
    told = dict(re.findall(r"^\| `(topup_\w+)` \|(.*?)\|", GUIDE, re.MULTILINE))
    for name, labels in told.items():
        collector = prometheus_client.REGISTRY._names_to_collectors[name]
        assert labels.strip() == ", ".join(f"`{label}`" for label in getattr(collector, "_labelnames", ())), name


def test_every_rule_says_how_bad_it_is_and_what_to_do() -> None:
    for rule in RULES:
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert set(rule["annotations"]) == {"summary", "runbook"}, rule["alert"]
        for guide in re.findall(r"docs/[\w/.-]+\.md", rule["annotations"]["runbook"]):
            assert (OPERATING.parent.parent / guide).is_file(), guide
    assert len({rule["alert"] for rule in RULES}) == len(RULES)


def test_labels_that_rules_choose_by_exist() -> None:
    """A rule for an outcome or status that never comes would be silent for ever."""
    outcomes = {"refused", "failed"}
    codes = set(
        re.findall(
            r'"(stripe_\w+)"', (Path(work_figures.__file__).parents[1] / "gateway" / "stripe_errors.py").read_text()
        )
    )
    statuses = set(work_figures.STATUSES)
    for rule in RULES:
        for label, _, values in re.findall(r'(\w+)(=~?)"([^"]+)"', rule["expr"]):
            known = {"outcome": outcomes | codes, "status": statuses | {"5.."}}[label]
            assert set(values.split("|")) <= known, rule["alert"]


def test_every_loop_and_timer_may_be_silent_for_a_known_time() -> None:
    """E7 and fault 95: none can stop unseen."""
    names = {timer.name for timer in worker.TIMERS} | {"purge jobs"}
    assert names == set(timers.TIMERS)


@pytest.mark.parametrize(
    ("ages", "made_seconds_ago", "late"),
    [
        ({}, 10, set()),
        ({}, 2 * 60, {"outbox", "inbox", "rescue"}),
        (dict.fromkeys(timers.SILENT_MAX_SECONDS, 5.0), 10**9, set()),
        ({**dict.fromkeys(timers.SILENT_MAX_SECONDS, 5.0), "reconcile recent": 1501}, 10**9, {"reconcile recent"}),
    ],
)
def test_what_is_silent_for_too_long_is_late_also_when_it_never_ran(
    ages: dict[str, float], made_seconds_ago: float, late: set[str]
) -> None:
    found = timers.late(ages, deployment_age_seconds=made_seconds_ago)
    assert {name for name, is_late in found.items() if is_late} == late


def test_types_of_events_as_labels_are_few() -> None:
    labels = {
        event_types.label(name) for name in [*event_types.NEEDED, *event_types.LATER, "brave.new.thing", "x" * 200]
    }
    assert labels == set(event_types.NEEDED) | set(event_types.LATER) | {"other"}
