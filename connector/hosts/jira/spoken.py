"""What a comment's writer says in it: the words of its document without quotes and code, and without whom it is addressed to. Pure."""

from __future__ import annotations

from typing import Any

from connector.hosts.jira.fields import as_mapping, as_sequence, as_text, plain_text

_NOT_SAID = frozenset({"codeBlock", "blockquote"})
_DEPTH = 60


def spoken_text(body: Any) -> str:
    """The plain text of a comment (a document, or the markup of the older API as it is), a line for each paragraph."""
    return plain_text(_pruned(body, _DEPTH))


def _pruned(node: Any, depth: int) -> Any:
    data = as_mapping(node)
    if not data or not depth:
        return node
    kept = [_pruned(child, depth - 1) for child in as_sequence(data.get("content")) if _is_said(as_mapping(child))]
    if as_text(data.get("type")) == "paragraph":
        kept = _without_address(kept)
    return {**data, "content": kept}


def _is_said(node: Any) -> bool:
    marks = {as_text(as_mapping(mark).get("type")) for mark in as_sequence(node.get("marks"))}
    return as_text(node.get("type")) not in _NOT_SAID and "code" not in marks


def _without_address(nodes: list[Any]) -> list[Any]:
    """A paragraph without the mentions that it opens with: names may hold blanks, so the text alone would not tell where they end."""
    while nodes and (as_mapping(nodes[0]).get("type") == "mention" or (len(nodes) > 1 and _is_blank(nodes[0]) and _is_mention(nodes[1]))):
        nodes = nodes[1:]
    return nodes


def _is_blank(node: Any) -> bool:
    data = as_mapping(node)
    return data.get("type") == "text" and not as_text(data.get("text")).strip(" ,:")


def _is_mention(node: Any) -> bool:
    return as_mapping(node).get("type") == "mention"
