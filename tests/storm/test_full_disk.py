"""A disk that is full, a server that takes no writes: refused with 503, nothing told that is not so, and well again."""

import contextlib
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import psycopg
import pytest

from tests.runtime.test_start import SOUND
from tests.storm import clusters
from tests.web import machines
from topup.db import migrate
from topup.flows import verify
from topup.runtime import house
from topup.settings import Settings
from topup.web import app

pytestmark = pytest.mark.slow

# Each fits what a fresh server keeps there, and little more.
SIZES = {"data": "72m", "wal": "32m"}
ORIGIN = "http://127.0.0.1:8000"
SPENDS_MAX = 600
KEEPING = "wal_keep_size=1GB"  # so that the server cannot use old files again
KEPT = "SELECT key FROM idempotency WHERE status = 201 AND key LIKE 'essay-%'"
READ_ONLY = "ALTER SYSTEM SET default_transaction_read_only = on"
WRITABLE = "ALTER SYSTEM RESET default_transaction_read_only"
RELOAD = "SELECT pg_reload_conf()"
NEXT_FILE = "SELECT pg_switch_wal()"
SHOWS = {
    503: "SELECT current_setting('default_transaction_read_only') = 'on'",
    201: "SELECT current_setting('default_transaction_read_only') = 'off'",
}


@pytest.fixture
def shop() -> Iterator[clusters.Workshop]:
    with clusters.workshop() as made:
        yield made


@pytest.fixture
def small(shop: clusters.Workshop, request: pytest.FixtureRequest) -> Iterator[tuple[clusters.Cluster, Path]]:
    """A server with its data, or its WAL, on a small disk of their own; and that disk."""
    cluster, kind = shop.cluster("server"), str(request.param)
    disk = shop.folder / "disk"
    disk.mkdir()
    owner = f"uid={shop.user.pw_uid},gid={shop.user.pw_gid}" if shop.user else f"uid={os.geteuid()}"
    options = f"size={SIZES[kind]},mode=700,{owner}"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "none", str(disk)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here: that takes root's rights")
    try:
        wal = shop.folder / "wal" if kind == "data" else disk / "wal"
        if kind == "data":
            cluster.data = disk / "server"
        cluster.make("--wal-segsize=1", f"--waldir={wal}")
        cluster.start(KEEPING)
        migrate.upgrade(cluster.url)
        yield cluster, disk
        cluster.stop()
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture
async def home(small: tuple[clusters.Cluster, Path]) -> AsyncIterator[house.House]:
    settings = Settings.model_validate({**SOUND, "database_url": small[0].url, "frontend_url": ORIGIN})
    async with house.opened(settings) as opened:
        yield opened


@pytest.fixture
async def host(home: house.House) -> AsyncIterator[machines.Machine]:
    machine = machines.with_key(httpx2.ASGITransport(app.create_app(home)), ORIGIN, await machines.key_text(home))
    async with machine.client:
        yield machine


async def spend_until_refused(
    cluster: clusters.Cluster, host: machines.Machine, account_id: str
) -> tuple[set[str], int]:
    """The keys that were answered 201, and the first other status. Each spend begins a file of WAL, if that can be."""
    answered = set[str]()
    for number in range(SPENDS_MAX):
        with contextlib.suppress(psycopg.Error):
            cluster.execute(NEXT_FILE)
        answer = await host.spend(account_id, 1, key=f"essay-{number}", description="x" * 400)
        if answer.status_code != 201:
            return answered, answer.status_code
        answered.add(f"essay-{number}")
    pytest.fail("nothing was ever refused, so nothing was tested")


def fill(disk: Path) -> Path:
    """Whatever there is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(bytes(4096))
            except OSError:
                return filler


@pytest.mark.parametrize("small", ["data", "wal"], indirect=True)
async def test_full_disk_is_refused_and_nothing_is_told_that_is_not_so(
    small: tuple[clusters.Cluster, Path], home: house.House, host: machines.Machine
) -> None:
    """Fault 28. A full disk for the WAL ends the server itself."""
    cluster, disk = small
    account_id = await host.account(granted=SPENDS_MAX)
    assert (await host.spend(account_id, 1, key="essay-before")).status_code == 201
    filler = fill(disk)
    answered, refused_with = await spend_until_refused(cluster, host, account_id)
    assert refused_with == 503
    filler.unlink()
    await healed(cluster, host, account_id)

    kept = {key for (key,) in cluster.execute(KEPT)}
    assert answered | {"essay-before", "essay-after"} <= kept
    assert (await host.figures(account_id))[0] == SPENDS_MAX - len(kept)
    assert (await verify.verify(home.pool)).breaches == ()


async def healed(cluster: clusters.Cluster, host: machines.Machine, account_id: str) -> None:
    """Somebody starts the server again if it has ended; the pool finds it by itself."""
    try:
        cluster.execute("SELECT 1")
    except psycopg.OperationalError:
        if cluster.processes():
            cluster.stop()
        cluster.start(KEEPING)
    for _ in range(5):
        answer = await host.spend(account_id, 1, key="essay-after")
        if answer.status_code == 201:
            return
        assert answer.status_code == 503, answer.text
    pytest.fail("not well again")


@pytest.mark.parametrize("small", ["data"], indirect=True)
async def test_server_that_takes_no_writes_is_refused_until_it_does(
    small: tuple[clusters.Cluster, Path], host: machines.Machine
) -> None:
    """Fault 28, as managed databases do it before their disk is full."""
    cluster, _ = small
    account_id = await host.account(granted=10)
    for statement, status in ((READ_ONLY, 503), (WRITABLE, 201)):
        cluster.execute(statement)
        cluster.execute(RELOAD)
        cluster.wait_for(SHOWS[status])
        assert (await host.spend(account_id, 1, key=f"essay-{status}")).status_code == status
    assert (await host.figures(account_id))[0] == 9
