"""What a demo keeps between its starts, and for whom."""

import dataclasses
from pathlib import Path

import pytest

from topup import errors
from topup.core import api_keys
from topup.runtime import demo_folder


def test_secrets_are_kept_for_their_owner_alone(tmp_path: Path) -> None:
    made = demo_folder.made()
    with demo_folder.taken(tmp_path / "new" / "data"):
        demo_folder.keep(tmp_path / "new" / "data", made)
    assert demo_folder.kept(tmp_path / "new" / "data") == made
    assert (tmp_path / "new" / "data" / demo_folder.SECRETS).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new" / "data").stat().st_mode & 0o777 == 0o700


def test_secrets_are_made_anew_for_every_demo_and_shown_by_no_repr() -> None:
    one, other = dataclasses.asdict(demo_folder.made()), dataclasses.asdict(demo_folder.made())
    ports = {"port", "stripe_port"}
    assert all(one[name] != other[name] for name in one.keys() - ports)
    assert " " not in one["admin_password"]
    assert api_keys.read(one["api_key"]) is not None
    shown = repr(demo_folder.Kept(**one))
    assert not [name for name in one.keys() - ports - {"stripe_publishable_key"} if str(one[name]) in shown]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"port": 1}', "nonsense"])
def test_unreadable_secrets_are_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / demo_folder.SECRETS).write_text(content, encoding="utf-8")
    assert demo_folder.kept(tmp_path) is None
    assert demo_folder.last_port(tmp_path) == demo_folder.APP_PORT


def test_one_demo_at_a_time_has_a_folder(tmp_path: Path) -> None:
    with (
        demo_folder.taken(tmp_path),
        pytest.raises(errors.Unavailable, match="is running on"),
        demo_folder.taken(tmp_path),
    ):
        pass
    with demo_folder.taken(tmp_path):
        pass


def test_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(errors.Unavailable, match="cannot be used"), demo_folder.taken(tmp_path / "file" / "data"):
        pass
