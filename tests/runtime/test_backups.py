"""`topup backup` and `topup restore`: what comes back is what was there, proven, and does nothing until confirmed."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from tests import people
from tests.ledger import world
from tests.runtime.test_start import SOUND, refusal
from tests.stripe_boxes import StripeBox
from topup import errors
from topup.core import backups
from topup.db import copying, outbox
from topup.runtime import start
from topup.runtime.backups import archive, connecting, restoring, taking
from topup.runtime.doctor import inside
from topup.runtime.doctor.findings import State
from topup.settings import Settings

QUEUE = (
    "INSERT INTO outbox (id, kind, cause, recipient, details)"
    " VALUES (gen_random_uuid(), 'verification_code', 'a code', 'alice@example.com', '{\"code\": \"314159\"}')"
)


@dataclass(frozen=True)
class Kept:
    """A database with a bit of everything in it, and its backup."""

    url: str
    path: Path
    manifest: backups.Manifest


@pytest.fixture(scope="module")
async def kept(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    async with people.Pool(shared_database_url, min_size=1, max_size=4, open=False) as pool:
        made = await world.build(pool)
        await made.run("UPDATE deployment SET is_demo = false, clock_offset = '0', stripe_account = 'acct_1'")
        await made.run(QUEUE)
        await made.run("SELECT nextval('invoice_numbers')")
    taken = await taking.take(shared_database_url, tmp_path_factory.mktemp("backups"), say=lambda _: None)
    return Kept(shared_database_url, taken.path, taken.manifest)


async def restored(kept: Kept, url: str, **wanted: object) -> list[str]:
    """Restore, and what was said."""
    said: list[str] = []
    path = wanted.pop("path", kept.path)
    assert await restoring.restore(url, restoring.Wanted(path, **wanted), say=said.append)  # type: ignore[arg-type]
    return said


async def content(url: str) -> dict[str, bytes]:
    """Every row of every table, but for the row that says whose database it is and the outbox."""
    found: dict[str, bytes] = {}
    async with connecting.opened(url) as conn:
        for table in await copying.tables(conn):
            rows: list[bytes] = []
            await copying.out(conn, table, lambda row, rows=rows: rows.append(bytes(row)))
            found[table.name] = b"".join(sorted(rows))
    return {name: rows for name, rows in found.items() if name not in ("deployment", "outbox")}


def one(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as conn:
        row = conn.execute(statement.encode()).fetchone()
    return row and row[0]


def sound(url: str, stripe_box: StripeBox) -> Settings:
    return Settings.model_validate({**SOUND, "database_url": url, "stripe_api_base": stripe_box.url})


async def test_restored_database_has_every_row_and_is_proven(kept: Kept, empty_database_url: str) -> None:
    """Fault 93."""
    said = await restored(kept, empty_database_url)
    assert await content(empty_database_url) == await content(kept.url)
    assert "The last line of every account is the one that the backup names." in said
    assert any(line.startswith("All ") and "invariants hold" in line for line in said)
    assert one(empty_database_url, "SELECT nextval('invoice_numbers')") == 2
    for statement in ("UPDATE entries SET amount = amount", "DELETE FROM accounts"):
        with psycopg.connect(empty_database_url) as conn, pytest.raises(psycopg.errors.RestrictViolation):
            conn.execute(statement.encode())


async def test_manifest_says_whose_database_it_was(kept: Kept) -> None:
    manifest = kept.manifest
    assert (manifest.mode, manifest.stripe_account, manifest.is_demo) == ("test", "acct_1", False)
    assert manifest.schema == one(kept.url, "SELECT version_num FROM alembic_version")
    assert backups.read(backups.text(manifest)) == manifest
    names = [table.name for table in manifest.tables]
    assert names.index("users") < names.index("accounts") < names.index("transfers") < names.index("entries")
    assert not {name for name in names if name.startswith("procrastinate")}


async def test_backup_is_readable_by_its_owner_alone_and_replaces_nothing(kept: Kept) -> None:
    assert kept.path.stat().st_mode & 0o777 == 0o600
    assert list(kept.path.parent.iterdir()) == [kept.path]
    with pytest.raises(errors.Unavailable, match="replaces nothing"):
        await taking.take(kept.url, kept.path, say=lambda _: None)


async def test_what_was_unsent_is_not_sent_after_a_restore(kept: Kept, empty_database_url: str) -> None:
    """Fault 94: it may have been sent since. A code that waited is wiped."""
    said = await restored(kept, empty_database_url)
    assert any("mails were unsent" in line for line in said)
    assert one(empty_database_url, "SELECT count(*) FROM outbox WHERE sent_at IS NULL AND given_up_at IS NULL") == 0
    assert one(empty_database_url, "SELECT details::text FROM outbox WHERE cause = 'a code'") == "{}"
    async with people.Pool(empty_database_url, min_size=1, max_size=1, open=False) as pool, pool.connection() as conn:
        assert (await outbox.backlog(conn)).last_error == restoring.UNSENT


async def test_restored_database_starts_only_when_it_is_adopted(
    kept: Kept, empty_database_url: str, stripe_box: StripeBox
) -> None:
    """Fault 94."""
    await restored(kept, empty_database_url)
    one(empty_database_url, "UPDATE deployment SET stripe_account = NULL RETURNING 1")
    settings = sound(empty_database_url, stripe_box)
    assert "which nobody has confirmed by `topup adopt`" in await refusal(settings)
    environment = environment_of(empty_database_url)
    refused = topup(environment, "adopt")
    assert refused.returncode == 1
    assert "confirm it: `topup adopt --nothing-else-runs`" in refused.stderr
    assert "nobody has confirmed" in await refusal(settings)
    findings = {finding.check: finding.state for finding in await inside.examine(settings)}
    assert findings["copy"] is State.FAILED
    assert topup(environment, "adopt", "--nothing-else-runs").stdout.startswith("Confirmed")
    async with start.opened(settings):
        pass
    assert topup(environment, "adopt").stdout.startswith("There is nothing to confirm")


async def test_copy_made_by_other_means_is_noticed_too(
    database_url: str, maintenance: psycopg.Connection, stripe_box: StripeBox
) -> None:
    """Fault 94: a dump, or a copy beside the original, is another database, whatever its rows say."""
    async with start.opened(sound(database_url, stripe_box)):
        pass
    original = urlsplit(database_url).path[1:]
    copy = f"{original}_copy"
    copied = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(copy), sql.Identifier(original))
    maintenance.execute(copied)
    try:
        url = urlsplit(database_url)._replace(path=f"/{copy}").geturl()
        assert "is a copy, or has moved" in await refusal(sound(url, stripe_box))
        assert one(url, "SELECT count(*) FROM outbox") == 0
    finally:
        maintenance.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(copy)))
    async with start.opened(sound(database_url, stripe_box)):
        pass


async def test_database_that_is_not_empty_is_left_alone_unless_it_shall_be_erased(
    kept: Kept, database_url: str
) -> None:
    one(database_url, "INSERT INTO session_prices VALUES (1, 100, 'gbp') RETURNING 1")
    with pytest.raises(errors.Unavailable, match="not empty, and nothing was changed"):
        await restored(kept, database_url)
    assert one(database_url, "SELECT unit_price_minor FROM session_prices") == 100
    await restored(kept, database_url, may_erase=True)
    assert await content(database_url) == await content(kept.url)


async def test_database_that_others_work_in_is_left_alone(kept: Kept, empty_database_url: str) -> None:
    with (
        psycopg.connect(empty_database_url, autocommit=True),
        pytest.raises(errors.Unavailable, match="1 others are connected"),
    ):
        await restored(kept, empty_database_url)
    assert one(empty_database_url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0


@pytest.fixture
def copy(kept: Kept, tmp_path: Path) -> Path:
    """The backup, to be damaged."""
    return Path(shutil.copy(kept.path, tmp_path / "copy.zip"))


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as file:
        place = file.getinfo("tables/entries.copy")
    content[place.header_offset + 30 + len(place.filename) + 40] ^= 0xFF
    path.write_bytes(content)


def change_a_row(path: Path) -> None:
    """With a checksum of ZIP's that is right: only ours tells."""
    rewrite(path, "tables/entries.copy", lambda content: content[:-1])


def change_the_manifest(path: Path) -> None:
    rewrite(path, backups.NAME, lambda content: content.replace(backups.FORMAT.encode(), b"Topup backup 9"))


def make_it_newer(path: Path) -> None:
    rewrite(path, backups.NAME, lambda content: content.replace(b'"schema": "0', b'"schema": "9'))


def make_it_something_else(path: Path) -> None:
    path.write_text("A letter to my aunt.")


def rewrite(path: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    with zipfile.ZipFile(path) as file:
        members = {one: file.read(one) for one in file.namelist()}
    members[name] = change(members[name])
    with zipfile.ZipFile(path, "w") as file:
        for one_name, content in members.items():
            file.writestr(one_name, content)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (cut_short, "a damaged one"),
        (flip_a_byte, "a damaged one"),
        (change_a_row, r"damaged: tables/entries\.copy"),
        (change_the_manifest, "a format that this program does not know"),
        (make_it_newer, "newer than this program"),
        (make_it_something_else, "not a backup"),
        (Path.unlink, "There is no file"),
    ],
)
async def test_damaged_backup_is_refused_before_anything_is_touched(
    kept: Kept, copy: Path, empty_database_url: str, damage: Callable[[Path], None], said: str
) -> None:
    damage(copy)
    with pytest.raises(errors.TopupError, match=said):
        await restored(kept, empty_database_url, path=copy)
    assert one(empty_database_url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0


async def test_restore_that_dies_half_way_leaves_nothing_that_starts(
    kept: Kept, empty_database_url: str, stripe_box: StripeBox, copy: Path
) -> None:
    """A table that does not fit stands for the power cut: what was loaded before it is gone, and the mark stands."""
    last = kept.manifest.tables[-1]
    rewrite(copy, backups.NAME, lambda content: content.replace(last.columns[0].encode(), b"no_such_column"))
    with pytest.raises(errors.Unavailable, match="no_such_column"):
        await restored(kept, empty_database_url, path=copy)
    assert one(empty_database_url, "SELECT count(*) FROM entries") == 0
    assert "a restore of this database did not end" in await refusal(sound(empty_database_url, stripe_box))
    assert "did not end" in topup(environment_of(empty_database_url), "adopt", "--nothing-else-runs").stderr
    await restored(kept, empty_database_url, may_erase=True)


async def test_owner_who_is_no_superuser_may_back_up_and_restore(
    kept: Kept, maintenance: psycopg.Connection, server_url: str, tmp_path: Path
) -> None:
    """As on a managed PostgreSQL: no role but the owner's."""
    maintenance.execute("CREATE ROLE topup_plain LOGIN PASSWORD 'plain'")
    maintenance.execute("CREATE DATABASE topup_plain OWNER topup_plain TEMPLATE template0")
    parts = urlsplit(server_url)
    plain = parts._replace(netloc=f"topup_plain:plain@{parts.hostname}:{parts.port}", path="/topup_plain").geturl()
    try:
        await restored(kept, plain)
        taken = await taking.take(plain, tmp_path, say=lambda _: None)
        await restored(kept, plain, path=taken.path, may_erase=True)
        assert await content(plain) == await content(kept.url)
    finally:
        maintenance.execute("DROP DATABASE topup_plain WITH (FORCE)")
        maintenance.execute("DROP ROLE topup_plain")


def environment_of(url: str) -> dict[str, str]:
    return {**os.environ, "DATABASE_URL": url}


def topup(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", "from topup.cli import main; main()", *arguments]
    return subprocess.run(program, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_commands_say_what_they_do_and_no_secret(kept: Kept, empty_database_url: str, tmp_path: Path) -> None:
    made = topup(environment_of(kept.url), "backup", str(tmp_path / "today.zip"))
    assert made.returncode == 0, made.stderr
    assert made.stdout.splitlines()[-1].startswith("Backup of ")
    refused = topup(environment_of(kept.url), "restore", str(tmp_path / "today.zip"))
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    done = topup(environment_of(empty_database_url), "restore", str(tmp_path / "today.zip"))
    assert done.returncode == 0, done.stderr
    password = urlsplit(kept.url).password
    assert password is not None
    for one_run in (made, refused, done):
        assert password not in one_run.stdout + one_run.stderr
        assert "314159" not in one_run.stdout + one_run.stderr


def test_a_target_that_ends_in_a_slash_is_a_folder_and_is_made(tmp_path: Path) -> None:
    target = archive.asked(f"{tmp_path}/of/topup/")
    assert target.is_dir()
    assert archive.named(target, datetime(2026, 11, 29, 2, tzinfo=UTC)) == target / "topup-2026-11-29T020000Z.zip"
    assert archive.asked(f"{tmp_path}/of/topup/") == target


def test_a_target_without_a_slash_is_a_file_and_nothing_is_made(tmp_path: Path) -> None:
    target = archive.asked(f"{tmp_path}/today.zip")
    assert archive.named(target, datetime(2026, 11, 29, 2, tzinfo=UTC)) == target
    assert not target.exists()


def test_a_folder_that_cannot_be_made_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.Unavailable, match="cannot be made"):
        archive.asked(f"{tmp_path}/file/folder/")
