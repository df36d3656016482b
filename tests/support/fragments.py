"""The words of a fragment of HTML, for tests that read panels."""

from __future__ import annotations

from html.parser import HTMLParser


class Text(HTMLParser):
    """The words of a fragment, in one line."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def words(html: str) -> str:
    reader = Text()
    reader.feed(html)
    return " ".join(" ".join(reader.parts).split())
