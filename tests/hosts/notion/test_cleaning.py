"""Half characters and NUL never come in, whatever an answer or an event holds."""

from __future__ import annotations

import json

import pytest

from connector.hosts.notion.cleaning import cleaned


@pytest.mark.parametrize(
    ("found", "clean"),
    [
        ({"a": ["cut \ud83d", {"b\x00": "x\x00y"}], "n": 3, "none": None}, {"a": ["cut \ufffd", {"b": "xy"}], "n": 3, "none": None}),
        ({"whole": "\U0001f600 é"}, {"whole": "\U0001f600 é"}),
        ({"large": 2**70, "text": "\udc00"}, {"large": 2**70, "text": "\ufffd"}),
        ({"said": "\\u0000 is a backslash and a word"}, {"said": "\\u0000 is a backslash and a word"}),
    ],
)
def test_only_what_no_store_takes_is_taken_out(found: object, clean: object) -> None:
    assert cleaned(json.loads(json.dumps(found))) == clean


def test_what_is_clean_is_not_copied() -> None:
    found = {"a": ["text"]}
    assert cleaned(found) is found
