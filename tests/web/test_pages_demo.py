"""The demo's own pages: the mailbox and the one-click sign-in; neither is there in a real deployment."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.web import visits
from topup.core import demo_people, ids
from topup.db import demo, mailbox
from topup.flows import welcome
from topup.runtime import house as houses
from topup.settings import Settings
from topup.web import app

MAIL = "<html><head><style>p{color:red}</style></head><body><p>Hello <script>alert(1)</script></p></body></html>"


@pytest.fixture
async def mail_id(house: houses.House) -> str:
    mail_id = ids.new()
    async with house.pool.connection() as conn:
        await mailbox.put(
            conn, mail_id, recipient="a@example.com", subject="A <b> mail", text_body="Hello", html_body=MAIL
        )
    return str(mail_id)


@pytest.fixture
async def real_client(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a deployment that is no demo."""
    async with houses.opened(settings.model_copy(update={"is_demo": False})) as house:
        transport = httpx2.ASGITransport(app=app.create_app(house))
        async with httpx2.AsyncClient(transport=transport, base_url=settings.frontend_url) as client:
            yield client


async def test_programs_read_the_mailbox_as_json(client: httpx2.AsyncClient, mail_id: str) -> None:
    answer = (await client.get("/demo/mailbox?format=json")).json()
    (mail,) = answer["data"]
    assert mail.pop("createdAt").endswith("Z")
    assert mail == {"to": "a@example.com", "subject": "A <b> mail", "text": "Hello", "html": MAIL}


async def test_people_read_the_list_and_the_mail_in_a_frame_that_cannot_act(
    client: httpx2.AsyncClient, mail_id: str
) -> None:
    listed = await client.get("/demo/mailbox")
    assert "A &lt;b&gt; mail" in listed.text
    assert f'href="/demo/mailbox/{mail_id}"' in listed.text
    page = await client.get(f"/demo/mailbox/{mail_id}")
    assert f'src="/demo/mailbox/{mail_id}/html"' in page.text
    framed = await client.get(f"/demo/mailbox/{mail_id}/html")
    policy = framed.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy


async def test_one_click_signs_somebody_of_the_demo_in(client: httpx2.AsyncClient, house: houses.House) -> None:
    async with house.pool.connection() as conn:
        alice = await demo.add_person(conn, ids.new(), demo_people.ALICE)
        assert alice is not None
        await welcome.settle(conn, alice)
    let_in = await client.get("/demo/sign-in/alice")
    assert let_in.headers["location"] == "/account"
    assert "Alice Adeyemi" in (await client.get("/account")).text


@pytest.mark.parametrize("slug", ["nobody", "alice"])
async def test_who_is_not_of_the_demo_cannot_be_become(client: httpx2.AsyncClient, slug: str) -> None:
    assert (await client.get(f"/demo/sign-in/{slug}")).status_code == 404


async def test_a_banner_says_that_this_is_a_demo(client: httpx2.AsyncClient) -> None:
    assert "No real money moves" in (await client.get("/")).text


@pytest.mark.parametrize("path", ["/demo/mailbox", "/demo/mailbox?format=json", "/demo/sign-in/alice"])
async def test_a_real_deployment_has_nothing_of_it(real_client: httpx2.AsyncClient, path: str) -> None:
    """Rule 8: what makes a demo easy must not exist where money is real."""
    assert (await real_client.get(path)).status_code == 404
    assert "No real money moves" not in (await real_client.get("/")).text
    assert visits.text(await real_client.get("/sign-in"))
