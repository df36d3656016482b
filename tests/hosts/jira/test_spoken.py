"""What a comment's writer says: without quotes and code, and without whom it is addressed to."""

from __future__ import annotations

from typing import Any

import pytest

from connector.hosts.jira.fields import document
from connector.hosts.jira.spoken import spoken_text


def paragraph(*nodes: dict[str, Any]) -> dict[str, Any]:
    return {"type": "paragraph", "content": list(nodes)}


def text(words: str, *marks: str) -> dict[str, Any]:
    return {"type": "text", "text": words, "marks": [{"type": mark} for mark in marks]}


MENTION = {"type": "mention", "attrs": {"id": "70121:a", "text": "@Ana Maria of Acme"}}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([paragraph(text("/okr 5"))], "/okr 5"),
        ([{"type": "blockquote", "content": [paragraph(text("/okr 5"))]}, paragraph(text("I agree"))], "I agree"),
        ([{"type": "codeBlock", "content": [text("/okr 5")]}], ""),
        ([paragraph(text("/okr 5", "code"))], ""),
        ([paragraph(text("/okr ", "strong"), text("5"))], "/okr 5"),
        ([paragraph(MENTION, text(" /okr 5"))], "/okr 5"),
        ([paragraph(text(" "), MENTION, text(", "), MENTION, text(" /okr 5"))], "/okr 5"),
        ([paragraph(text("/okr blocker: "), MENTION)], "/okr blocker: @Ana Maria of Acme"),
        ([{"type": "bulletList", "content": [{"type": "listItem", "content": [paragraph(text("/okr 5"))]}]}], "/okr 5"),
        ([paragraph(text("/okr"), {"type": "hardBreak"}, text("value 5"))], "/okr\nvalue 5"),
    ],
)
def test_what_is_said(content: list[dict[str, Any]], said: str) -> None:
    assert spoken_text({"type": "doc", "version": 1, "content": content}).strip() == said


def test_the_markup_of_the_older_api_and_anything_odd_stay_as_they_are() -> None:
    assert spoken_text("bq. /okr 5\n/okr 6") == "bq. /okr 5\n/okr 6"
    assert spoken_text(document("one\ntwo")) == "one\ntwo"
    for odd in (None, 3, [], {"type": "doc"}, {"content": [None, "x", {"content": "y"}]}):
        assert spoken_text(odd) == ""
