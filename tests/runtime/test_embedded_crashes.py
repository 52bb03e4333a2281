"""The embedded PostgreSQL survives kill -9 of anything at any time, and says in a sentence what it cannot survive."""

import os
import signal
from pathlib import Path

import pytest

from tests.runtime import servers
from topup import errors
from topup.runtime import embedded

pytestmark = pytest.mark.slow


def test_server_killed_with_kill_9_comes_back_with_what_was_committed(folder: Path) -> None:
    server = embedded.start(folder)
    servers.write(server, "committed before kill -9")
    os.kill(servers.process(server), signal.SIGKILL)
    with embedded.running(folder) as again:
        assert "committed before kill -9" in servers.read(again)
    embedded.stop(server)


def test_server_of_a_supervisor_killed_with_kill_9_is_joined_and_then_stopped(folder: Path) -> None:
    with servers.supervising(folder) as supervisor:
        started_at = servers.first_line(supervisor)
        supervisor.kill()
        supervisor.wait()
    with embedded.running(folder) as server:
        assert str(servers.started_at(server)) == started_at
        process = servers.process(server)
    assert servers.is_gone(process)


def test_server_and_supervisor_both_killed_leave_data_that_starts_again(folder: Path) -> None:
    with servers.supervising(folder) as supervisor:
        assert servers.first_line(supervisor)
        server = embedded.start(folder)
        servers.write(server, "committed before two kills")
        os.kill(servers.process(server), signal.SIGKILL)
        supervisor.kill()
        supervisor.wait()
    with embedded.running(folder) as again:
        assert "committed before two kills" in servers.read(again)
    embedded.stop(server)


def test_stale_process_id_of_a_living_stranger_does_not_keep_it_down(folder: Path) -> None:
    server = embedded.start(folder, settings=servers.QUICK)
    os.kill(servers.process(server), signal.SIGKILL)
    embedded.stop(server)
    with servers.stranger(server) as stranger:
        lock_file = server.home.data / "postmaster.pid"
        _, *rest = lock_file.read_text().splitlines()
        lock_file.write_text("\n".join([str(stranger.pid), *rest, ""]))
        with embedded.running(folder, settings=servers.QUICK) as again:
            assert servers.is_up(again)
        assert stranger.poll() is None, "the stranger was killed"


def test_killed_in_the_middle_of_making_the_data_makes_it_again(new_folder: Path) -> None:
    with embedded.running(new_folder, settings=servers.QUICK) as server:
        pass
    server.home.data.rename(server.home.path / "data.making")
    with embedded.running(new_folder, settings=servers.QUICK) as again:
        assert servers.is_up(again)


def test_broken_data_is_reported_with_the_end_of_the_log(new_folder: Path) -> None:
    with embedded.running(new_folder, settings=servers.QUICK) as server:
        pass
    (server.home.data / "global" / "pg_control").unlink()
    with pytest.raises(errors.Unavailable, match=r"(?s)^PostgreSQL did not start\..*pg_control"):
        embedded.start(new_folder)


def test_data_of_another_version_is_refused_and_left_alone(new_folder: Path) -> None:
    with embedded.running(new_folder, settings=servers.QUICK) as server:
        pass
    (server.home.data / "PG_VERSION").write_text("17\n")
    with pytest.raises(errors.Unavailable, match=r"made by PostgreSQL 17 and the one installed is 18"):
        embedded.start(new_folder)
