"""The embedded PostgreSQL survives what a laptop does to it: kill -9, stale files, taken ports, two starts at once.

Processes are told apart by the server's start time, and killed by an id that the server itself wrote down.
"""

import contextlib
import datetime as dt
import os
import shutil
import signal
import socketserver
import stat
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import psycopg
import pytest

from topup import errors
from topup.runtime import embedded

QUICK = {"fsync": "off"}
ROOT = Path(__file__).parents[2]
IS_ROOT = os.geteuid() == 0
SUPERVISOR = """
    import sys
    from pathlib import Path
    import psycopg
    from topup.runtime import embedded

    server = embedded.start(Path(sys.argv[1]), settings={"fsync": "off"})
    with psycopg.connect(server.dsn) as connection:
        print(*connection.execute("SELECT pg_postmaster_start_time()").fetchone(), flush=True)
    sys.stdin.read()
    embedded.stop(server)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with data in it and no server running; tests leave it so."""
    folder = tmp_path_factory.mktemp("with space") / "postgres"
    with embedded.running(folder, settings=QUICK) as server, psycopg.connect(server.dsn) as connection:
        connection.execute("CREATE TABLE words (word text)")
    yield folder
    assert embedded.erase(folder), "a test left a server running"


@pytest.fixture
def new_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that does not exist yet."""
    folder = tmp_path / "new" / "postgres"
    yield folder
    assert embedded.erase(folder), "the test left a server running"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.Server]:
    """A server as the demo has it, for tests that only look."""
    folder = tmp_path_factory.mktemp("fresh") / "postgres"
    with embedded.running(folder) as server:
        yield server
    assert embedded.erase(folder)


def test_fresh_server_has_checksums_utf8_and_listens_on_loopback_alone(fresh: embedded.Server) -> None:
    assert _settings(fresh, "data_checksums", "server_encoding", "listen_addresses", "unix_socket_directories") == [
        "on",
        "UTF8",
        "127.0.0.1",
        "",
    ]


def test_fresh_server_sorts_by_code_point_and_knows_every_alphabets_case(fresh: embedded.Server) -> None:
    with psycopg.connect(fresh.dsn) as connection:
        assert connection.execute("SELECT lower('ÄÖ'), 'B' < 'a'").fetchone() == ("äö", True)


def test_writes_are_durable_unless_asked_otherwise(fresh: embedded.Server) -> None:
    assert _settings(fresh, "fsync", "full_page_writes", "synchronous_commit") == ["on", "on", "on"]


def test_guessed_password_is_refused(fresh: embedded.Server) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(fresh.dsn, password="guessed")


def test_password_is_in_a_private_file_and_in_nothing_printed(fresh: embedded.Server) -> None:
    assert fresh.home.password.read_text().strip() == fresh.password
    assert stat.S_IMODE(fresh.home.password.stat().st_mode) == 0o600
    assert stat.S_IMODE(fresh.home.log.stat().st_mode) == 0o600
    assert fresh.password not in repr(fresh)
    assert fresh.password not in fresh.home.log.read_text()
    assert fresh.password not in _command_line(fresh)


def test_erase_refuses_while_somebody_uses_the_server(fresh: embedded.Server) -> None:
    assert not embedded.erase(fresh.folder)
    assert _is_up(fresh)


@pytest.mark.skipif(not IS_ROOT, reason="only root can show that root's server runs as nobody")
def test_roots_server_runs_unprivileged_in_a_place_that_the_folder_names(fresh: embedded.Server) -> None:
    place = Path((fresh.folder / "place").read_text().strip())
    assert fresh.home.data == place / "data"
    assert fresh.home.data.stat().st_uid == fresh.home.user != 0
    assert f"\nUid:\t{fresh.home.user}\t" in Path(f"/proc/{_process(fresh)}/status").read_text()
    assert stat.S_IMODE(fresh.folder.stat().st_mode) == 0o700, "a folder of ours was opened up"


def test_second_start_joins_and_the_last_stop_ends_the_server(folder: Path) -> None:
    first = embedded.start(folder, settings=QUICK)
    second = embedded.start(folder)
    assert _started_at(second) == _started_at(first)
    process = _process(first)
    embedded.stop(first)
    embedded.stop(first)
    assert _is_up(second)
    embedded.stop(second)
    assert not _is_up(second)
    assert _is_gone(process)


def test_data_password_and_port_outlive_a_restart(folder: Path) -> None:
    with embedded.running(folder, settings=QUICK) as server:
        _write(server, "kept over a restart")
    with embedded.running(folder, settings=QUICK) as again:
        assert "kept over a restart" in _read(again)
        assert again.dsn == server.dsn


def test_server_killed_with_kill_9_comes_back_with_what_was_committed(folder: Path) -> None:
    server = embedded.start(folder)
    _write(server, "committed before kill -9")
    os.kill(_process(server), signal.SIGKILL)
    with embedded.running(folder) as again:
        assert "committed before kill -9" in _read(again)
    embedded.stop(server)


def test_server_of_a_supervisor_killed_with_kill_9_is_joined_and_then_stopped(folder: Path) -> None:
    with _supervising(folder) as supervisor:
        started_at = _first_line(supervisor)
        supervisor.kill()
        supervisor.wait()
    with embedded.running(folder) as server:
        assert str(_started_at(server)) == started_at
        process = _process(server)
    assert _is_gone(process)


def test_server_and_supervisor_both_killed_leave_data_that_starts_again(folder: Path) -> None:
    with _supervising(folder) as supervisor:
        assert _first_line(supervisor)
        server = embedded.start(folder)
        _write(server, "committed before two kills")
        os.kill(_process(server), signal.SIGKILL)
        supervisor.kill()
        supervisor.wait()
    with embedded.running(folder) as again:
        assert "committed before two kills" in _read(again)
    embedded.stop(server)


def test_stale_process_id_of_a_living_stranger_does_not_keep_it_down(folder: Path) -> None:
    server = embedded.start(folder, settings=QUICK)
    os.kill(_process(server), signal.SIGKILL)
    embedded.stop(server)
    with _stranger(server) as stranger:
        lock_file = server.home.data / "postmaster.pid"
        _, *rest = lock_file.read_text().splitlines()
        lock_file.write_text("\n".join([str(stranger.pid), *rest, ""]))
        with embedded.running(folder, settings=QUICK) as again:
            assert _is_up(again)
        assert stranger.poll() is None, "the stranger was killed"


def test_taken_port_is_exchanged_for_another(folder: Path) -> None:
    with embedded.running(folder, settings=QUICK) as server:
        pass
    with _taker(server.host, server.port), embedded.running(folder, settings=QUICK) as moved:
        assert moved.port != server.port
        assert _is_up(moved)


def test_another_postgresql_on_our_port_is_not_taken_for_ours(folder: Path, fresh: embedded.Server) -> None:
    with embedded.running(folder, settings=QUICK) as server:
        pass
    server.home.port.write_text(str(fresh.port))
    with embedded.running(folder, settings=QUICK) as moved:
        assert moved.port != fresh.port
        assert _started_at(moved) != _started_at(fresh)


def test_two_supervisors_at_once_share_one_server(new_folder: Path) -> None:
    with _supervising(new_folder) as one, _supervising(new_folder) as other:
        assert _first_line(one) == _first_line(other) != ""
        one.communicate()
        with embedded.running(new_folder) as server:
            process = _process(server)
            other.communicate()
            assert _is_up(server)
    assert _is_gone(process)


def test_moved_folder_keeps_its_data(new_folder: Path) -> None:
    with embedded.running(new_folder, settings=QUICK) as server, psycopg.connect(server.dsn) as connection:
        connection.execute("CREATE TABLE words (word text)")
    moved = new_folder.rename(new_folder.parent / "moved")
    with embedded.running(moved, settings=QUICK) as again:
        assert _read(again) == []
    assert embedded.erase(moved)


def test_copied_folder_gets_a_server_of_its_own(new_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with embedded.running(new_folder, settings=QUICK) as server:
        shutil.copytree(new_folder, copy)
        with embedded.running(copy, settings=QUICK) as other:
            assert _started_at(other) != _started_at(server)
    assert embedded.erase(copy)


def test_deleted_folder_starts_fresh_and_leaves_nothing_behind(new_folder: Path) -> None:
    with embedded.running(new_folder, settings=QUICK) as server, psycopg.connect(server.dsn) as connection:
        connection.execute("CREATE TABLE words (word text)")
    shutil.rmtree(new_folder)
    with embedded.running(new_folder, settings=QUICK) as fresh:
        with pytest.raises(psycopg.errors.UndefinedTable):
            _read(fresh)
        assert server.home.path == fresh.home.path or not server.home.path.exists()


def test_folder_deleted_under_a_running_server_still_stops(new_folder: Path) -> None:
    server = embedded.start(new_folder, settings=QUICK)
    process = _process(server)
    shutil.rmtree(server.home.data)
    shutil.rmtree(new_folder)
    embedded.stop(server)
    assert _is_gone(process)
    shutil.rmtree(server.home.path, ignore_errors=True)


def test_killed_in_the_middle_of_making_the_data_makes_it_again(new_folder: Path) -> None:
    with embedded.running(new_folder, settings=QUICK) as server:
        pass
    server.home.data.rename(server.home.path / "data.making")
    with embedded.running(new_folder, settings=QUICK) as again:
        assert _is_up(again)


def test_broken_data_is_reported_with_the_end_of_the_log(new_folder: Path) -> None:
    with embedded.running(new_folder, settings=QUICK) as server:
        pass
    (server.home.data / "global" / "pg_control").unlink()
    with pytest.raises(errors.Unavailable, match=r"(?s)^PostgreSQL did not start\..*pg_control"):
        embedded.start(new_folder)


def test_data_of_another_version_is_refused_and_left_alone(new_folder: Path) -> None:
    with embedded.running(new_folder, settings=QUICK) as server:
        pass
    (server.home.data / "PG_VERSION").write_text("17\n")
    with pytest.raises(errors.Unavailable, match=r"made by PostgreSQL 17 and the one installed is 18"):
        embedded.start(new_folder)


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
            env=_python_path(),
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
                env=_python_path(),
                capture_output=True,
                check=False,
            )
            if tried.returncode == 0:
                return [python, "-c"]
    pytest.skip("no Python here that an ordinary user can run with our packages")


def _python_path() -> dict[str, str]:
    packages = Path(psycopg.__file__).parent.parent
    return {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{packages}", "PYTHONDONTWRITEBYTECODE": "1"}


@contextlib.contextmanager
def _supervising(folder: Path) -> Generator[subprocess.Popen[str]]:
    """Another process with a server in this folder; it says when that server started, and stops when its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SUPERVISOR), str(folder)],
        env={**os.environ, **_python_path()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@contextlib.contextmanager
def _stranger(server: embedded.Server) -> Generator[subprocess.Popen[bytes]]:
    """A living process of the server's user that has nothing to do with PostgreSQL."""
    process = subprocess.Popen(["sleep", "600"], user=server.home.user, cwd="/")
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _taker(host: str, port: int) -> Generator[None]:
    """Something else on a port, that hangs up on whoever calls."""

    class Taker(socketserver.TCPServer):
        allow_reuse_address = True

    with Taker((host, port), socketserver.BaseRequestHandler) as taker:
        thread = threading.Thread(target=taker.serve_forever, args=[0.01])
        thread.start()
        yield
        taker.shutdown()
        thread.join()


def _settings(server: embedded.Server, *names: str) -> list[str]:
    with psycopg.connect(server.dsn) as connection:
        rows = [connection.execute("SELECT current_setting(%s)", [name]).fetchall() for name in names]
    return [value for ((value,),) in rows]


def _started_at(server: embedded.Server) -> dt.datetime:
    with psycopg.connect(server.dsn) as connection:
        ((started_at,),) = connection.execute("SELECT pg_postmaster_start_time()").fetchall()
    return started_at


def _process(server: embedded.Server) -> int:
    return int((server.home.data / "postmaster.pid").read_text().splitlines()[0])


def _command_line(server: embedded.Server) -> str:
    return subprocess.check_output(["ps", "-o", "args=", "-p", str(_process(server))], text=True)


def _is_up(server: embedded.Server) -> bool:
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(server.dsn):
        return True
    return False


def _is_gone(process: int) -> bool:
    """Whether it ended; whoever adopted it may take a moment to notice."""
    for _ in range(100):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def _write(server: embedded.Server, word: str) -> None:
    with psycopg.connect(server.dsn) as connection:
        connection.execute("INSERT INTO words VALUES (%s)", [word])


def _read(server: embedded.Server) -> list[str]:
    with psycopg.connect(server.dsn) as connection:
        return [word for (word,) in connection.execute("SELECT word FROM words")]
