"""The pages in a real browser, and a shop's page that pays through the stand-in for Stripe.js."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright import sync_api
from typing_extensions import override

from tests.browser import looking
from tests.sandbox.boxes import Answer, Box

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[1] / "browser" / "vendor" / "axe.min.js"

SHOP = """<!doctype html><html lang="en"><head><meta name="color-scheme" content="light dark"><title>A shop</title>
<script src="%(sandbox)s/stripe.js"></script></head><body>
<div id="payment"></div><button id="pay">Pay</button><pre id="outcome"></pre>
<script src="/shop.js"></script></body></html>"""

SHOP_SCRIPT = """
const params = new URLSearchParams(location.search);
const stripe = Stripe("pk_test_shop");
const clientSecret = params.get("secret");
const elements = stripe.elements({ clientSecret, appearance: { theme: "stripe", variables: { borderRadius: "4px" } } });
const element = elements.create("payment");
window.heard = [];
for (const name of ["ready", "change", "loaderror"]) element.on(name, (event) => {
  heard.push({ name, ...event });
  document.body.dataset[name] = "told";
});
element.mount("#payment");
document.getElementById("pay").addEventListener("click", async () => {
  const confirm = clientSecret.startsWith("seti_") ? stripe.confirmSetup : stripe.confirmPayment;
  const options = { elements, confirmParams: { return_url: location.origin + "/back" } };
  if (!params.has("always")) options.redirect = "if_required";
  const outcome = await confirm(options);
  document.getElementById("outcome").textContent = JSON.stringify(outcome);
});
"""


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[sync_api.Browser]:
    with sync_api.sync_playwright() as playwright, looking.launched(playwright, chromium_path) as browser:
        yield browser


@pytest.fixture
def page(browser: sync_api.Browser) -> Iterator[sync_api.Page]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-GB")
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    context.close()
    assert problems == []


@pytest.fixture(scope="module")
def shop(shared_box: Box) -> Iterator[str]:
    """A shop on an origin of its own, as strict about scripts as Topup is."""
    sandbox = shared_box.url

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            is_script = path == "/shop.js"
            text = {"/shop.js": SHOP_SCRIPT, "/back": "Thank you"}.get(path, SHOP % {"sandbox": sandbox})
            self.send_response(200)
            self.send_header("content-type", "text/javascript" if is_script else "text/html")
            policy = f"default-src 'self'; script-src 'self' {sandbox}; frame-src {sandbox}; connect-src {sandbox}"
            self.send_header("content-security-policy", policy + "; style-src 'self' 'unsafe-inline'")
            self.end_headers()
            self.wfile.write(text.encode())

        @override
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def intent(box: Box, **more: object) -> Answer:
    return box.stripe.v1.payment_intents.create(params={"amount": 1000, "currency": "gbp", **more})


def fields(page: sync_api.Page) -> sync_api.FrameLocator:
    return page.frame_locator("#payment iframe")


def visit(page: sync_api.Page, shop: str, secret: str, more: str = "") -> sync_api.FrameLocator:
    page.goto(f"{shop}/?secret={secret}{more}")
    frame = fields(page)
    frame.locator("form").wait_for()
    page.locator("body[data-ready]").wait_for()
    return frame


def outcome(page: sync_api.Page) -> Answer:
    told = page.locator("#outcome:not(:empty)")
    told.wait_for()
    return json.loads(told.inner_text())


def type_card(frame: sync_api.FrameLocator, number: str = "4242424242424242") -> None:
    frame.get_by_label("Card number").press_sequentially(number)
    frame.get_by_label("Expiry date").press_sequentially("1234")
    frame.get_by_label("Security code").fill("123")


def test_card_typed_into_the_frame_pays_and_never_reaches_the_shop(page: sync_api.Page, shop: str, box: Box) -> None:
    made = intent(box)
    frame = visit(page, shop, made.client_secret)
    type_card(frame)
    assert frame.get_by_label("Card number").input_value() == "4242 4242 4242 4242"
    assert page.evaluate("heard.at(-1)")["complete"] is True
    page.click("#pay")
    paid = outcome(page)["paymentIntent"]
    assert (paid["id"], paid["status"]) == (made.id, "succeeded")
    assert "4242 4242" not in page.content()


def test_decline_comes_back_as_stripes_error_object_and_another_card_pays(
    page: sync_api.Page, shop: str, box: Box
) -> None:
    frame = visit(page, shop, intent(box).client_secret)
    frame.get_by_role("button", name="Declined").click()
    page.click("#pay")
    error = outcome(page)["error"]
    assert (error["type"], error["code"], error["decline_code"]) == (
        "card_error",
        "card_declined",
        "insufficient_funds",
    )
    assert error["payment_intent"]["status"] == "requires_payment_method"
    page.evaluate("document.getElementById('outcome').textContent = ''")
    frame.get_by_role("button", name="Succeeds").click()
    page.click("#pay")
    assert outcome(page)["paymentIntent"]["status"] == "succeeded"


def test_incomplete_fields_are_told_beside_them_and_nothing_is_sent(page: sync_api.Page, shop: str, box: Box) -> None:
    made = intent(box)
    frame = visit(page, shop, made.client_secret)
    page.click("#pay")
    assert outcome(page)["error"]["code"] == "incomplete_number"
    assert frame.get_by_role("alert").inner_text() == "Your card number is incomplete."
    assert frame.get_by_label("Card number").get_attribute("aria-invalid") == "true"
    assert box.stripe.v1.payment_intents.retrieve(made.id).status == "requires_payment_method"


@pytest.mark.parametrize(("button", "status"), [("Complete", "succeeded"), ("Fail", None)])
def test_3d_secure_is_answered_over_the_page(
    page: sync_api.Page, shop: str, box: Box, button: str, status: str | None
) -> None:
    frame = visit(page, shop, intent(box).client_secret)
    frame.get_by_role("button", name="3-D Secure").click()
    page.click("#pay")
    page.frame_locator("iframe[title='Your bank asks for your confirmation']").get_by_role(
        "button", name=button
    ).click()
    answer = outcome(page)
    if status:
        assert answer["paymentIntent"]["status"] == status
    else:
        assert answer["error"]["code"] == "payment_intent_authentication_failure"


def test_buyer_is_sent_on_with_the_outcome_in_the_address(page: sync_api.Page, shop: str, box: Box) -> None:
    made = intent(box)
    frame = visit(page, shop, made.client_secret, "&always=1")
    type_card(frame)
    page.click("#pay")
    page.wait_for_url("**/back?**")
    assert f"payment_intent={made.id}" in page.url
    assert "redirect_status=succeeded" in page.url


def test_card_is_saved_with_a_setup_intent(page: sync_api.Page, shop: str, box: Box) -> None:
    customer = box.stripe.v1.customers.create(params={})
    made = box.stripe.v1.setup_intents.create(params={"customer": customer.id})
    frame = visit(page, shop, made.client_secret)
    assert frame.get_by_text("kept for later payments").is_visible()
    type_card(frame)
    page.click("#pay")
    assert outcome(page)["setupIntent"]["status"] == "succeeded"
    assert len(box.stripe.v1.customers.payment_methods.list(customer.id).data) == 1


def test_bank_debit_goes_under_way(page: sync_api.Page, shop: str, box: Box) -> None:
    frame = visit(page, shop, intent(box).client_secret)
    frame.get_by_role("button", name="Bank debit").click()
    frame.get_by_role("button", name="Arrives").click()
    page.click("#pay")
    assert outcome(page)["paymentIntent"]["status"] == "processing"


def test_wrong_secret_is_a_load_error(page: sync_api.Page, shop: str, box: Box) -> None:
    page.goto(f"{shop}/?secret={intent(box).id}_secret_wrong")
    page.locator("body[data-loaderror]").wait_for()


def test_wrong_use_is_told_in_the_console_as_stripe_does(page: sync_api.Page, shop: str, box: Box) -> None:
    visit(page, shop, intent(box).client_secret)
    for code, words in (
        ("Stripe('sk_test_x')", "secret key"),
        ("Stripe('pk_live_x')", "offline sandbox"),
        ("stripe.elements({})", "clientSecret"),
        ("stripe.elements({mode: 'payment', paymentMethodTypes: ['card']})", "no longer supported"),
        ("stripe.elements({clientSecret: 'nonsense'})", "client secret"),
        ("elements.create('payment')", "only create one"),
        ("stripe.elements({mode: 'payment'}).create('card')", "only the payment element"),
    ):
        said = page.evaluate(f"(() => {{ try {{ {code} }} catch (error) {{ return error.message; }} }})()")
        assert words in said, code


def test_checkout_page_is_filled_by_a_tap_and_paid_with_the_keyboard(page: sync_api.Page, box: Box) -> None:
    session = box.session(success_url=f"{box.url}/?paid={{CHECKOUT_SESSION_ID}}")
    page.goto(session.url)
    page.get_by_text("4242 4242 4242 4242").first.click()
    assert page.locator("#card_number").input_value() == "4242 4242 4242 4242"
    page.keyboard.press("Enter")
    page.wait_for_url("**/?paid=**")
    assert box.again(session).payment_status == "paid"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible(browser: sync_api.Browser, shop: str, box: Box, scheme: str) -> None:
    open_session, paid = box.session(), box.session()
    box.pay(paid)
    asking = box.pay(box.session(), "4000002760003184").headers["location"]
    invoice = box.stripe.v1.invoices.create(
        params={"customer": box.stripe.v1.customers.create(params={"name": "Zoë"}).id, "description": "x"},
    )
    box.stripe.v1.invoice_items.create(params={"invoice": invoice.id, "amount": 500, "currency": "gbp"})
    hosted = box.stripe.v1.invoices.finalize_invoice(invoice.id).hosted_invoice_url
    charge = box.stripe.v1.charges.list().data[0]
    addresses = [
        *(open_session.url, f"{open_session.url}?pay=bank", f"{box.url}/c/pay/{paid.id}", asking, hosted),
        *(charge.receipt_url, f"{box.url}/", f"{box.url}/c/pay/none"),
    ]
    if scheme == "light":
        # In the dark the frame shows the page behind it, which axe takes to be white.
        addresses.append(f"{box.url}/elements/payment")
    context = browser.new_context(color_scheme=scheme, bypass_csp=True)  # pyrefly: ignore
    page = context.new_page()
    for address in addresses:
        page.goto(address)
        page.add_script_tag(path=AXE)
        found = page.evaluate(
            "axe.run().then((report) => report.violations.map((one) => [one.id, one.nodes.map((node) => node.html)]))"
        )
        assert found == [], address
    context.close()
