"""`topup keys create`, as an operator types it."""

import re

import psycopg

from tests.test_cli import topup


def stored(database_url: str) -> list[tuple[str, list[str]]]:
    with psycopg.connect(database_url) as connection:
        return connection.execute("SELECT name, scopes FROM api_keys ORDER BY id").fetchall()


def test_key_is_printed_alone_on_its_line(database_url: str) -> None:
    made = topup(
        "keys",
        "create",
        *("--name", "Essay marker", "--scope", "spend", "--scope", "read"),
        settings={"DATABASE_URL": database_url},
    )
    assert made.returncode == 0, made.stderr
    assert re.fullmatch(r"topup_sk_[a-z2-7]{16}_[a-z2-7]{52}\n", made.stdout)
    assert stored(database_url) == [("Essay marker", ["read", "spend"])]


def test_unknown_scope_is_one_sentence(database_url: str) -> None:
    refused = topup("keys", "create", "--scope", "write", settings={"DATABASE_URL": database_url})
    assert (refused.returncode, refused.stderr) == (
        1,
        "There is no scope write; there are read, spend, grant, admin.\n",
    )
    assert stored(database_url) == []
