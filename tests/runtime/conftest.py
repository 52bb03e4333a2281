"""Embedded servers for tests: one that only is looked at, a folder with data, and a folder that does not exist yet."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.runtime import servers
from topup.runtime import embedded


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with data in it and no server running; tests leave it so."""
    folder = tmp_path_factory.mktemp("with space") / "postgres"
    with embedded.running(folder, settings=servers.QUICK) as server, psycopg.connect(server.dsn) as connection:
        connection.execute("CREATE TABLE words (word text)")
    yield folder
    assert embedded.erase(folder), "a test left a server running"


@pytest.fixture
def new_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that does not exist yet."""
    folder = tmp_path / "new" / "postgres"
    yield folder
    assert embedded.erase(folder), "the test left a server running"


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.Server]:
    """A server as the demo has it, for tests that only look."""
    folder = tmp_path_factory.mktemp("fresh") / "postgres"
    with embedded.running(folder) as server:
        yield server
    assert embedded.erase(folder)
