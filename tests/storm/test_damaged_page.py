"""A page that rotted on the disk: with checksums PostgreSQL notices, and Topup stops rather than guesses."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests import people
from tests.asking import Machine
from tests.storm import clusters
from topup import errors
from topup.db import migrate
from topup.runtime.backups import taking

pytestmark = pytest.mark.slow

FILE_OF_ENTRIES = "SELECT pg_relation_filepath('entries')"


@pytest.fixture
def server() -> Iterator[clusters.Cluster]:
    with clusters.workshop() as shop:
        made = shop.cluster("server")
        made.make("--data-checksums")
        made.start()
        migrate.upgrade(made.url)
        yield made


async def test_damaged_page_is_neither_read_nor_backed_up(server: clusters.Cluster, tmp_path: Path) -> None:
    """Fault 29."""
    async with people.Pool(server.url, min_size=1, max_size=1, open=False) as pool:
        machine = Machine(pool)
        account_id = await machine.open(credits_in=10)
        await machine.spend(account_id, 1, "essay-1")
    [(name,)] = server.execute(FILE_OF_ENTRIES)
    server.stop("fast")
    path = server.data / name
    content = bytearray(path.read_bytes())
    content[-20] ^= 0x01
    path.write_bytes(content)
    server.start()

    with pytest.raises(psycopg.errors.DataCorrupted):
        server.execute("SELECT count(hash) FROM entries")
    with pytest.raises(errors.Unavailable, match="PostgreSQL refused"):
        await taking.take(server.url, tmp_path, say=lambda _: None)
    assert names_in(tmp_path) == []


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]
