"""Text of JQL: quoting, joining, removing ORDER BY, chunking. Pure; it runs no query and knows no client."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

CHUNK = 50  # issues per list in a JQL or in reconcileIssues (the latter is Jira's limit)

ISSUE_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*-[1-9]\d*\Z")
_PROJECT = re.compile(r"""\bproject\s*(?:=|\bin\b)\s*(\([^()]*\)|"[^"]*"|'[^']*'|[\w-]+)""", re.IGNORECASE)
_PROJECT_KEY = re.compile(r"[A-Z][A-Z0-9_]+")
_QUOTED = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'""")
_LOOSE = re.compile(r"\b(?:or|not)\b|!|\|", re.IGNORECASE)
_ORDER_BY = re.compile(r"order\s+by\b", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z0-9_.\-]")
# Words in any script, whose vowel signs are no letters to a regular expression: so what splits them is named instead
_WORDS = re.compile(r"""[^\s"'\\+\-&|!(){}\[\]^~*?:/_.,;<>=@#%$`\x00-\x1f\x7f]+""")
MOST_WORDS = 8
LONGEST_WORD = 50


def is_issue_key(text: str) -> bool:
    """True for text shaped like an issue key, such as ``ACME-12``."""
    return bool(ISSUE_KEY.match(text))


def strip_order_by(jql: str) -> str:
    """``jql`` without its ORDER BY. Words inside quotes are left alone, whichever quote and escape they use."""
    quote = ""
    position = 0
    while position < len(jql):
        sign = jql[position]
        if quote:
            if sign == "\\":
                position += 1  # the escaped sign cannot end the quote
            elif sign == quote:
                quote = ""
        elif sign in "\"'":
            quote = sign
        elif sign in "oO" and not (position and _WORD.match(jql[position - 1])) and _ORDER_BY.match(jql, position):
            return jql[:position].strip()
        position += 1
    return jql.strip()


def quoted(value: str) -> str:
    """``value`` as a JQL string."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def issue_list(names: Iterable[str]) -> str:
    """Issue keys and numeric ids as the inside of ``in (...)``. Anything else is quoted, so that it cannot change the query."""
    return ", ".join(name if is_issue_key(name) or (name.isascii() and name.isdigit()) else quoted(name) for name in names)


def both(jql: str, restriction: str) -> str:
    """``jql`` (without its order) narrowed by ``restriction``; either may be empty."""
    bare = strip_order_by(jql)
    if not bare or not restriction:
        return bare or restriction
    return f"({bare}) AND {restriction}"


def updated_since(since: datetime, now: datetime) -> str:
    """A restriction to what changed since ``since``.

    Relative minutes on purpose: a date written into JQL is read in the time zone of the account that asks.
    """
    minutes = max(1, math.ceil((now - since).total_seconds() / 60) + 1)
    return f"updated >= -{minutes}m"


def chunks(values: Sequence[str], size: int = CHUNK) -> Iterator[list[str]]:
    """``values`` in lists of at most ``size``."""
    for start in range(0, len(values), size):
        yield list(values[start : start + size])


def named_projects(jql: str) -> tuple[str, ...]:
    """The keys of the projects to which a query is plainly limited, () where it is not or names them in another way."""
    bare = strip_order_by(jql)
    found = _PROJECT.findall(bare)
    if len(found) != 1 or _LOOSE.search(_QUOTED.sub("", bare)):
        return ()
    names = [name.strip().strip("\"'").strip() for name in found[0].strip("()").split(",")]
    return tuple(dict.fromkeys(names)) if all(_PROJECT_KEY.fullmatch(name) for name in names) else ()


def summary_contains(text: str) -> str:
    """A restriction to issues whose summary has words that begin like those of ``text``; "" when it holds no word.

    Every sign that the text search gives a meaning is left out instead of escaped: it has two layers of escapes.
    """
    words = list(dict.fromkeys(_WORDS.findall(text.casefold())))[:MOST_WORDS]
    return " AND ".join(f'summary ~ "{word[:LONGEST_WORD]}*"' for word in words)
