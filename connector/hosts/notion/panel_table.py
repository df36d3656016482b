"""The small table beneath an objective's callout: a header and one row for each key result, within the API's limits. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connector.domain.leads_page import Piece
from connector.domain.panel import KeyResultPanel, Panel
from connector.hosts.notion.panel import MARKS, safe
from connector.hosts.notion.rich_text import linked, runs, text_of

HEAD = ("Key result", "From", "To", "Now", "State", "Confidence", "Owner")
MOST_ROWS = 99  # below the header: a block takes a hundred children in one call
REST = "+"  # the key of the row that tells how many are left out; no key result's id

Row = tuple[str, dict[str, Any]]  # whose row it is, and its content by the block's type


def rows(panel: Panel) -> list[Row]:
    """What the rows below the header say, in their order; [] where there is no table to show."""
    if panel.objective is None or not panel.face.table:
        return []
    results = safe(panel).key_results
    shown = results if len(results) <= MOST_ROWS else results[: MOST_ROWS - 1]
    found = [(each.id, _content(_cells(each))) for each in shown]
    if len(shown) < len(results):
        found.append((REST, _content([linked(f"+{len(results) - len(shown)} more", panel.objective.url), *[Piece("")] * (len(HEAD) - 1)])))
    return found


def table(shown: Sequence[Row]) -> dict[str, Any]:
    """The table as a new block with all its rows."""
    contents = [_content([Piece(word, bold=True) for word in HEAD]), *(content for _, content in shown)]
    inner = {"table_width": len(HEAD), "has_column_header": True, "has_row_header": False, "children": [row(each) for each in contents]}
    return {"object": "block", "type": "table", "table": inner}


def row(content: Mapping[str, Any]) -> dict[str, Any]:
    """A row as a new block."""
    return {"object": "block", "type": "table_row", **content}


def is_header(block: Mapping[str, Any]) -> bool:
    """Whether a row read from the API is the header of a table of ours."""
    cells = (block.get("table_row") or {}).get("cells") or ()
    return tuple(_plain(cell) for cell in cells) == HEAD


def same(block: Mapping[str, Any], content: Mapping[str, Any]) -> bool:
    """Whether a row read from the API says just this."""
    cells = (block.get("table_row") or {}).get("cells") or ()
    return [_plain(cell) for cell in cells] == [text_of(cell) for cell in content["table_row"]["cells"]]


def _plain(cell: Sequence[Mapping[str, Any]]) -> str:
    return "".join(str(run.get("plain_text") or "") for run in cell)


def _content(cells: Sequence[Piece]) -> dict[str, Any]:
    return {"table_row": {"cells": [runs([[piece]]) for piece in cells]}}


def _cells(each: KeyResultPanel) -> list[Piece]:
    confidence = "not stated" if each.confidence is None else f"{each.confidence} of 10"
    return [
        linked(each.title, each.url),
        Piece(each.start_text),
        Piece(each.target_text),
        Piece(each.current_text, bold=each.current is not None),
        Piece(f"{MARKS[each.state]} {each.state_word}"),
        Piece(confidence),
        Piece(each.owner or "ownerless"),
    ]
