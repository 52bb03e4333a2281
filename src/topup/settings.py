"""Everything that can be set from outside, read once at start-up.

Environment variables are those of the HTTP contract; every secret may come from a file named by `<NAME>_FILE`.
Defaults never make an unsafe deployment: `missing_for_production` names what `serve`, `worker` and `reconcile` refuse
to start without.
Only `topup demo` and the tests build `Settings` with `is_demo=True`; no environment variable can.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

SECRET_LENGTH_MIN = 32
# Sixteen random bytes in hex have fewer different characters once in millions; `changeme` four times has seven.
SECRET_CHARACTERS_MIN = 8
_WEBHOOK_MARK = "whsec_"
PORT_MAX = 65535
_SECRET_NAMES = (
    "DATABASE_URL",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "JWT_SECRET",
    "SMTP_PASS",
)


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


class Settings(BaseSettings):
    """One deployment's settings. Field comments say units; secrets are `SecretStr` so that no log shows them."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    database_url: SecretStr = SecretStr("")
    stripe_secret_key: SecretStr = SecretStr("")
    stripe_publishable_key: str = Field(
        default="", validation_alias=AliasChoices("STRIPE_PUBLISHABLE_KEY", "VITE_STRIPE_PUBLISHABLE_KEY")
    )
    stripe_webhook_secrets: Annotated[list[SecretStr], NoDecode, BeforeValidator(_split)] = Field(
        default_factory=list, validation_alias=AliasChoices("STRIPE_WEBHOOK_SECRET")
    )
    jwt_secret: SecretStr = SecretStr("")
    frontend_url: str = ""
    app_name: str = "Topup"

    smtp_host: str = ""
    smtp_port: int = Field(default=587, ge=1, le=PORT_MAX)
    smtp_user: str = ""
    smtp_pass: SecretStr = SecretStr("")
    # "off" is for a mail catcher on a private network; a password is never sent that way.
    smtp_tls: Literal["auto", "off"] = Field(default="auto", validation_alias=AliasChoices("TOPUP_SMTP_TLS"))
    mail_from: str = Field(default="", validation_alias=AliasChoices("TOPUP_MAIL_FROM"))

    google_client_id: str = ""
    google_issuer: str = Field(
        default="https://accounts.google.com", validation_alias=AliasChoices("TOPUP_GOOGLE_ISSUER")
    )

    host: str = Field(default="127.0.0.1", validation_alias=AliasChoices("TOPUP_HOST"))
    port: int = Field(default=8000, ge=0, le=PORT_MAX, validation_alias=AliasChoices("TOPUP_PORT"))
    metrics_port: int = Field(default=0, ge=0, le=PORT_MAX, validation_alias=AliasChoices("TOPUP_METRICS_PORT"))
    worker_metrics_port: int = Field(
        default=0, ge=0, le=PORT_MAX, validation_alias=AliasChoices("TOPUP_WORKER_METRICS_PORT")
    )
    stripe_api_base: str = Field(default="", validation_alias=AliasChoices("TOPUP_STRIPE_API_BASE"))
    pool_size: int = Field(default=10, ge=1, validation_alias=AliasChoices("TOPUP_POOL_SIZE"))
    key_requests_per_second: int = Field(
        default=5000, ge=1, validation_alias=AliasChoices("TOPUP_KEY_REQUESTS_PER_SECOND")
    )
    # What Stripe said in an event; its id and outcome are kept for ever.
    events_kept_days: int = Field(default=90, ge=1, validation_alias=AliasChoices("TOPUP_EVENTS_KEPT_DAYS"))
    trusted_proxies: str = Field(default="", validation_alias=AliasChoices("TOPUP_TRUSTED_PROXIES"))
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = Field(
        default="info", validation_alias=AliasChoices("TOPUP_LOG_LEVEL")
    )

    is_demo: bool = Field(default=False, validation_alias=AliasChoices("topup demo sets this, no variable can"))

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the process environment, with `<NAME>_FILE` standing in for an absent `<NAME>`."""
        environ = os.environ if environ is None else environ
        from_files = {
            name: Path(environ[f"{name}_FILE"]).read_text(encoding="utf-8").strip()
            for name in _SECRET_NAMES
            if environ.get(f"{name}_FILE") and not environ.get(name)
        }
        named: dict[str, Any] = {name.lower() if name in _PLAIN else name: value for name, value in from_files.items()}
        return cls(**named)

    @property
    def is_live(self) -> bool:
        """Whether the Stripe key moves real money."""
        return self.stripe_secret_key.get_secret_value().startswith(("sk_live_", "rk_live_"))

    @property
    def is_secure(self) -> bool:
        """Whether people reach us by https, so that cookies can be `__Host-` and Secure."""
        return urlsplit(self.frontend_url).scheme == "https"

    def missing_for_production(self) -> list[str]:
        """Name all that is wrong for a real deployment; empty when it may start."""
        wanted = {
            "DATABASE_URL": self.database_url.get_secret_value(),
            "STRIPE_SECRET_KEY": self.stripe_secret_key.get_secret_value(),
            "STRIPE_PUBLISHABLE_KEY": self.stripe_publishable_key,
            "STRIPE_WEBHOOK_SECRET": ",".join(s.get_secret_value() for s in self.stripe_webhook_secrets),
            "JWT_SECRET": self.jwt_secret.get_secret_value(),
            "FRONTEND_URL": self.frontend_url,
        }
        faults = [f"{name} is not set" for name, value in wanted.items() if not value]
        if wanted["JWT_SECRET"] and len(wanted["JWT_SECRET"]) < SECRET_LENGTH_MIN:
            faults.append(f"JWT_SECRET is shorter than {SECRET_LENGTH_MIN} characters")
        elif wanted["JWT_SECRET"] and len(set(wanted["JWT_SECRET"])) < SECRET_CHARACTERS_MIN:
            faults.append("JWT_SECRET is a few characters repeated: take a random one (`openssl rand -hex 32`)")
        if self.frontend_url and not _is_web_address(self.frontend_url):
            faults.append("FRONTEND_URL is no web address such as https://topup.example.com")
        if not all(_is_webhook_secret(s.get_secret_value()) for s in self.stripe_webhook_secrets):
            faults.append("STRIPE_WEBHOOK_SECRET does not start with whsec_, or ends there")
        if self.smtp_tls == "off" and self.smtp_user:
            faults.append("TOPUP_SMTP_TLS is off, so SMTP_USER and SMTP_PASS would travel in the clear")
        return faults


def _is_webhook_secret(text: str) -> bool:
    return text.startswith(_WEBHOOK_MARK) and text != _WEBHOOK_MARK


def _is_web_address(text: str) -> bool:
    try:
        address = urlsplit(text)
    except ValueError:
        return False
    return address.scheme in ("http", "https") and bool(address.hostname)


_PLAIN = frozenset({"DATABASE_URL", "STRIPE_SECRET_KEY", "JWT_SECRET", "SMTP_PASS"})
