"""A person's visit, from signing up to the receipt, and what goes wrong on the way without harm to anybody's money."""

import concurrent.futures
import re

import httpx2
import pytest

from tests.stories import demos
from tests.stories.demos import DECLINED, Demo
from tests.test_cli import topup
from topup.core import demo_people

pytestmark = pytest.mark.slow


def test_visit_from_signing_up_to_the_receipt(demo: Demo) -> None:
    with demo.student("vera@example.com") as vera:
        assert vera.available() == 100
        checkout = vera.open_checkout()
        paid = vera.pay(checkout)
        assert paid.status_code == 303
        assert paid.headers["location"] == f"{demo.told('app')}/payments/return?session_id={checkout['sessionId']}"
        demos.until(lambda: vera.stored_status(checkout) == "COMPLETED")
        assert vera.available() == 200

        [purchase, welcome] = vera.client.get("/api/credits/transactions").json()["data"]
        assert (purchase["sourceType"], purchase["sourceId"]) == ("PURCHASE", checkout["paymentId"])
        assert welcome["sourceType"] == "WELCOME_BONUS"
        receipt = demo.wait_for_mails("vera@example.com", 2)[0]
        assert "100" in receipt["subject"]
        assert "£10.00" in receipt["text"]


def test_declined_card_is_told_and_another_one_pays(demo: Demo) -> None:
    with demo.student("dora@example.com") as dora:
        checkout = dora.open_checkout()
        refused = dora.pay(checkout, DECLINED)
        assert refused.status_code == 402
        assert "declined" in refused.text
        assert (dora.status(checkout), dora.available()) == ("PENDING", 100)
        assert dora.pay(checkout).status_code == 303
        demos.until(lambda: dora.stored_status(checkout) == "COMPLETED")
        assert dora.available() == 200


def test_eight_first_clicks_at_once_are_one_customer_and_one_checkout(demo: Demo) -> None:
    """Fault 50."""
    with demo.student("otto@example.com") as otto, concurrent.futures.ThreadPoolExecutor(8) as clicks:
        opened = list(clicks.map(lambda _: otto.open_checkout(), range(8)))
    assert len({checkout["sessionUrl"] for checkout in opened}) == 1
    [customer] = demo.customers("otto@example.com")
    assert len(demo.sessions(customer.id)) == 1


def test_bank_debit_is_credited_only_when_the_money_has_come(demo: Demo) -> None:
    """Fault 37."""
    with demo.student("bea@example.com") as bea:
        checkout = bea.open_checkout()
        debit = {"sort_code": "10-88-00", "account_number": "90012345"}
        assert httpx2.post(checkout["sessionUrl"], data=debit, timeout=60).status_code == 303
        demos.until(lambda: bea.stored_status(checkout) == "PROCESSING")
        assert bea.available() == 100
        demo.control("clock", advance_s=3600)
        demos.until(lambda: bea.stored_status(checkout) == "COMPLETED")
        assert bea.available() == 200
        demo.control("clock", reset=True)


def test_lost_webhook_is_healed_by_looking(demo: Demo) -> None:
    """Fault 6."""
    with demo.student("lou@example.com") as lou:
        checkout = lou.open_checkout()
        demo.control("webhook-faults", kind="drop", times=50)
        lou.pay(checkout)
        assert lou.stored_status(checkout) == "PENDING"
        demo.clear_control("faults")
        assert lou.status(checkout) == "COMPLETED"
        assert lou.available() == 200


def test_stripe_down_is_said_plainly_and_the_same_click_works_later(demo: Demo) -> None:
    """Fault 35: balances and signing in do not need Stripe."""
    with demo.student("dan@example.com") as dan:
        demo.control("outage", manner="cut")
        refused = dan.client.post("/api/payments/credit-checkout", json={"packageId": dan.package_id()})
        assert refused.status_code == 503
        assert "You have not been charged." in refused.json()["detail"]
        assert dan.available() == 100
        dan.sign_in()
        demo.clear_control("outage")
        checkout = demos.until(
            lambda: (
                answer.json()
                if (
                    answer := dan.client.post("/api/payments/credit-checkout", json={"packageId": dan.package_id()})
                ).status_code
                == 200
                else None
            )
        )
        dan.pay(checkout)
        demos.until(lambda: dan.stored_status(checkout) == "COMPLETED")
        assert dan.available() == 200


def test_people_of_the_demo_sign_in_by_one_click(demo: Demo) -> None:
    links = re.findall(r"http\S+/demo/sign-in/\w+", "\n".join(demo.lines))
    assert len(links) == len(demo_people.EVERYONE)
    for link in links:
        with httpx2.Client(timeout=60) as browser:
            assert browser.get(link).status_code == 303
            assert browser.get(f"{demo.told('app')}/account").status_code == 200


def test_a_key_and_an_admin_are_made_for_the_demo_while_it_runs(demo: Demo) -> None:
    here = ("--data", str(demo.folder))
    key = topup("keys", "create", "--scope", "read", *here).stdout.strip()
    made = topup("users", "create-admin", "ada@example.com", *here, typed="correct horse battery\n")
    assert made.stdout == "ada@example.com is an admin.\n", made.stderr
    with demo.nobody() as client:
        sent = {"email": "ada@example.com", "password": "correct horse battery"}
        assert client.post("/api/auth/login", json=sent).json()["user"]["isAdmin"]
        unknown = client.get(f"/api/accounts/{demo.process.pid:032x}", headers={"Authorization": f"Bearer {key}"})
        assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found"), "let in, and then not found"
        assert topup("users", "ban", "ada@example.com", *here).stdout.startswith("ada@example.com is shut out")
        assert client.post("/api/auth/login", json=sent).status_code == 403


def test_admin_and_host_application_get_in_with_what_is_printed(demo: Demo) -> None:
    email, password = demo.told("admin").split(" ")
    with demo.nobody() as client:
        login = client.post("/api/auth/login", json={"email": email, "password": password}).json()
        assert login["user"]["isAdmin"]
        bearer = {"Authorization": f"Bearer {demo.told('api key')}"}
        answer = client.put("/api/accounts/by-external-id/host-1", json={}, headers=bearer)
        assert answer.status_code in (200, 201)
