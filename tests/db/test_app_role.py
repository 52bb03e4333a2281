"""The role of a running Topup, as `topup migrate` makes it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests import conftest
from topup.db import app_role


@pytest.fixture
def many_databases(maintenance: psycopg.Connection, template: str, server_url: str) -> Iterator[list[str]]:
    names = [conftest._create(maintenance, template) for _ in range(6)]
    yield [conftest._address(server_url, name) for name in names]
    for name in names:
        conftest._drop(maintenance, name)


def test_databases_of_one_server_may_be_migrated_at_the_same_moment(many_databases: list[str]) -> None:
    with ThreadPoolExecutor(len(many_databases)) as threads:
        made = [made for _ in range(5) for made in threads.map(app_role.ensure, many_databases)]
    assert set(made) == {True}
    assert all(app_role.may_wear(url) for url in many_databases)
