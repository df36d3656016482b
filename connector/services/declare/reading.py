"""Reading the file's data key by key: each error is noted with its path and line, and reading goes on.

Only shapes and single values; what one part of the file means for another stands in ``schema`` and ``goals``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, datetime
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import urlsplit

from connector.errors import InputError
from connector.services.declare.document import Document, join
from connector.services.people.fields import looks_like_another
from mappings.reading import as_list, as_mapping, as_number, as_text, near

T = TypeVar("T")

LONGEST_TEXT = 500  # characters of a title or name
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2199, 12, 31)
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_CONNECTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+")


class Notes:
    """The errors found so far."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.errors: list[InputError] = []

    def add(self, message: str, where: str) -> None:
        """Note an error."""
        self.errors.append(self.document.placed(InputError(message, where=where)))

    def noting(self) -> _Noting:
        """Note an ``InputError`` of the block and go on behind it."""
        return _Noting(self)

    def fields(self, data: Any, where: str, known: Sequence[str]) -> Fields | None:
        """The keys of a mapping; unknown ones are noted. None when it is no mapping."""
        with self.noting():
            given = as_mapping(data, where)
            for key in given:
                if key not in known:
                    hint = near(key, known) or f"; known are {', '.join(known)}"
                    self.add(f"unknown key {key!r}{hint}", join(where, key))
            return Fields(self, given, where)
        return None

    def entries(self, data: Any, where: str) -> list[tuple[str, Any]]:
        """(path, value) of each entry of a list; empty for nothing or (noted) for what is no list."""
        with self.noting():
            return [(f"{where}[{index}]", value) for index, value in enumerate(as_list(data, where) if data is not None else ())]
        return []


class _Noting:
    """A context that swallows ``InputError`` after noting it (a class, so that type checkers know that it swallows)."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> bool:
        if not isinstance(error, InputError):
            return False
        self._notes.errors.append(self._notes.document.placed(error))
        return True


class Fields:
    """The keys of one mapping, taken one by one."""

    def __init__(self, notes: Notes, given: Any, where: str) -> None:
        self.notes, self.given, self.where = notes, given, where

    def take(self, key: str, read: Callable[[Any, str], T], *, missing: str | None = None) -> T | None:
        """The value of ``key`` read by ``read(value, path)``; None when absent, empty or (noted) wrong.

        ``missing`` makes the key required: it ends the sentence "… is missing".
        """
        value = self.given.get(key)
        if value is None:
            if missing is not None:
                self.notes.add(f"{key} is missing{missing}", join(self.where, key))
            return None
        with self.notes.noting():
            return read(value, join(self.where, key))
        return None

    def said(self, **readers: tuple[Callable[[Any, str], Any], Any]) -> dict[str, Any]:
        """Of the keys in ``readers`` (key → how it is read, what it means without a value) those that stand here."""
        found: dict[str, Any] = {}
        for key, (read, default) in readers.items():
            if key in self.given:
                value = self.take(key, read)
                found[key] = default if value is None else value
        return found

    def raw(self, key: str) -> tuple[Any, str]:
        """The value as it stands, and its path."""
        return self.given.get(key), join(self.where, key)


# --- single values -------------------------------------------------------------------------------------------------------------


def text(value: Any, where: str) -> str:
    """Text of a bearable length, on one line."""
    found = " ".join(as_text(value, where).split())
    if len(found) > LONGEST_TEXT:
        raise InputError(f"is longer than {LONGEST_TEXT} characters", where=where)
    return found


def maybe_empty(value: Any, where: str) -> str:
    """Text that may be empty."""
    return "" if isinstance(value, str) and not value.strip() else text(value, where)


def slug(value: Any, where: str) -> str:
    """An id: it becomes part of addresses."""
    found = as_text(value, where)
    if not _SLUG.fullmatch(found):
        raise InputError(
            f"{found[:80]!r} is not an id: use 1 to 64 small letters, digits, - and _, beginning with a letter or digit", where=where
        )
    return found


def connection_name(value: Any, where: str) -> str:
    """A connection's name: it becomes part of the address of its webhook."""
    found = as_text(value, where)
    if not _CONNECTION.fullmatch(found):
        raise InputError(
            f"{found[:80]!r} cannot name a connection: use 1 to 64 letters, digits, - _ and ., beginning with a letter or digit",
            where=where,
        )
    return found


def email(value: Any, where: str) -> str:
    """One e-mail address, in lower case."""
    found = as_text(value, where)
    if not _EMAIL.fullmatch(found) or len(found) > 254:
        raise InputError(f"{found[:80]!r} is not an e-mail address", where=where)
    if looks_like_another(found):
        raise InputError(f"{found[:80]!r} has letters that can be taken for others; write it in plain letters", where=where)
    return found.lower()


def secret(value: Any, where: str) -> str:
    """A secret as text. Its value gets into no message."""
    if not isinstance(value, str):
        raise InputError("must be text; put it into quotes", where=where)
    if not value.strip():
        raise InputError("must not be empty", where=where)
    return value.strip()


def flag(value: Any, where: str) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise InputError("must be true or false", where=where)
    return value


def day(value: Any, where: str) -> date:
    """A day, as YAML writes it or as ISO text; from ``FIRST_DAY`` to ``LAST_DAY``, so that weeks around it can be computed with."""
    found = value if isinstance(value, date) and not isinstance(value, datetime) else None
    if isinstance(value, str):
        with suppress(ValueError):
            found = date.fromisoformat(value.strip())
    if found is None:
        raise InputError("must be a day such as 2026-10-01", where=where)
    if not FIRST_DAY <= found <= LAST_DAY:
        raise InputError(f"must be a day from {FIRST_DAY.year} to {LAST_DAY.year}", where=where)
    return found


def whole(value: Any, where: str) -> int:
    """A whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError("must be a whole number", where=where)
    return value


def weight(value: Any, where: str) -> float:
    """A weight: 0 or above."""
    found = as_number(value, where)
    if found < 0:
        raise InputError("a weight is 0 or above", where=where)
    return found + 0.0  # no negative zero


def url(value: Any, where: str) -> str:
    """A base URL without its final slash. Whether the address may be called is decided where it is called."""
    found = as_text(value, where).rstrip("/")
    try:
        parts = urlsplit(found)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        raise InputError("is not a URL; write it as https://acme.atlassian.net", where=where) from None
    if not usable or any(sign.isspace() for sign in found):
        raise InputError("is not a URL; write it as https://acme.atlassian.net", where=where)
    if parts.username is not None or parts.password is not None:
        raise InputError("must hold no user or password; credentials belong under auth", where=where)
    if parts.query or parts.fragment:
        raise InputError("must be the base URL alone, without ? and #", where=where)
    return found
