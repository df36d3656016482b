"""No secret reaches a log line, in either form, from our own lines or from a library's."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from connector import log

SECRETS = {
    "notion": "secret_AbCdEf0123456789AbCdEf0123456789",
    "notion_new": "ntn_4567890123AbCdEfGhIj",
    "bearer": "Bearer abc.DEF-123_456",
    "atlassian": "ATATT3xFfGF0abcdef-123=AB12CD34",
    "url": "postgresql://okr:hunter22@db.example/okr",
    "form": "grant_type=x&client_secret=verysecretvalue&y=1",
    "link": "GET https://okr.example/sign-in/once/q7-PlantedKey_0123?next=/",
    "live_page": "GET /embed/eyJwIjoxfQ.r9-PlantedKey_0123 failed",
    "coded_link": "GET /sign-in%2Fonce%2Fq8-PlantedKey_0123",
}
CORES = [
    "AbCdEf0123456789AbCdEf",
    "4567890123AbCdEfGhIj",
    "abc.DEF-123_456",
    "3xFfGF0abcdef",
    "hunter22",
    "verysecretvalue",
    "PlantedKey_0123",
]


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def test_names_that_begin_like_a_token_are_told() -> None:
    names = "okr_check_in_filed okr_database_adopted okr_connector okr_databases_connection_id_kind"
    assert log.redact_text(names) == names
    assert log.redact_text(f"sent okr_{'q7-Planted_' * 4}Key") == f"sent okr_{log.HIDDEN}"


@pytest.mark.parametrize("form", ["text", "json"])
def test_secrets_in_values_and_messages_are_hidden(form: str, capfd: pytest.CaptureFixture[str]) -> None:
    log.configure(form, "debug")  # type: ignore[arg-type]
    structlog.get_logger("here").info("said", **SECRETS)
    structlog.get_logger("here").info("nested", outer={"inner": list(SECRETS.values())}, raw=SECRETS["bearer"].encode())
    for value in SECRETS.values():
        structlog.get_logger("here").warning(f"message with {value} inside")
        logging.getLogger("some.package").warning("called with %s", value)
    try:
        raise ValueError(f"bad header {SECRETS['bearer']}")
    except ValueError:
        structlog.get_logger("here").exception("failed")
        logging.getLogger("some.package").exception("failed as well")
    written = capfd.readouterr().err
    assert len(written.splitlines()) >= 16
    assert "ValueError" in written
    for core in CORES:
        assert core not in written


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "api_token",
        "client_secret",
        "secret",
        "webhook_secret",
        "authorization",
        "Authorization",
        "cookie",
        "Set-Cookie",
        "password",
        "verification_token",
        "secret_key",
    ],
)
def test_values_under_secret_names_are_hidden_whatever_they_look_like(name: str) -> None:
    assert log.redact(None, "", {name: "plain words"}) == {name: log.HIDDEN}
    assert log.redact(None, "", {"headers": {name: "plain words"}}) == {"headers": {name: log.HIDDEN}}


@pytest.mark.parametrize("name", ["tokens_left", "secretary", "event", "token_expires_at", "connection"])
def test_other_names_stay_readable(name: str) -> None:
    assert log.redact(None, "", {name: "plain words"}) == {name: "plain words"}


def test_unset_secrets_show_that_they_are_unset() -> None:
    assert log.redact(None, "", {"token": "", "secret": None}) == {"token": "", "secret": None}


def test_json_lines_are_json_with_level_time_and_logger(capfd: pytest.CaptureFixture[str]) -> None:
    log.configure("json", "info")
    structlog.get_logger("connector.here").info("counted", items=3)
    logging.getLogger("some.package").error("broke %s", "down", extra={"connection": "acme"})
    ours, theirs = (json.loads(line) for line in capfd.readouterr().err.splitlines())
    assert (ours["event"], ours["items"], ours["level"], ours["logger"]) == ("counted", 3, "info", "connector.here")
    assert ours["timestamp"].endswith("Z")
    assert (theirs["event"], theirs["level"], theirs["connection"]) == ("broke down", "error", "acme")


def test_levels(capfd: pytest.CaptureFixture[str]) -> None:
    log.configure("text", "warning")
    structlog.get_logger("here").info("quiet")
    structlog.get_logger("here").warning("loud")
    written = capfd.readouterr().err
    assert "loud" in written
    assert "quiet" not in written


@pytest.mark.parametrize("name", ["atlassian", "notion_client", "urllib3", "httpx"])
def test_libraries_that_log_requests_stay_quiet_at_debug(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    log.configure("text", "debug")
    logging.getLogger(f"{name}.inner").info("body of a request")
    assert capfd.readouterr().err == ""


def test_configuring_twice_does_not_write_twice(capfd: pytest.CaptureFixture[str]) -> None:
    log.configure("text", "info")
    log.configure("text", "info")
    structlog.get_logger("here").info("once")
    assert capfd.readouterr().err.count("once") == 1


def test_a_text_from_outside_cannot_forge_a_line_or_steer_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    log.configure("text", "info")
    structlog.get_logger("here").warning("said", connection="a\x1b[2Jb", other="x\r\n2026-01-01 [info] forged", mark="\u202egnp")
    logging.getLogger("some.package").error("Exception on %s", "/x\n2026-01-01 [info] forged \x9b2J")
    written = capfd.readouterr().err
    assert len(written.splitlines()) == 2
    assert not any(sign in written for sign in "\x1b\x9b\r\u202e")
    assert "a\\x1b[2Jb" in written


def test_a_traceback_keeps_its_lines_but_obeys_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    log.configure("text", "info")
    try:
        raise ValueError("\x1b[2J gone")
    except ValueError:
        structlog.get_logger("here").exception("failed")
    written = capfd.readouterr().err
    assert len(written.splitlines()) > 3
    assert "\x1b" not in written
