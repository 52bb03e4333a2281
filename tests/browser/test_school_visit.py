"""Staff and students in a whole demo: a roster with its dry run, sessions given by hand and keyboard, an invitation."""

import re
import secrets
from pathlib import Path

import pytest
from playwright import sync_api

from tests.browser.looking import PATIENCE_MS
from tests.stories import demos

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def come_in(page: sync_api.Page, demo: demos.Demo, slug: str) -> str:
    """Be somebody of the demo; the address that they land on."""
    page.goto(f"{demo.told('app')}/demo/sign-in/{slug}")
    return page.url


def new_address() -> str:
    return f"student-{secrets.token_hex(4)}@example.com"


def test_a_roster_is_mended_shown_imported_and_found_again(
    visitor: sync_api.Page, demo: demos.Demo, tmp_path: Path
) -> None:
    come_in(visitor, demo, "maya")
    first, second = new_address(), new_address()
    file = tmp_path / "class.csv"
    file.write_text(f"email,quantity\n{first},2\nnobody,1\n", encoding="utf-8")
    visitor.get_by_role("link", name="Rosters").click()
    visitor.get_by_label("Roster").set_input_files(file)
    visitor.get_by_role("button", name="Check the roster").click()
    sync_api.expect(visitor.get_by_role("heading", name="1 row of class.csv cannot be imported")).to_be_visible()
    file.write_text(f"email,quantity\n{first},2\n{second},1\n", encoding="utf-8")
    visitor.get_by_role("link", name="Upload another file").click()
    visitor.get_by_label("Roster").set_input_files(file)
    visitor.get_by_role("button", name="Check the roster").click()
    visitor.get_by_role("button", name="Give 3 sessions to 2 students").click()
    visitor.get_by_role("link", name="Pool").click()
    visitor.get_by_role("link", name="Rosters").first.click()
    visitor.get_by_role("link", name="class.csv").first.click()
    done = visitor.get_by_role("heading", name="3 sessions given to 2 students")
    sync_api.expect(done).to_be_visible(timeout=PATIENCE_MS)
    assert len(demo.wait_for_mails(first, 1)) == 1


def test_sessions_are_given_and_taken_back(visitor: sync_api.Page, demo: demos.Demo) -> None:
    come_in(visitor, demo, "olivia")
    email = new_address()
    visitor.get_by_role("link", name="Allocate sessions").click()
    visitor.get_by_label("Email address").fill(email)
    visitor.get_by_label("Sessions", exact=True).fill("4")
    visitor.get_by_role("button", name="Give sessions").click()
    sync_api.expect(visitor.get_by_role("status")).to_contain_text(f"4 sessions given to {email}")
    visitor.get_by_role("link", name=f"Take back from {email}").click()
    visitor.get_by_role("button", name="Take back 4 sessions").click()
    sync_api.expect(visitor.get_by_text("4 back in the pool")).to_be_visible()


def test_somebody_new_follows_the_mail_signs_up_and_has_the_sessions(
    visitor: sync_api.Page, browser: sync_api.Browser, demo: demos.Demo
) -> None:
    email = new_address()
    staff = browser.new_context()
    page = staff.new_page()
    home = come_in(page, demo, "olivia")
    page.goto(f"{home}/allocations")
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Sessions", exact=True).fill("6")
    page.get_by_role("button", name="Give sessions").click()
    staff.close()

    [mail] = demo.wait_for_mails(email, 1)
    link = re.search(r"http://\S+/invitation\?token=\S+", mail["text"])
    assert link is not None
    visitor.goto(link[0])
    assert visitor.url == f"{demo.told('app')}/invitation"
    sync_api.expect(visitor.get_by_role("heading", name="Hillview College invites you")).to_be_visible()
    main = visitor.get_by_role("main")
    main.get_by_role("link", name="Create an account").click()
    assert main.get_by_label("Email address").input_value() == email
    main.get_by_label("First name").fill("Nina")
    main.get_by_label("Last name").fill("New")
    main.get_by_label("Password").fill(demos.PASSWORD)
    main.get_by_role("button", name="Create account").click()
    code = next(found for one in demo.wait_for_mails(email, 2) if (found := re.findall(r"\b\d{6}\b", one["text"])))
    main.get_by_label("Six-digit code").fill(code[0])
    main.get_by_role("button", name="Confirm address").click()
    sync_api.expect(visitor.get_by_role("heading", name="You are in at Hillview College")).to_be_visible()
    visitor.get_by_role("link", name="Go on").click()
    sync_api.expect(visitor.get_by_text("Sessions to use")).to_be_visible()
    sync_api.expect(main.get_by_role("row", name=re.compile("Hillview College 6 0"))).to_be_visible()


def test_sessions_are_given_by_keyboard_alone(browser: sync_api.Browser, demo: demos.Demo) -> None:
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    home = come_in(page, demo, "maya")
    page.goto(f"{home}/allocations")
    email = new_address()
    page.get_by_label("Email address").focus()
    page.keyboard.type(email)
    page.keyboard.press("Tab")
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    sync_api.expect(page.get_by_role("status")).to_contain_text(f"2 sessions given to {email}")
    page.get_by_role("link", name=f"Take back from {email}").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Take back 2 sessions").focus()
    page.keyboard.press("Enter")
    sync_api.expect(page.get_by_role("heading", name="This allocation is closed")).to_be_visible()
    context.close()


def test_a_menu_opens_by_keyboard_and_closes_by_escape(browser: sync_api.Browser, demo: demos.Demo) -> None:
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(demo.told("app"))
    menu = page.locator(".demo-banner details.menu")
    menu.locator("summary").focus()
    page.keyboard.press("Enter")
    sync_api.expect(menu.get_by_role("link", name="Olivia")).to_be_visible()
    page.keyboard.press("Escape")
    sync_api.expect(menu.get_by_role("link", name="Olivia")).to_be_hidden()
    sync_api.expect(menu.locator("summary")).to_be_focused()
    context.close()
