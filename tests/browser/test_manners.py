"""How pages behave under somebody's hands: keyboard, no JavaScript, less motion, a way back."""

import pytest
from playwright import sync_api

from tests.browser import looking, residents

pytestmark = pytest.mark.browser

FOCUSED = "() => document.activeElement.innerText || document.activeElement.name || document.activeElement.tagName"


def test_a_statement_line_opens_in_place_by_keyboard(page: sync_api.Page, world: residents.World) -> None:
    looking.sign_in(page.context, world, world.amara)
    page.goto(f"{world.address}/account")
    line = page.locator("details.line").first
    line.locator("summary").focus()
    page.keyboard.press("Enter")
    sync_api.expect(line.get_by_text("An application used these credits for you.")).to_be_visible()
    assert page.url.endswith("/account")


def test_the_first_tab_leads_past_the_navigation(page: sync_api.Page, world: residents.World) -> None:
    page.goto(world.address)
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_every_stop_of_the_keyboard_can_be_seen(page: sync_api.Page, world: residents.World) -> None:
    looking.sign_in(page.context, world, world.amara)
    page.goto(f"{world.address}/account")
    for _ in range(12):
        page.keyboard.press("Tab")
        style = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
        assert style != "none", page.evaluate("() => document.activeElement.outerHTML")


def test_a_refused_form_takes_the_reader_to_what_is_wrong(page: sync_api.Page, world: residents.World) -> None:
    page.goto(f"{world.address}/sign-up")
    page.get_by_label("First name").fill("Zoë")
    page.get_by_role("main").get_by_role("button", name="Create account").click()
    alert = page.get_by_role("alert")
    sync_api.expect(alert).to_be_focused()
    assert page.get_by_label("First name").input_value() == "Zoë"
    alert.get_by_role("link", name="Enter a whole address").click()
    sync_api.expect(page.get_by_label("Email address")).to_be_focused()
    sync_api.expect(page.get_by_label("Email address")).to_have_accessible_description(
        "Enter a whole address, such as name@example.com."
    )


def test_a_reference_can_be_copied(browser: sync_api.Browser, world: residents.World) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    looking.sign_in(context, world, world.amara)
    page = context.new_page()
    payment_id = world.payments["REVIEW"]
    page.goto(f"{world.address}/payments/{payment_id}")
    page.get_by_role("button", name="Copy").click()
    sync_api.expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == str(payment_id)
    context.close()


def test_dates_are_in_the_readers_own_time(browser: sync_api.Browser, world: residents.World) -> None:
    """The first page tells the server the zone, the next one uses it."""
    context = browser.new_context(timezone_id="Asia/Tokyo", locale="en-US")
    looking.sign_in(context, world, world.amara)
    page = context.new_page()
    page.goto(f"{world.address}/account")
    page.goto(f"{world.address}/account")
    assert (page.locator("time").first.get_attribute("title") or "").endswith("+0900")
    context.close()


def test_older_lines_join_the_statement_without_leaving_the_page(page: sync_api.Page, world: residents.World) -> None:
    looking.sign_in(page.context, world, world.busy)
    page.goto(f"{world.address}/account")
    lines = page.locator("details.line")
    before = lines.count()
    page.get_by_role("link", name="Older").click()
    sync_api.expect(lines).not_to_have_count(before)
    assert page.url.endswith("/account")
    sync_api.expect(page.get_by_role("heading", name="Today")).to_have_count(1)


def test_the_statement_is_whole_without_javascript(browser: sync_api.Browser, world: residents.World) -> None:
    context = browser.new_context(java_script_enabled=False)
    looking.sign_in(context, world, world.busy)
    page = context.new_page()
    page.goto(f"{world.address}/account")
    page.locator("main summary").first.click()
    sync_api.expect(page.locator("main details[open] dl")).to_be_visible()
    page.get_by_role("link", name="Older").click()
    sync_api.expect(page.get_by_role("link", name="Back to the newest")).to_be_visible()
    assert page.get_by_role("button", name="Copy").count() == 0
    context.close()


def test_nothing_moves_for_a_reader_who_asks_for_less_motion(browser: sync_api.Browser, world: residents.World) -> None:
    context = browser.new_context(reduced_motion="reduce")
    looking.sign_in(context, world, world.amara)
    page = context.new_page()
    page.goto(f"{world.address}/payments/return?session_id={residents.session_of(world.payments['PENDING'])}")
    assert page.evaluate("document.getAnimations().length") == 0
    context.close()


def test_a_receipt_prints_alone(page: sync_api.Page, world: residents.World) -> None:
    looking.sign_in(page.context, world, world.amara)
    page.goto(f"{world.address}/payments/{world.payments['COMPLETED']}/receipt")
    page.emulate_media(media="print")
    sync_api.expect(page.get_by_role("heading", name="Receipt")).to_be_visible()
    for hidden in (page.locator("body > header"), page.locator(".demo-banner"), page.locator("body > footer")):
        sync_api.expect(hidden).to_be_hidden()
