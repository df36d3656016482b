"""Every environment variable with its meaning; the only module that reads the environment.

A bad value stops the start with one line that names it (``InputError``).
"""

from __future__ import annotations

import os
import re
import secrets
from functools import cached_property
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from connector.domain.quiet import QuietHours, parse_quiet_hours
from connector.errors import InputError

_BELONGS_TO = {
    "oidc_client_id": "oidc_issuer",
    "atlassian_client_secret": "atlassian_client_id",
    "notion_client_secret": "notion_client_id",
}


FORGE_APP = "ari:cloud:ecosystem::app/"  # how the ARI of every Forge app begins
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Settings(BaseSettings):
    """The settings of one installation. Each field is the environment variable ``OKR_<NAME>`` (``PORT`` has no prefix)."""

    model_config = SettingsConfigDict(env_prefix="OKR_", env_file=".env", extra="ignore", frozen=False, populate_by_name=True)

    data_dir: Path = Field(Path("./var"), description="Folder for the SQLite database, the embedded Redis, keys and logs.")
    database_url: str = Field("", description="SQLAlchemy URL; default is SQLite in the data folder. Postgres in production.")
    redis_url: str = Field("", description="redis://, rediss:// or unix:// URL; default is an embedded server in the data folder.")
    secret_key: str = Field("", description="At least 32 characters; made once in the data folder (mode 600) when unset.")
    public_url: str = Field("", description="The address under which people and hosts reach this connector, without a final slash.")
    timezone: str = Field("UTC", description="Time zone of cycles, cadence and printed times, e.g. Europe/Oslo.")
    log_format: Literal["text", "json"] = Field("text", description="Log lines for people (text) or for machines (json).")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    allow_private_hosts: bool = Field(False, description="1 lets a connection's URL be a loopback or private address or plain http.")
    workers: int = Field(2, ge=1, le=64, description="Worker processes that `worker` and `serve` start.")
    web_workers: int = Field(0, ge=0, le=64, description="Web processes; 0 means two, or one in the sandbox.")
    trusted_proxies: int = Field(
        0, ge=0, le=9, description="How many proxies stand before the web server; their X-Forwarded-For and -Proto are believed."
    )
    host: str = Field("127.0.0.1", description="Address the web server listens on.")
    nightly_at: str = Field("02:17", description="Local time of the nightly sync, HH:MM; choose one away from the full hour.")
    delivery_days: int = Field(30, ge=1, description="Days for which received deliveries are kept.")
    many_key_results: int = Field(5, ge=1, le=100, description="Above so many key results an objective gets a remark.")
    port: int = Field(8080, ge=0, le=65535, validation_alias="PORT", description="Port of the web server (variable PORT).")
    oidc_issuer: str = Field("", description="Address of an OpenID Connect provider that people sign in with.")
    oidc_client_id: str = Field("", validate_default=True, description="The connector's client id at that provider.")
    oidc_client_secret: str = Field("", description="Its secret; empty for a public client, which PKCE protects alone.")
    oidc_name: str = Field("OpenID Connect", description="What the sign-in page calls that provider.")
    atlassian_client_id: str = Field(
        "", description="Client id of an OAuth 2.0 (3LO) app at Atlassian: for signing in, and for connecting Jira sites."
    )
    atlassian_client_secret: str = Field("", validate_default=True, description="Its secret.")
    notion_client_id: str = Field("", description="Client id of a public Notion connection.")
    notion_client_secret: str = Field("", validate_default=True, description="Its secret.")
    forge_app_id: str = Field("", description="The id of your Forge app (a UUID, or its whole ARI); empty: Forge is off.")
    forge_sites: str = Field(
        "",
        description="Addresses or cloud ids of the Jira sites whose installations are accepted; empty: the first one, others ask an admin.",
    )
    forge_jwks_url: str = Field(
        "https://forge.cdn.prod.atlassian-dev.net/.well-known/jwks.json", description="Where the keys of Forge's calls are published."
    )
    atlassian_goals: bool = Field(False, description="1 lets key results be exported to goals of Atlassian (unconfirmed, one way).")
    celebrate: Literal["off", "pages", "hosts"] = Field(
        "pages", description="Where a quarter, half or whole of a way is told: nowhere, on our pages, or as a comment at the work too."
    )
    quiet_hours: str = Field(
        "20:00-07:00", description="When mails and mentions wait, in the zone of whom they are for; weekends are quiet; empty: never."
    )
    sandbox: bool = Field(False, description="1 serves the two stand-in hosts with a sample organisation; never with real credentials.")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{value!r} is not a time zone; use a name such as Europe/Oslo") from error
        return value

    @field_validator("forge_app_id")
    @classmethod
    def _whole_ari(cls, value: str) -> str:
        ident = value.strip().removeprefix(FORGE_APP)
        if ident and not _UUID.fullmatch(ident):
            raise ValueError("must be the id that `forge register` wrote: a UUID, or ari:cloud:ecosystem::app/ with the UUID")
        return f"{FORGE_APP}{ident.lower()}" if ident else ""

    @field_validator("forge_jwks_url")
    @classmethod
    def _keys_url(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")):
            raise ValueError("must begin with https://")
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer_url(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must begin with https://")
        return value

    @field_validator("oidc_client_id", "atlassian_client_secret", "notion_client_secret")
    @classmethod
    def _goes_with(cls, value: str, info: ValidationInfo) -> str:
        other = _BELONGS_TO[str(info.field_name)]
        if bool(value) != bool(info.data.get(other, value)):
            raise ValueError(f"must be set together with OKR_{other.upper()}, or both not at all")
        return value

    @field_validator("public_url")
    @classmethod
    def _plain_url(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value.startswith("postgres://"):
            value = "postgresql://" + value.removeprefix("postgres://")
        if value and not value.startswith(("sqlite:", "postgresql:", "postgresql+psycopg:")):
            raise ValueError("must begin with sqlite: or postgresql:")
        return value

    @field_validator("redis_url")
    @classmethod
    def _known_redis(cls, value: str) -> str:
        if value and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must begin with redis://, rediss:// or unix://")
        return value

    @field_validator("nightly_at")
    @classmethod
    def _clock_time(cls, value: str) -> str:
        hours, _, minutes = value.partition(":")
        if not (hours.isdigit() and minutes.isdigit() and int(hours) < 24 and int(minutes) < 60):
            raise ValueError("must be a time such as 02:17")
        return value

    @field_validator("quiet_hours")
    @classmethod
    def _two_times(cls, value: str) -> str:
        try:
            parse_quiet_hours(value)
        except InputError as error:
            raise ValueError(error.message) from error
        return value.strip()

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: str) -> str:
        # "new old" while a key is being changed: each of them counts.
        if value and not _strong(value):
            raise ValueError("must have at least 32 characters and no spaces (one space parts a new key from the old one)")
        return value

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone as an object."""
        return ZoneInfo(self.timezone)

    @cached_property
    def quiet(self) -> QuietHours | None:
        """The quiet hours as a value, None for none."""
        return parse_quiet_hours(self.quiet_hours)

    @property
    def resolved_database_url(self) -> str:
        """The database URL, with the default filled in."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'okr.db').absolute()}"

    @property
    def base_url(self) -> str:
        """Where links in panels point to: the public URL, else this machine."""
        return self.public_url or f"http://{'127.0.0.1' if self.host in ('0.0.0.0', '::') else self.host}:{self.port}"  # noqa: S104  # compares, binds nothing

    def note_address(self) -> None:
        """Leave the address that this server answers at in the data folder, for commands that print links."""
        (self.data_dir / "address").write_text(self.base_url)

    @property
    def noted_address(self) -> str:
        """The public URL, else the address that the last server on this data folder answered at, else our own guess."""
        note = self.data_dir / "address"
        return self.public_url or (note.read_text().strip() if note.exists() else "") or self.base_url

    def resolved_redis_url(self) -> str:
        """The Redis URL: the setting, else what the running embedded server left in the data folder, else ""."""
        if self.redis_url:
            return self.redis_url
        note = self.data_dir / "redis.url"
        return note.read_text().strip() if note.exists() else ""

    def resolved_secret_key(self) -> str:
        """The key that encrypts secrets and signs sessions; made once with mode 600 when none is set."""
        if self.secret_key:
            return self.secret_key
        path = self.data_dir / "secret.key"
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            draft = path.with_name(f"secret.key.{os.getpid()}")
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_urlsafe(48))
            try:
                os.link(draft, path)  # whole or not at all, and the first of several processes wins
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        key = path.read_text().strip()
        if not _strong(key):
            raise InputError(f"{path} does not hold a key of at least 32 characters; put back the right one", where="OKR_SECRET_KEY")
        return key


def _strong(keys: str) -> bool:
    return bool(keys.split()) and all(len(key) >= 32 for key in keys.split())


def load_settings(**overrides: object) -> Settings:
    """Settings from the environment and ``.env``; ``overrides`` win. Raises ``InputError`` naming the bad variable."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # pydantic checks the values
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "?"
        variable = name if name == "PORT" else f"OKR_{name.removeprefix('OKR_')}"
        message = str(first["msg"]).removeprefix("Value error, ")
        if not variable.endswith(("_SECRET", "_SECRET_KEY")):
            # A URL may hold a password, and what we print may end in a log.
            given = re.sub(r"(://[^/@]*:)[^/@]*@", r"\1…@", str(first.get("input")))
            message += f" (got {given!r})"
        raise InputError(message, where=variable) from None
