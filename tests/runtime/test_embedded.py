"""The ordinary life of the embedded PostgreSQL: made, shared, stopped, moved, copied, deleted; as root and not."""

import contextlib
import os
import shutil
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import psycopg
import pytest

from tests.runtime import servers
from topup.runtime import embedded

IS_ROOT = os.geteuid() == 0

pytestmark = pytest.mark.slow


def test_fresh_server_has_checksums_utf8_and_listens_on_loopback_alone(fresh: embedded.Server) -> None:
    assert servers.settings(
        fresh, "data_checksums", "server_encoding", "listen_addresses", "unix_socket_directories"
    ) == [
        "on",
        "UTF8",
        "127.0.0.1",
        "",
    ]


def test_fresh_server_sorts_by_code_point_and_knows_every_alphabets_case(fresh: embedded.Server) -> None:
    with psycopg.connect(fresh.dsn) as connection:
        assert connection.execute("SELECT lower('ÄÖ'), 'B' < 'a'").fetchone() == ("äö", True)


def test_writes_are_durable_unless_asked_otherwise(fresh: embedded.Server) -> None:
    assert servers.settings(fresh, "fsync", "full_page_writes", "synchronous_commit") == ["on", "on", "on"]


def test_guessed_password_is_refused(fresh: embedded.Server) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(fresh.dsn, password="guessed")


def test_password_is_in_a_private_file_and_in_nothing_printed(fresh: embedded.Server) -> None:
    assert fresh.home.password.read_text().strip() == fresh.password
    assert stat.S_IMODE(fresh.home.password.stat().st_mode) == 0o600
    assert stat.S_IMODE(fresh.home.log.stat().st_mode) == 0o600
    assert fresh.password not in repr(fresh)
    assert fresh.password not in fresh.home.log.read_text()
    assert fresh.password not in servers.command_line(fresh)


def test_erase_refuses_while_somebody_uses_the_server(fresh: embedded.Server) -> None:
    assert not embedded.erase(fresh.folder)
    assert servers.is_up(fresh)


@pytest.mark.skipif(not IS_ROOT, reason="only root can show that root's server runs as nobody")
def test_roots_server_runs_unprivileged_in_a_place_that_the_folder_names(fresh: embedded.Server) -> None:
    place = Path((fresh.folder / "place").read_text().strip())
    assert fresh.home.data == place / "data"
    assert fresh.home.data.stat().st_uid == fresh.home.user != 0
    assert f"\nUid:\t{fresh.home.user}\t" in Path(f"/proc/{servers.process(fresh)}/status").read_text()
    assert stat.S_IMODE(fresh.folder.stat().st_mode) == 0o700, "a folder of ours was opened up"


def test_second_start_joins_and_the_last_stop_ends_the_server(folder: Path) -> None:
    first = embedded.start(folder, settings=servers.QUICK)
    second = embedded.start(folder)
    assert servers.started_at(second) == servers.started_at(first)
    process = servers.process(first)
    embedded.stop(first)
    embedded.stop(first)
    assert servers.is_up(second)
    embedded.stop(second)
    assert not servers.is_up(second)
    assert servers.is_gone(process)


def test_data_password_and_port_outlive_a_restart(folder: Path) -> None:
    with embedded.running(folder, settings=servers.QUICK) as server:
        servers.write(server, "kept over a restart")
    with embedded.running(folder, settings=servers.QUICK) as again:
        assert "kept over a restart" in servers.read(again)
        assert again.dsn == server.dsn


def test_taken_port_is_exchanged_for_another(folder: Path) -> None:
    with embedded.running(folder, settings=servers.QUICK) as server:
        pass
    with servers.taker(server.host, server.port), embedded.running(folder, settings=servers.QUICK) as moved:
        assert moved.port != server.port
        assert servers.is_up(moved)


def test_another_postgresql_on_our_port_is_not_taken_for_ours(folder: Path, fresh: embedded.Server) -> None:
    with embedded.running(folder, settings=servers.QUICK) as server:
        pass
    server.home.port.write_text(str(fresh.port))
    with embedded.running(folder, settings=servers.QUICK) as moved:
        assert moved.port != fresh.port
        assert servers.started_at(moved) != servers.started_at(fresh)


def test_two_supervisors_at_once_share_one_server(new_folder: Path) -> None:
    with servers.supervising(new_folder) as one, servers.supervising(new_folder) as other:
        assert servers.first_line(one) == servers.first_line(other) != ""
        one.communicate()
        with embedded.running(new_folder) as server:
            process = servers.process(server)
            other.communicate()
            assert servers.is_up(server)
    assert servers.is_gone(process)


def test_moved_folder_keeps_its_data(new_folder: Path) -> None:
    with embedded.running(new_folder, settings=servers.QUICK) as server, psycopg.connect(server.dsn) as connection:
        connection.execute("CREATE TABLE words (word text)")
    moved = new_folder.rename(new_folder.parent / "moved")
    with embedded.running(moved, settings=servers.QUICK) as again:
        assert servers.read(again) == []
    assert embedded.erase(moved)


def test_copied_folder_gets_a_server_of_its_own(new_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with embedded.running(new_folder, settings=servers.QUICK) as server:
        shutil.copytree(new_folder, copy)
        with embedded.running(copy, settings=servers.QUICK) as other:
            assert servers.started_at(other) != servers.started_at(server)
    assert embedded.erase(copy)


def test_deleted_folder_starts_fresh_and_leaves_nothing_behind(new_folder: Path) -> None:
    with embedded.running(new_folder, settings=servers.QUICK) as server, psycopg.connect(server.dsn) as connection:
        connection.execute("CREATE TABLE words (word text)")
    shutil.rmtree(new_folder)
    with embedded.running(new_folder, settings=servers.QUICK) as fresh:
        with pytest.raises(psycopg.errors.UndefinedTable):
            servers.read(fresh)
        assert server.home.path == fresh.home.path or not server.home.path.exists()


@pytest.mark.skipif(not IS_ROOT, reason="only root keeps data away from the folder")
def test_place_whose_folder_is_long_gone_is_cleared_away(new_folder: Path, tmp_path: Path) -> None:
    gone, lately = tmp_path / "gone", tmp_path / "lately"
    homes = []
    for folder in (gone, lately):
        with embedded.running(folder, settings=servers.QUICK) as server:
            homes.append(server.home)
        shutil.rmtree(folder)
    os.utime(homes[0].log, (0, 0))
    with embedded.running(new_folder, settings=servers.QUICK):
        assert [home.path.exists() for home in homes] == [False, True]
    shutil.rmtree(homes[1].path)


def test_folder_deleted_under_a_running_server_still_stops(new_folder: Path) -> None:
    server = embedded.start(new_folder, settings=servers.QUICK)
    process = servers.process(server)
    shutil.rmtree(server.home.data)
    shutil.rmtree(new_folder)
    embedded.stop(server)
    assert servers.is_gone(process)
    shutil.rmtree(server.home.path, ignore_errors=True)


@pytest.mark.skipif(not IS_ROOT, reason="only root can become somebody else; the other tests show the ordinary case")
def test_ordinary_user_has_everything_in_the_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    user = embedded.homes.unprivileged()
    command = _command_for(user.pw_uid, user.pw_gid)
    folder = Path(subprocess.check_output(["mktemp", "--directory"], user=user.pw_uid, text=True).strip())
    script = """
        import sys
        from pathlib import Path
        from topup.runtime import embedded

        folder = Path(sys.argv[1])
        with embedded.running(folder) as server:
            assert server.home.data == folder / "data", server
        print("stopped", embedded.erase(folder))
    """
    try:
        said = subprocess.run(
            [*command, textwrap.dedent(script), str(folder)],
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=[],
            cwd="/",
            env=servers.python_path(),
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert (said.stdout, said.stderr) == ("stopped True\n", "")


def _command_for(user: int, group: int) -> list[str]:
    """A Python that this user can run, since root's own is often out of reach."""
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        with contextlib.suppress(OSError):
            tried = subprocess.run(
                [python, "-c", "import psycopg, topup.runtime.embedded"],
                user=user,
                group=group,
                extra_groups=[],
                cwd="/",
                env=servers.python_path(),
                capture_output=True,
                check=False,
            )
            if tried.returncode == 0:
                return [python, "-c"]
    pytest.skip("no Python here that an ordinary user can run with our packages")
