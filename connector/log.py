"""Log lines for people (text) or machines (json), with secrets taken out of every one of them.

All lines, our own and those of libraries, go through one handler on standard error. This module must not read settings by itself.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Any, Literal

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

HIDDEN = "[hidden]"

# Libraries that write requests, bodies or a line per call at their lower levels.
_QUIET = ("atlassian", "notion_client", "urllib3", "httpx", "httpcore", "requests", "rq.worker", "rq.job", "alembic")

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:token|secret|password|passwd|authorization|cookie|credential|credentials|secret_key|api_key|private_key)$", re.IGNORECASE
)

# Each pattern keeps its first group (what kind of secret it was) and loses the rest.
_SECRET_VALUES = (
    re.compile(r"\b(secret_|ntn_|ATATT|ATCTT|xox[a-z]-)[A-Za-z0-9_=+/.\-]{6,}"),
    re.compile(r"\b(okr_)(?=[a-z_\-]*[A-Z0-9])[A-Za-z0-9_=+/.\-]{6,}"),  # our tokens; names that begin so are small letters alone
    re.compile(r"\b((?:Bearer|Basic|JWT)\s+)[A-Za-z0-9._~+/=\-]{6,}", re.IGNORECASE),
    re.compile(r"(/sign-in(?:/|%2F)once(?:/|%2F))[^\s\"'?#&,;<>]+", re.IGNORECASE),  # signs in whoever reads it
    re.compile(r"(/embed(?:/|%2F))[^\s\"'?#&,;<>]+", re.IGNORECASE),  # lets whoever has it read our live page
    re.compile(r"(://[^/\s:@]*:)[^/\s@]+(?=@)"),  # the password inside a URL
    re.compile(
        r"\b((?:access_token|refresh_token|client_secret|api_token|verification_token|password)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;}]{4,}"
    ),
)


# What moves a terminal's cursor, ends a line, or turns the order of signs round: a text from outside must not forge a line with it.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_MANY_LINES = ("exception", "stack")


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Structlog processor: hides values under secret names, and whatever looks like a credential inside any text."""
    return {name: _cleaned(name, value) for name, value in event.items()}


def redact_text(text: str) -> str:
    """``text`` with everything that looks like a credential replaced."""
    for pattern in _SECRET_VALUES:
        text = pattern.sub(lambda found: f"{found.group(1)}{HIDDEN}", text)
    return text


def visible_text(text: str, *, keep: str = "") -> str:
    """``text`` with control signs written out, such as ``\\x1b``, which a terminal shows and does not obey; but those in ``keep``."""
    return _CONTROL.sub(lambda found: found[0] if found[0] in keep else found[0].encode("unicode_escape").decode(), text)


def _on_one_line(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Structlog processor for lines that people read: one event is one line; only tracebacks have more."""
    return {
        name: visible_text(value, keep="\n\t" if name in _MANY_LINES else "") if isinstance(value, str) else value
        for name, value in event.items()
    }


def _cleaned(name: str, value: Any) -> Any:
    if value is not None and value != "" and _SECRET_NAME.search(name.replace("-", "_")):
        return HIDDEN
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes):
        return redact_text(value.decode("utf-8", "replace"))
    if isinstance(value, dict):
        return {key: _cleaned(str(key), inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_cleaned("", inner) for inner in value]
    if isinstance(value, BaseException):
        return redact_text(f"{type(value).__name__}: {value}")
    return value


def configure(log_format: Literal["text", "json"] = "text", level: str = "info") -> None:
    """Send every log line of this process through one handler on standard error. Calling it again replaces the former set-up."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    rendering: list[Processor]
    if log_format == "json":
        rendering = [structlog.processors.JSONRenderer()]
    else:
        # The exception is text by now (so that secrets are out of it); the plain formatter prints it as it is.
        colours = sys.stderr.isatty()
        printer = structlog.dev.ConsoleRenderer(colors=colours, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback)
        rendering = [_on_one_line, printer]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact, *rendering],
        )
    )
    root = logging.getLogger()
    for former in root.handlers[:]:
        if isinstance(former.formatter, structlog.stdlib.ProcessorFormatter):
            root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
