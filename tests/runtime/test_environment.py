"""A setting that cannot be read is named in one sentence, without what it holds."""

from pathlib import Path

import pytest

from topup import errors
from topup.runtime import environment


def test_a_setting_that_is_no_number_is_named_and_its_content_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_PORT", "sk_test_pasted_in_the_wrong_place")
    with pytest.raises(errors.Unavailable, match="SMTP_PORT") as caught:
        environment.read()
    assert "sk_test" not in caught.value.detail


def test_a_file_of_a_secret_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JWT_SECRET", raising=False)
    monkeypatch.setenv("JWT_SECRET_FILE", str(tmp_path / "jwt"))
    with pytest.raises(errors.Unavailable, match="jwt, which a setting names"):
        environment.read()


def test_a_secret_in_a_file_is_read_without_its_line_break(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JWT_SECRET", raising=False)
    (tmp_path / "jwt").write_text("whispered\n", encoding="utf-8")
    monkeypatch.setenv("JWT_SECRET_FILE", str(tmp_path / "jwt"))
    assert environment.read().jwt_secret.get_secret_value() == "whispered"
