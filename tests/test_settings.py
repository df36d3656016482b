"""Each variable is read, each bad value is refused in one line that names its variable."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from connector.errors import InputError
from connector.settings import Settings, load_settings

GOOD = {
    "OKR_DATA_DIR": ("/srv/okr", "data_dir", Path("/srv/okr")),
    "OKR_DATABASE_URL": ("postgresql://db.example/okr", "database_url", "postgresql://db.example/okr"),
    "OKR_REDIS_URL": ("redis://cache.example:6379/2", "redis_url", "redis://cache.example:6379/2"),
    "OKR_SECRET_KEY": ("k" * 32, "secret_key", "k" * 32),
    "OKR_PUBLIC_URL": ("https://okr.acme.example/", "public_url", "https://okr.acme.example"),
    "OKR_TIMEZONE": ("Europe/Oslo", "timezone", "Europe/Oslo"),
    "OKR_LOG_FORMAT": ("json", "log_format", "json"),
    "OKR_LOG_LEVEL": ("debug", "log_level", "debug"),
    "OKR_ALLOW_PRIVATE_HOSTS": ("1", "allow_private_hosts", True),
    "OKR_WORKERS": ("5", "workers", 5),
    "OKR_WEB_WORKERS": ("3", "web_workers", 3),
    "OKR_TRUSTED_PROXIES": ("1", "trusted_proxies", 1),
    "OKR_HOST": ("0.0.0.0", "host", "0.0.0.0"),
    "OKR_NIGHTLY_AT": ("23:05", "nightly_at", "23:05"),
    "OKR_DELIVERY_DAYS": ("7", "delivery_days", 7),
    "PORT": ("9000", "port", 9000),
    "OKR_OIDC_ISSUER": ("https://id.acme.example/", "oidc_issuer", "https://id.acme.example/"),
    "OKR_OIDC_CLIENT_ID": ("okr", "oidc_client_id", "okr"),
    "OKR_OIDC_CLIENT_SECRET": ("hidden1", "oidc_client_secret", "hidden1"),
    "OKR_OIDC_NAME": ("Acme account", "oidc_name", "Acme account"),
    "OKR_ATLASSIAN_CLIENT_ID": ("okr", "atlassian_client_id", "okr"),
    "OKR_ATLASSIAN_CLIENT_SECRET": ("hidden2", "atlassian_client_secret", "hidden2"),
    "OKR_NOTION_CLIENT_ID": ("okr", "notion_client_id", "okr"),
    "OKR_NOTION_CLIENT_SECRET": ("hidden3", "notion_client_secret", "hidden3"),
    "OKR_MANY_KEY_RESULTS": ("7", "many_key_results", 7),
    "OKR_FORGE_APP_ID": (
        "0A1B2C3D-1111-4222-8333-444455556666",
        "forge_app_id",
        "ari:cloud:ecosystem::app/0a1b2c3d-1111-4222-8333-444455556666",
    ),
    "OKR_FORGE_SITES": ("https://acme.atlassian.net", "forge_sites", "https://acme.atlassian.net"),
    "OKR_FORGE_JWKS_URL": ("https://keys.acme.example/jwks.json", "forge_jwks_url", "https://keys.acme.example/jwks.json"),
    "OKR_ATLASSIAN_GOALS": ("1", "atlassian_goals", True),
    "OKR_CELEBRATE": ("hosts", "celebrate", "hosts"),
    "OKR_QUIET_HOURS": ("21:30-06:15", "quiet_hours", "21:30-06:15"),
    "OKR_SANDBOX": ("1", "sandbox", True),
}
# Neither of two stands alone.
TOGETHER = (
    ("OKR_OIDC_ISSUER", "OKR_OIDC_CLIENT_ID"),
    ("OKR_ATLASSIAN_CLIENT_ID", "OKR_ATLASSIAN_CLIENT_SECRET"),
    ("OKR_NOTION_CLIENT_ID", "OKR_NOTION_CLIENT_SECRET"),
)

BAD = {
    "OKR_DATABASE_URL": "mysql://db.example/okr",
    "OKR_REDIS_URL": "http://cache.example",
    "OKR_SECRET_KEY": "too short",
    "OKR_PUBLIC_URL": "okr.acme.example",
    "OKR_OIDC_ISSUER": "id.acme.example",
    "OKR_TIMEZONE": "Europe/Olso",
    "OKR_LOG_FORMAT": "xml",
    "OKR_LOG_LEVEL": "loud",
    "OKR_ALLOW_PRIVATE_HOSTS": "maybe",
    "OKR_WORKERS": "0",
    "OKR_WEB_WORKERS": "-1",
    "OKR_TRUSTED_PROXIES": "-1",
    "OKR_NIGHTLY_AT": "25:00",
    "OKR_DELIVERY_DAYS": "never",
    "PORT": "70000",
    "OKR_FORGE_APP_ID": "okr-connector",
    "OKR_FORGE_JWKS_URL": "keys.acme.example",
    "OKR_ATLASSIAN_GOALS": "maybe",
    "OKR_CELEBRATE": "always",
    "OKR_QUIET_HOURS": "at night",
    "OKR_SANDBOX": "perhaps",
}


def test_every_variable_is_covered_here() -> None:
    variables = {"PORT" if name == "port" else f"OKR_{name.upper()}" for name in Settings.model_fields}
    assert variables == set(GOOD)


@pytest.mark.parametrize("variable", GOOD)
def test_each_variable_is_read(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, name, value = GOOD[variable]
    for each in next((pair for pair in TOGETHER if variable in pair), (variable,)):
        monkeypatch.setenv(each, GOOD[each][0])
    assert getattr(load_settings(), name) == value


@pytest.mark.parametrize("variable", BAD)
def test_each_bad_value_is_refused_by_name_in_one_line(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, BAD[variable])
    with pytest.raises(InputError) as caught:
        load_settings()
    assert caught.value.where == variable
    assert len(str(caught.value).splitlines()) == 1
    assert (BAD[variable] in str(caught.value)) is (variable != "OKR_SECRET_KEY")


@pytest.mark.parametrize("pair", TOGETHER)
def test_what_belongs_together_is_set_together_and_a_secret_is_never_shown(pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for alone in pair:
        with monkeypatch.context() as patch:
            patch.setenv(alone, GOOD[alone][0])
            with pytest.raises(InputError) as caught:
                load_settings()
        assert caught.value.where == pair[1]
        assert pair[0] in str(caught.value)
        assert "hidden" not in str(caught.value)


def test_a_secret_key_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKR_SECRET_KEY", "shorty-secret")
    with pytest.raises(InputError) as caught:
        load_settings()
    assert "shorty" not in str(caught.value)


def test_a_password_inside_a_bad_url_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKR_DATABASE_URL", "mysql://okr:hunter22@db.example/okr")
    with pytest.raises(InputError) as caught:
        load_settings()
    assert "hunter22" not in str(caught.value)


def test_a_dotenv_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OKR_WORKERS=7\nOKR_TIMEZONE=Europe/Oslo\nPORT=9100\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(Settings.model_config, "env_file", ".env")
    monkeypatch.setenv("OKR_WORKERS", "4")
    settings = load_settings()
    assert (settings.workers, settings.timezone, settings.port) == (4, "Europe/Oslo", 9100)


def test_the_documented_example_of_a_dotenv_file_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = load_settings()
    monkeypatch.setitem(Settings.model_config, "env_file", str(Path(__file__).parent.parent / ".env.example"))
    assert load_settings() == defaults


def test_heroku_spelling_of_postgres_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKR_DATABASE_URL", "postgres://db.example/okr")
    assert load_settings().resolved_database_url == "postgresql://db.example/okr"


def test_the_secret_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path / "new")
    key = settings.resolved_secret_key()
    assert len(key) >= 32
    assert load_settings(data_dir=tmp_path / "new").resolved_secret_key() == key
    assert stat.S_IMODE((tmp_path / "new" / "secret.key").stat().st_mode) == 0o600


@pytest.mark.parametrize(("host", "url"), [("127.0.0.1", "http://127.0.0.1:8080"), ("0.0.0.0", "http://127.0.0.1:8080")])
def test_links_without_a_public_url_point_to_this_machine(host: str, url: str) -> None:
    assert load_settings(host=host).base_url == url


@pytest.mark.parametrize("key", [" " * 40, "a pass phrase of more than thirty-two signs", "k" * 40 + " old"])
def test_each_word_of_a_secret_key_is_a_key_and_must_be_long(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("OKR_SECRET_KEY", key)
    with pytest.raises(InputError, match="no spaces"):
        load_settings()


@pytest.mark.parametrize("content", ["", "\n", "short"])
def test_a_key_file_without_a_key_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "secret.key").write_text(content)
    with pytest.raises(InputError, match=r"secret\.key"):
        load_settings(data_dir=tmp_path).resolved_secret_key()
