"""What holds for every page in a browser: readable by everybody, silent, at home, and as wide as the screen."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright import sync_api

from tests.browser import looking, residents

pytestmark = pytest.mark.browser

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
WIDTHS = (320, 390, 820, 1440)
PAGE_BYTES_MAX = 100_000
RUN_AXE = "() => axe.run(document, {resultTypes: ['violations']})"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# A radio button or a tick is hit by its label, too.
SMALL_TARGETS = """() => [...document.querySelectorAll(
    "button:not(.plain), .button, summary, input:not([type=hidden])"
)].map(
    one => one.matches("[type=radio], [type=checkbox]") ? one.closest("label") || one : one
).filter(one => one.getClientRects().length && one.getBoundingClientRect().height < 44).map(one => one.outerHTML)"""
REFUSED = re.compile("the server responded with a status of (403|404|422)")


@dataclass
class Seen:
    """A page that was opened, and all that it asked for and complained of."""

    page: sync_api.Page
    homes: set[str]
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)


@pytest.fixture(scope="module", params=looking.NAMES)
def seen(request: pytest.FixtureRequest, browser: sync_api.Browser, world: residents.World) -> Iterator[Seen]:
    """Each page once, for all tests of this file."""
    # Without transitions, so that what is measured after a change of scheme is the scheme and not the way to it.
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-GB", reduced_motion="reduce")
    view = next(view for view in looking.views(world) if view.name == request.param)
    addresses = [world.address, *([world.school.stripe_url] if view.asks_stripe else [])]
    seen = Seen(context.new_page(), {urlsplit(address).netloc for address in addresses})
    seen.page.on("request", lambda asked: seen.asked.append(asked.url))
    seen.page.on("requestfinished", lambda asked: seen.weights.append(asked.sizes()["responseBodySize"]))
    seen.page.on("console", lambda message: seen.complaints.append(message.text))
    seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    looking.open_view(seen.page, world, view)
    seen.page.wait_for_load_state("networkidle")
    yield seen
    context.close()


def test_a_page_asks_nobody_else(seen: Seen) -> None:
    """But Stripe, where cards are typed."""
    assert {urlsplit(url).netloc for url in seen.asked if not url.startswith("data:")} == seen.homes


def test_a_page_complains_of_nothing(seen: Seen) -> None:
    """The policy allows no inline script or style, so a breach of it would be a complaint."""
    assert [complaint for complaint in seen.complaints if not REFUSED.search(complaint)] == []


def test_a_page_weighs_less_than_a_hundred_kilobytes(seen: Seen) -> None:
    assert 0 < sum(seen.weights) < PAGE_BYTES_MAX


def test_whatever_can_be_pressed_can_be_hit(seen: Seen) -> None:
    assert seen.page.evaluate(SMALL_TARGETS) == []


def test_nothing_sticks_out_at_the_side(seen: Seen) -> None:
    """320 px is also a wide screen at 400 per cent."""
    for width in WIDTHS:
        seen.page.set_viewport_size({"width": width, "height": 844})
        assert seen.page.evaluate(OVERFLOW) == 0, f"at {width} px"


def test_axe_finds_nothing_in_light_and_in_dark(seen: Seen) -> None:
    seen.page.evaluate(AXE.read_text(encoding="utf-8"))
    for scheme in ("light", "dark"):
        seen.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        found = seen.page.evaluate(RUN_AXE)["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == [], scheme


def test_every_view_has_its_name(world: residents.World) -> None:
    assert tuple(view.name for view in looking.views(world)) == looking.NAMES
