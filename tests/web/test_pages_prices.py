"""The price list: what each package costs and saves, and the way to Stripe's page."""

import re

import httpx2
import psycopg
import pytest

from tests.web import visits
from topup.flows import seed_packages
from topup.runtime import house as houses
from topup.settings import Settings

EMAIL = "alice@example.com"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Stripe does not answer."""
    return settings.model_copy(update={"stripe_api_base": "http://127.0.0.1:9"})


@pytest.fixture(autouse=True)
async def packages(house: houses.House) -> None:
    await seed_packages.seed(house.pool)


async def test_the_list_says_what_a_credit_costs_and_saves(client: httpx2.AsyncClient) -> None:
    seen = visits.text(await client.get("/"))
    starter, value, premium = (seen.index(name) for name in ("Starter Pack", "Value Pack", "Premium Pack"))
    assert starter < value < premium
    assert "£0.10 a credit The smallest package" in seen[starter:value]
    assert "The usual choice Value Pack" in seen
    assert "£0.09 a credit Saves 10% against the smallest" in seen[value:premium]
    assert "£0.08 a credit Saves 20% against the smallest" in seen[premium:]


async def test_an_empty_list_says_so(client: httpx2.AsyncClient, database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE packages SET is_active = false")
    assert "Nothing is on sale right now" in visits.text(await client.get("/"))


async def test_nobody_signs_up_first_and_comes_back_to_the_package(client: httpx2.AsyncClient) -> None:
    chosen = re.search(r'href="(/buy/[0-9a-f-]+)"', (await client.get("/")).text)
    assert chosen is not None
    assert (await client.get(chosen[1])).headers["location"] == f"/sign-up?next={chosen[1]}"


async def test_a_package_page_names_the_price_on_its_button(client: httpx2.AsyncClient, database_url: str) -> None:
    chosen = re.search(r'href="(/buy/[0-9a-f-]+)"', (await client.get("/")).text)
    assert chosen is not None
    await visits.sign_up(client, database_url, email=EMAIL)
    assert "Pay £10.00" in visits.text(await client.get(chosen[1]))


async def test_a_stripe_that_does_not_answer_is_told_with_what_it_means_for_the_money(
    client: httpx2.AsyncClient, database_url: str
) -> None:
    await visits.sign_up(client, database_url, email=EMAIL)
    package_id = re.search(r'name="packageId" value="([^"]+)"', (await client.get("/")).text)
    assert package_id is not None
    page = await visits.post(client, "/buy", page="/", packageId=package_id[1])
    assert page.status_code == 503
    assert "You have not been charged." in visits.text(page)
    assert "Value Pack" in visits.text(page)


@pytest.mark.parametrize("package_id", ["x", "00000000-0000-0000-0000-000000000001", ""])
async def test_a_package_that_is_none_is_not_there(
    client: httpx2.AsyncClient, database_url: str, package_id: str
) -> None:
    await visits.sign_up(client, database_url, email=EMAIL)
    page = await visits.post(client, "/buy", page="/", packageId=package_id)
    assert page.status_code == 404


async def test_a_package_taken_off_sale_meanwhile_is_refused_in_words(
    client: httpx2.AsyncClient, database_url: str
) -> None:
    await visits.sign_up(client, database_url, email=EMAIL)
    package_id = re.search(r'name="packageId" value="([^"]+)"', (await client.get("/")).text)
    assert package_id is not None
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE packages SET is_active = false WHERE id = %s", [package_id[1]])
    page = await visits.post(client, "/buy", page="/", packageId=package_id[1])
    assert page.status_code == 409
    assert "This package is not on sale any more. You have not been charged." in visits.text(page)
    assert "not on sale any more" in visits.text(await client.get(f"/buy/{package_id[1]}"))


async def test_coming_back_without_paying_says_that_nobody_was_charged(client: httpx2.AsyncClient) -> None:
    assert "You have not been charged, and nothing was ordered." in visits.text(await client.get("/packages"))
