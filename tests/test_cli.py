"""The commands as an operator types them: what they say, how they end, and with which status."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import psycopg
import pytest
from psycopg import sql

from tests.stories import demos
from tests.stripe_boxes import StripeBox

WITHIN_SECONDS = 60


def environment(**settings: str) -> dict[str, str]:
    """This process's environment without any setting of Topup's, and these."""
    ours = ("STRIPE_", "TOPUP_", "VITE_", "DATABASE_URL", "JWT_SECRET", "FRONTEND_URL", "SMTP_")
    return {**{name: value for name, value in os.environ.items() if not name.startswith(ours)}, **settings}


def topup(
    *arguments: str, settings: Mapping[str, str] | None = None, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "topup", *arguments],
        input=typed,
        capture_output=True,
        text=True,
        env=environment(**(settings or {})),
        timeout=WITHIN_SECONDS,
        check=False,
    )


@contextmanager
def running(
    *arguments: str, settings: Mapping[str, str], folder: Path | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A command that runs until it is told to end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "topup", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment(**settings),
        cwd=folder,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def sound(database_url: str, stripe_box: StripeBox) -> dict[str, str]:
    """The environment of a deployment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return {
        "DATABASE_URL": database_url,
        "STRIPE_SECRET_KEY": "sk_test_tests",
        "STRIPE_PUBLISHABLE_KEY": "pk_test_tests",
        "STRIPE_WEBHOOK_SECRET": "whsec_tests",
        "JWT_SECRET": "tests-only-tests-only-tests-only-tests",
        "FRONTEND_URL": f"http://127.0.0.1:{port}",
        "TOPUP_PORT": str(port),
        "TOPUP_STRIPE_API_BASE": stripe_box.url,
    }


def test_help_names_every_command_and_loads_none_of_their_libraries() -> None:
    said = topup("--help").stdout
    for command in ("demo", "serve", "worker", "migrate", "seed", "sandbox", "users"):
        assert command in said
    heavy = "{'stripe', 'fastapi', 'psycopg', 'alembic', 'uvloop'} & set(__import__('sys').modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", f"import topup.cli; print({heavy})"], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "set()"


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_deployment_without_settings_is_refused_in_one_sentence(command: str) -> None:
    refused = topup(command, settings={"TOPUP_PORT": "0"})
    assert refused.returncode == 1
    [sentence] = refused.stderr.splitlines()
    for name in ("DATABASE_URL", "STRIPE_SECRET_KEY", "STRIPE_PUBLISHABLE_KEY", "STRIPE_WEBHOOK_SECRET", "JWT_SECRET"):
        assert name in sentence


@pytest.mark.parametrize("arguments", [("migrate",), ("seed",)])
def test_commands_on_a_database_say_that_they_need_one(arguments: tuple[str, ...]) -> None:
    refused = topup(*arguments, typed="correct horse battery\n")
    assert (refused.returncode, refused.stderr) == (1, "DATABASE_URL is not set.\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("users", "create-admin", "ada@example.com"),
        ("users", "ban", "ada@example.com"),
        ("users", "erase", "ada@example.com"),
        ("keys", "create", "--scope", "read"),
    ],
)
def test_commands_on_a_demo_say_where_there_is_none(arguments: tuple[str, ...], tmp_path: Path) -> None:
    refused = topup(*arguments, "--data", str(tmp_path / "none"), typed="correct horse battery\n")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"No demo has run on {tmp_path / 'none'}: `topup demo` starts one.\n"


def test_two_databases_named_at_once_are_one_too_many(database_url: str, tmp_path: Path) -> None:
    """Or a demo would be meant and production erased from."""
    erase = ("users", "erase", "ada@example.com", "--yes", "--data", str(tmp_path))
    refused = topup(*erase, settings={"DATABASE_URL": database_url})
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("DATABASE_URL names one database and --data another")


def test_a_command_that_is_cut_off_does_not_claim_success(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        conn.execute("LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE")
        with running("verify", settings={"DATABASE_URL": database_url}) as process:
            demos.until(lambda: is_waited_for(database_url))
            process.send_signal(signal.SIGTERM)
            assert process.wait(WITHIN_SECONDS) == 130


def is_waited_for(database_url: str) -> bool:
    with psycopg.connect(database_url) as conn:
        return bool(conn.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall())


def test_empty_database_becomes_a_shop_with_an_admin(empty_database_url: str) -> None:
    settings = {"DATABASE_URL": empty_database_url}
    for _ in range(2):
        assert topup("migrate", settings=settings).returncode == 0
    assert [topup("seed", settings=settings).stdout for _ in range(2)] == [
        "3 packages and 3 session prices added.\n",
        "0 packages and 0 session prices added.\n",
    ]
    made = topup("users", "create-admin", "Ada@Example.com", settings=settings, typed="correct horse battery\n")
    assert (made.returncode, made.stdout) == (0, "ada@example.com is an admin.\n")
    with psycopg.connect(empty_database_url) as conn:
        assert conn.execute("SELECT email, is_admin FROM users").fetchall() == [("ada@example.com", True)]
        packages = conn.execute("SELECT credits, price_minor, currency FROM packages ORDER BY 1").fetchall()
    assert packages == [(100, 1000, "gbp"), (500, 4500, "gbp"), (1000, 8000, "gbp")]


def test_nobodys_password_is_changed_unless_that_is_asked_for(database_url: str) -> None:
    """Fault 90: a command with a slip in its address takes no account over."""
    settings = {"DATABASE_URL": database_url}
    make = ("users", "create-admin", "ada@example.com")
    assert topup(*make, settings=settings, typed="correct horse battery\n").returncode == 0

    def stored() -> str:
        with psycopg.connect(database_url) as conn:
            [row] = conn.execute("SELECT password_hash FROM users").fetchall()
        return row[0]

    before = stored()
    refused = topup(*make, settings=settings, typed="another good password\n")
    assert refused.returncode == 1
    assert refused.stderr.endswith("Add --reset-password to make it an admin with a new password.\n")
    assert stored() == before
    assert topup(*make, "--reset-password", settings=settings, typed="another good password\n").returncode == 0
    assert stored() != before


def test_a_person_is_shut_out_and_let_in_again(database_url: str) -> None:
    """Fault 70."""
    settings = {"DATABASE_URL": database_url}
    topup("users", "create-admin", "ada@example.com", settings=settings, typed="correct horse battery\n")
    banned = topup("users", "ban", "Ada@Example.com", settings=settings)
    assert (banned.returncode, banned.stdout) == (0, "ada@example.com is shut out; 0 sign-ins ended.\n")
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT disabled_at IS NOT NULL FROM users").fetchall() == [(True,)]
    lifted = topup("users", "ban", "ada@example.com", "--lift", settings=settings)
    assert (lifted.returncode, lifted.stdout) == (0, "ada@example.com may sign in again.\n")
    again = topup("users", "ban", "ada@example.com", "--lift", settings=settings)
    assert again.stderr == "Nobody who is banned has the address ada@example.com.\n"
    assert topup("users", "ban", "nobody@example.com", settings=settings).returncode == 1


def test_a_person_is_erased_once_it_is_confirmed(database_url: str) -> None:
    """Fault 96."""
    settings = {"DATABASE_URL": database_url}
    topup("users", "create-admin", "ada@example.com", settings=settings, typed="correct horse battery\n")
    assert topup("users", "erase", "Ada@Example.com", settings=settings, typed="n\n").returncode == 1
    erased = topup("users", "erase", "Ada@Example.com", settings=settings, typed="y\n")
    assert (erased.returncode, erased.stderr) == (0, "")
    assert "ada@example.com is erased; the books know them as " in erased.stdout
    again = topup("users", "erase", "ada@example.com", "--yes", settings=settings)
    assert (again.returncode, again.stderr) == (1, "Nobody has the address ada@example.com.\n")


@pytest.mark.parametrize(("email", "password"), [("nonsense", "correct horse battery"), ("ada@example.com", "short")])
def test_admin_without_address_or_password_is_not_made(database_url: str, email: str, password: str) -> None:
    refused = topup("users", "create-admin", email, settings={"DATABASE_URL": database_url}, typed=f"{password}\n")
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT FROM users").fetchall() == []


def test_server_answers_until_it_is_told_to_stop(sound: dict[str, str]) -> None:
    with running("serve", settings=sound) as process:
        url = sound["FRONTEND_URL"]
        demos.until(lambda: answers(f"{url}/ready"))
        assert httpx2.get(f"{url}/health").json() == {"status": "OK"}
        assert httpx2.get(f"{url}/demo/mailbox").status_code == 404
        process.send_signal(signal.SIGTERM)
        assert process.wait(WITHIN_SECONDS) == 0
        assert not answers(f"{url}/health")


def test_second_server_on_a_port_is_refused_in_one_sentence(sound: dict[str, str]) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", int(sound["TOPUP_PORT"])))
        holder.listen()
        refused = topup("serve", settings=sound)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"Port {sound['TOPUP_PORT']} on 127.0.0.1 cannot be used")


def test_server_without_settings_names_them_even_where_its_port_is_taken() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        refused = topup("serve", settings={"TOPUP_PORT": str(holder.getsockname()[1])})
    assert refused.returncode == 1
    assert refused.stderr.startswith("Topup cannot start: DATABASE_URL is not set; ")


def test_figures_on_a_port_that_is_taken_are_refused_in_one_sentence(sound: dict[str, str]) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        refused = topup("serve", settings={**sound, "TOPUP_METRICS_PORT": str(port)})
    assert (refused.returncode, refused.stdout) == (1, "")
    assert f"Port {port} on 127.0.0.1 cannot be used for the figures: Address already in use.\n" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    "command", [("seed",), ("keys", "create", "--scope", "read"), ("users", "create-admin", "ada@example.com")]
)
def test_command_on_an_empty_or_absent_database_is_refused_in_one_sentence(
    sound: dict[str, str], maintenance: psycopg.Connection, command: tuple[str, ...]
) -> None:
    name = "empty_" + command[0]
    maintenance.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    try:
        address = urlsplit(sound["DATABASE_URL"])._replace(path=f"/{name}").geturl()
        empty = topup(*command, settings={**sound, "DATABASE_URL": address}, typed="a good long password\n")
    finally:
        maintenance.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
    assert empty.returncode == 1
    assert empty.stderr.startswith("The database's schema (empty) is behind this program (")
    assert empty.stderr.count("\n") == 1
    absent = topup(*command, settings={"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}, typed="irrelevant\n")
    assert absent.stderr == "The database that DATABASE_URL names cannot be reached.\n"


def test_worker_ends_when_it_is_told_to(sound: dict[str, str], database_url: str) -> None:
    with running("worker", settings=sound) as process:
        demos.until(lambda: has_beaten(database_url))
        process.send_signal(signal.SIGTERM)
        assert process.wait(WITHIN_SECONDS) == 0


def test_sandbox_command_is_the_offline_stripe(tmp_path: Path) -> None:
    with running("sandbox", "--port", "0", settings={}, folder=tmp_path) as process:
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("stripe: ").strip()
        assert httpx2.get(f"{url}/v1/customers", headers={"Authorization": "Bearer sk_test_x"}).status_code == 200
        assert httpx2.get(f"{url}/v1/customers", headers={"Authorization": "Bearer sk_live_x"}).status_code == 401
        process.send_signal(signal.SIGTERM)
        assert process.wait(WITHIN_SECONDS) == 0


def answers(url: str) -> bool:
    try:
        return httpx2.get(url).status_code == 200
    except httpx2.TransportError:
        return False


def has_beaten(database_url: str) -> bool:
    with psycopg.connect(database_url) as conn:
        return bool(conn.execute("SELECT FROM heartbeats").fetchall())
