"""Text from people on its way into a host's page: one line, no signs that cannot be seen or that turn what stands behind them. Pure.

It must not judge words: what is typed stays, only what would break the line around it goes. Markup is no matter here, because hosts are
sent plain text that they do not read as markup.
"""

from __future__ import annotations

import re
import unicodedata

TITLE, SENTENCE = 200, 400  # signs that a title, and any other text, may take in a line
_MARKS = 4  # combining marks on one sign: no language stacks more
_BREAKS = re.compile("[\\s\u200b]*[\t\n\r\v\f\x1c-\x1f\x85\u2028\u2029][\\s\u200b]*")
_JOINERS = frozenset("\u200c\u200d")  # Persian and emoji need them
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Cn"})


def one_line(text: str, most: int = SENTENCE) -> str:
    """``text`` as one line of at most ``most`` signs; what was cut shows as "…"."""
    found: list[str] = []
    marks = 0
    for sign in _BREAKS.sub(" ", text):
        kind = unicodedata.category(sign)
        if kind in _UNSEEN and sign not in _JOINERS:
            continue
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if marks <= _MARKS:
            found.append(sign)
    return shortened("".join(found).strip(), most)


def shortened(text: str, most: int) -> str:
    """``text`` with at most ``most`` signs, "…" for the rest."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
