"""Lines of text as Notion's rich text, within the API's limits: plain ``text`` runs, never mentions, equations or markup. Pure.

A link is only made of an address that we were given as one; what people typed stays text, whatever it looks like.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connector.domain.leads_page import Piece

MOST_RUNS = 100  # rich-text objects in one block
MOST_TEXT = 2000  # UTF-16 units in one of them


def digest(content: object) -> str:
    """A stable digest of JSON content."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def text_of(rich_text: Iterable[Mapping[str, Any]]) -> str:
    """The plain text of rich text that we made."""
    return "".join(run["text"]["content"] for run in rich_text)


def linked(text: str, url: str) -> Piece:
    """Linked text; plain where the address is none that Notion takes."""
    return Piece(text, link=url if url.startswith(("https://", "http://")) and len(url) <= MOST_TEXT else "")


def runs(lines: Sequence[Sequence[Piece]]) -> list[dict[str, Any]]:
    """Lines as rich text: neighbours of one look share a run, runs are cut at the API's limit of signs. May be more than ``MOST_RUNS``."""
    merged: list[Piece] = []
    for number, line in enumerate(lines):
        for piece in [Piece("\n")] * (number > 0) + [piece for piece in line if piece.text]:
            last = merged[-1] if merged else None
            if last is not None and (last.bold, last.link) == (piece.bold, piece.link):
                merged[-1] = Piece(last.text + piece.text, last.bold, last.link)
            else:
                merged.append(piece)
    found: list[dict[str, Any]] = []
    for piece in merged:
        for text in _chunks(piece.text):
            run: dict[str, Any] = {"type": "text", "text": {"content": text, **({"link": {"url": piece.link}} if piece.link else {})}}
            found.append({**run, "annotations": {"bold": True}} if piece.bold else run)
    return found


def _chunks(text: str) -> list[str]:
    """Pieces of at most 2,000 UTF-16 units: signs beyond the basic plane count twice."""
    found, begin, units = [], 0, 0
    for place, sign in enumerate(text):
        width = 2 if ord(sign) > 0xFFFF else 1
        if units + width > MOST_TEXT:
            found.append(text[begin:place])
            begin, units = place, 0
        units += width
    return [*found, text[begin:]]
