"""Log lines: JSON, and no secret in any of them (faults 87, 88)."""

import contextlib
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from topup.runtime import logs

SECRETS = [
    "sk_live_51Habcdefghijk",
    "sk_test_51Habcdefghijk",
    "rk_live_51Habcdefghijk",
    "whsec_abcdefghijklmnop",
    "topup_sk_abcdefghijklmnop",
    "topup_rt_abcdefghijklmnop",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "pi_3Nabc_secret_abcdef",
    "4242 4242 4242 4242",
    "4000000000000002",
    "vera.o'neil+shop@mail.example.co.uk",
    "vera@xn--bcher-kva.example",
    "zoë@bücher.example",
]


@contextlib.contextmanager
def _configured() -> Iterator[None]:
    """Logging as the commands have it, taken back afterwards."""
    root = logging.getLogger()
    handlers, level, shape = root.handlers[:], root.level, structlog.get_config()
    logs.configure("info")
    yield
    structlog.configure(**shape)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("secret", SECRETS)
def test_what_is_shaped_like_a_secret_is_blotted_out(secret: str) -> None:
    line = logs.blot(None, "info", {"event": f"got {secret} today", "deep": {"list": [f"x {secret}"]}})
    assert secret not in json.dumps(line)
    assert "today" in str(line["event"])


@pytest.mark.parametrize("name", ["password", "otp", "accessToken", "Authorization", "cookie", "client_secret"])
def test_what_is_named_like_a_secret_is_blotted_out(name: str) -> None:
    assert logs.blot(None, "info", {name: "canary", "inner": {name: "canary"}}) == {
        name: logs.BLOT,
        "inner": {name: logs.BLOT},
    }


def test_a_database_address_loses_its_password() -> None:
    line = logs.blot(None, "info", {"event": "postgresql://topup:hunter2@db:5432/topup"})
    assert line["event"] == f"postgresql://{logs.BLOT}@db:5432/topup"


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        (
            'new row for relation "users" violates check constraint\nDETAIL:  Failing row contains (1, Vera, O-Neil).',
            'new row for relation "users" violates check constraint\nDETAIL:  Failing row contains [blotted]',
        ),
        (
            "duplicate key\nDETAIL:  Key (email, name)=(vera, Vera) already exists.\nThe end.",
            "duplicate key\nDETAIL:  Key [blotted]\nThe end.",
        ),
    ],
)
def test_rows_that_postgresql_repeats_are_blotted_out(told: str, kept: str) -> None:
    assert logs.blot(None, "info", {"exception": told}) == {"exception": kept}


def test_ids_and_figures_are_left_alone() -> None:
    line = {"event": "request", "status": 200, "ms": 1.5, "id": "01a202fb-10bd-72c5-bb41-e6529f3b413c"}
    assert logs.blot(None, "info", dict(line)) == line


def test_a_line_is_one_json_object_whatever_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Fault 88: a line break in a value does not begin a line."""
    with _configured():
        structlog.get_logger("test").info("hello", name='a"\r\n{"event":"forged"}')
        logging.getLogger("somebody.elses").warning("by %s", "whsec_abcdefghijklmnop")
    first, second = capsys.readouterr().err.splitlines()
    assert json.loads(first)["name"].endswith('"forged"}')
    assert json.loads(second)["event"] == f"by {logs.BLOT}"


def test_an_exception_is_logged_without_what_its_frames_held(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(password: str) -> None:
        raise RuntimeError(f"sk_live_51Habcdefghijk was refused {len(password)}")

    with _configured():
        try:
            refuse("canary" * 3)
        except RuntimeError:
            structlog.get_logger("test").exception("failed")
    line = capsys.readouterr().err
    assert "canarycanary" not in line
    assert "sk_live" not in line
    assert "RuntimeError" in json.loads(line)["exception"]


def test_a_line_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    with _configured():
        structlog.get_logger("test").debug("hush")
    assert capsys.readouterr().err == ""
