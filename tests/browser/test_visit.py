"""A whole visit in a browser, from the price list over Stripe's page to the credits, with and without JavaScript."""

import re
import secrets

import pytest
from playwright import sync_api

from tests.browser.looking import PATIENCE_MS
from tests.stories import demos

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def sign_up(page: sync_api.Page, demo: demos.Demo, email: str) -> None:
    """From any page with the form of a new account on it."""
    form = page.get_by_role("main")
    form.get_by_label("First name").fill("Vera")
    form.get_by_label("Last name").fill("Visitor")
    form.get_by_label("Email address").fill(email)
    form.get_by_label("Password").fill(demos.PASSWORD)
    form.get_by_role("button", name="Create account").click()
    sync_api.expect(page.get_by_role("heading", name="Enter the code from your mail")).to_be_visible()
    [mail] = demo.wait_for_mails(email, 1)
    [code] = re.findall(r"\b\d{6}\b", mail["text"])
    form.get_by_label("Six-digit code").fill(code)
    form.get_by_role("button", name="Confirm address").click()


def pay_by_card(page: sync_api.Page, number: str) -> None:
    """On Stripe's page."""
    page.get_by_label("Card number").fill(number)
    page.get_by_label("Month").fill("12")
    page.get_by_label("Year").fill("2034")
    page.get_by_label("Security code").fill("123")
    page.get_by_role("button", name=re.compile("^Pay ")).click()


@pytest.mark.parametrize("width", [320, 390, 640, 1280])
def test_list_of_the_demos_people_stays_on_the_screen(visitor: sync_api.Page, demo: demos.Demo, width: int) -> None:
    visitor.set_viewport_size({"width": width, "height": 800})
    visitor.goto(demo.told("app"))
    visitor.get_by_text("Sign in as").click()
    box = visitor.locator(".demo-banner .menu > ul").bounding_box()
    assert box is not None
    assert 0 <= box["x"] < box["x"] + box["width"] <= width


def test_from_the_price_list_to_the_receipt(visitor: sync_api.Page, demo: demos.Demo) -> None:
    email = f"vera-{secrets.token_hex(4)}@example.com"
    visitor.goto(demo.told("app"))
    visitor.get_by_role("link", name="Buy 500 for £45.00").click()
    sign_up(visitor, demo, email)
    visitor.get_by_role("button", name="Pay £45.00").click()
    pay_by_card(visitor, demos.DECLINED)
    sync_api.expect(visitor.get_by_role("alert")).to_contain_text("You have not been charged.")
    pay_by_card(visitor, demos.PAYS)
    sync_api.expect(visitor.get_by_role("heading", name="500 credits added")).to_be_visible()
    sync_api.expect(visitor.get_by_text("You now have 600 credits to spend.")).to_be_visible()
    visitor.get_by_role("link", name="Go to your account").click()
    sync_api.expect(visitor.get_by_role("heading", name="Available")).to_be_visible()
    visitor.get_by_text("Value Pack").click()
    visitor.get_by_role("link", name="See the payment").click()
    visitor.get_by_role("link", name="Open the receipt").click()
    sync_api.expect(visitor.get_by_role("heading", name="Receipt")).to_be_visible()
    demo.wait_for_mails(email, 2)
    visitor.goto(f"{demo.told('app')}/demo/mailbox")
    visitor.get_by_role("link", name=re.compile(f"500 .*{email}")).click()
    sync_api.expect(visitor.frame_locator("iframe").get_by_text("£45.00 GBP", exact=True)).to_be_visible()


def test_the_return_page_moves_by_itself_when_the_money_comes_later(visitor: sync_api.Page, demo: demos.Demo) -> None:
    """A debit settles after days; the page that still stands open then says so without being touched."""
    visitor.goto(f"{demo.told('app')}/demo/sign-in/bob")
    visitor.goto(demo.told("app"))
    visitor.get_by_role("button", name="Buy 100 for £10.00").click()
    visitor.get_by_role("link", name="Bank debit").click()
    visitor.get_by_label("Sort code").fill("10-88-00")
    visitor.get_by_label("Account number").fill("90012345")
    visitor.get_by_role("button", name=re.compile("^Pay ")).click()
    sync_api.expect(visitor.get_by_role("heading", name="Your bank is settling the payment")).to_be_visible()
    demo.control("clock", advance_s=3600)
    sync_api.expect(visitor.get_by_role("heading", name="100 credits added")).to_be_visible(timeout=PATIENCE_MS)
    demo.control("clock", reset=True)


def test_turning_back_on_stripes_page_says_that_nobody_was_charged(visitor: sync_api.Page, demo: demos.Demo) -> None:
    visitor.goto(f"{demo.told('app')}/demo/sign-in/alice")
    visitor.goto(demo.told("app"))
    visitor.get_by_role("button", name="Buy 100 for £10.00").click()
    visitor.get_by_role("link", name="Cancel and go back").click()
    sync_api.expect(visitor.get_by_role("status")).to_contain_text("You have not been charged")
    visitor.goto(f"{demo.told('app')}/payments")
    visitor.get_by_text("Not paid yet").first.click()
    visitor.get_by_role("link", name="Continue to pay £10.00").first.click()
    sync_api.expect(visitor.get_by_label("Card number")).to_be_visible()
