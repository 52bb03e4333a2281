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


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("TOPUP_PORT", "99999", "TOPUP_PORT must be less than or equal to 65535"),
        ("TOPUP_METRICS_PORT", "many", "TOPUP_METRICS_PORT must be an integer"),
        ("TOPUP_LOG_LEVEL", "loud", "TOPUP_LOG_LEVEL must be 'debug', 'info', 'warning' or 'error'"),
        ("TOPUP_POOL_SIZE", "0", "TOPUP_POOL_SIZE must be greater than or equal to 1"),
    ],
)
def test_a_setting_out_of_its_range_is_told_its_range(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(errors.Unavailable) as caught:
        environment.read()
    assert caught.value.detail == f"The environment cannot be read: {words}."


def test_a_log_level_may_be_written_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOPUP_LOG_LEVEL", "WARNING")
    assert environment.read().log_level == "warning"


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
