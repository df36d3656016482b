import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import InputError
from connector.hosts.notion.ids import known_id, normalise_id

PLAIN = "393abc1eedcd81049e45de1cccb47ac5"
DASHED = "393abc1e-edcd-8104-9e45-de1cccb47ac5"


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        DASHED,
        DASHED.upper(),
        f"  {PLAIN}\n",
        f"https://app.notion.com/p/Test-2026-07-04-11-08-57-039090-{PLAIN}",
        f"https://app.notion.com/p/{PLAIN}?v=0123456789abcdef0123456789abcdef",
        f"https://www.notion.so/acme/Deals-{PLAIN}?pvs=4#0123456789abcdef0123456789abcdef",
        f"https://www.notion.so/{DASHED}",
        f"https://acme.notion.site/Deals-{PLAIN}/",
        f"https://www.notion.com/acme/{PLAIN}",
        f"app.notion.com/p/{PLAIN}",
    ],
)
def test_an_id_is_found_in_what_people_paste(text: str) -> None:
    assert normalise_id(text) == DASHED


def test_a_row_opened_in_a_database_is_the_row_only_when_rows_are_asked_for() -> None:
    link = f"https://www.notion.so/acme/0123456789abcdef0123456789abcdef?v=aa&p={PLAIN}&pm=s"
    assert normalise_id(link, row=True) == DASHED
    assert normalise_id(link) == "01234567-89ab-cdef-0123-456789abcdef"


@pytest.mark.parametrize(
    "text", ["", "Deals", f"https://evil.example/{PLAIN}", f"https://notion.so.evil.example/{PLAIN}", "https://[bad", PLAIN[:-1]]
)
def test_anything_else_is_refused_with_a_mend(text: str) -> None:
    with pytest.raises(InputError, match="Share → Copy link"):
        normalise_id(text, where="database")


@given(st.text(max_size=80))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        assert known_id(normalise_id(text))
    except InputError:
        assert known_id(text) is None
