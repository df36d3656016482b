"""Text from people as one safe line."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.plain_text import one_line


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("plain", "plain"),
        ("  a\n\n b\tc \r\n", "a b c"),
        ("a\u2028b\u2029c\x85d", "a b c d"),
        ("thin\u2009gap and\u00a0hard  two", "thin\u2009gap and\u00a0hard  two"),
        ("\u202eevil\u202c \u2066x\u2069 \ufeff\u200b\u00ad.", "evil x ."),
        ("👩\u200d👩\u200d👧 می\u200cخواهم", "👩\u200d👩\u200d👧 می\u200cخواهم"),
        ("e" + "\u0301" * 30 + "!", "e" + "\u0301" * 4 + "!"),
        ("\x00\x1b[31mred", "[31mred"),
        ("", ""),
        ("\n", ""),
    ],
)
def test_one_line(given_text: str, shown: str) -> None:
    assert one_line(given_text) == shown


def test_what_is_too_long_shows_that_it_was_cut() -> None:
    assert one_line("word " * 100, 20) == "word word word word…"
    assert one_line("x" * 20, 20) == "x" * 20


@given(st.text(max_size=500), st.integers(2, 100))
def test_any_text_is_one_short_line_and_stays_it(text: str, most: int) -> None:
    line = one_line(text, most)
    assert len(line) <= most
    assert len(line.splitlines()) <= 1
    assert not any(unicodedata.category(sign) in ("Cc", "Cs") for sign in line)
    assert one_line(line, most) == line
