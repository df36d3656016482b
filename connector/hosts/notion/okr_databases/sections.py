"""A leads' page: one callout for each section, kept by its block id through all changes.

Receipt: ``{"sections": {key: {"block", "digest", "deleted", "dismissed"}}, "written", "warnings", "unsure"}``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connector.domain.leads_page import Piece, Section
from connector.errors import Gone, HostError, Refused, Uncertain
from connector.hosts.base import JSON
from connector.hosts.notion.blocks import START, BlocksUsedUp, PageBlocks, after
from connector.hosts.notion.client import NotionClient
from connector.hosts.notion.panel import COLOURS, ICONS
from connector.hosts.notion.rich_text import MOST_RUNS, digest, linked, runs, text_of
from connector.hosts.notion.schema import plain_text

_NO_STATE = "📋"
_PLAIN = "gray_background"
USED_UP = "this workspace has used up its blocks: the page cannot be kept"


def content_of(section: Section) -> dict[str, Any]:
    """The callout of a section, within the limits of one block; what does not fit is counted in its last line."""
    lines = [(Piece(section.heading, bold=True),), *section.lines]
    safe = [[_safe(piece) for piece in line] for line in lines]
    shown = len(safe)
    found = runs(safe)
    while len(found) > MOST_RUNS and shown > 1:
        shown -= max(1, (shown - 1) // 10)
        found = runs([*safe[:shown], [Piece(f"+{len(safe) - shown} more")]])
    state = section.state
    return {
        "rich_text": found[:MOST_RUNS],
        "icon": {"type": "emoji", "emoji": ICONS[state] if state else _NO_STATE},
        "color": COLOURS.get(state, _PLAIN) if state else _PLAIN,
    }


def _safe(piece: Piece) -> Piece:
    if not piece.link:
        return piece
    checked = linked(piece.text, piece.link)
    return Piece(piece.text, piece.bold, checked.link)


class SectionWriter:
    """One write of one page. ``bot``: asks for our own id, only called when a callout must be found again."""

    def __init__(self, client: NotionClient, ref: str, bot: Callable[[], str], receipt: Mapping[str, JSON]) -> None:
        self._blocks = PageBlocks(client, ref, bot)
        kept = receipt.get("sections")
        self._parts: dict[str, dict[str, Any]] = {key: dict(part) for key, part in (kept if isinstance(kept, dict) else {}).items()}
        self.receipt: dict[str, Any] = {**receipt, "sections": self._parts, "written": 0, "warnings": []}

    def write(self, sections: Sequence[Section]) -> dict[str, JSON]:
        """Bring the page up to date. A ``HostError`` on the way carries the receipt so far in its details."""
        contents = {each.key: content_of(each) for each in sections}
        try:
            self._take_away(contents)
            for key, content in contents.items():
                self._keep(key, content)
            for _ in range(2):  # a second time when it shows late that a person deleted the callout that others stand behind
                if self._make_missing(contents):
                    break
        except BlocksUsedUp:
            self.receipt["warnings"].append(USED_UP)
        except HostError as error:
            error.details = {**error.details, "receipt": dict(self.receipt)}
            raise
        return self.receipt

    def _take_away(self, contents: Mapping[str, Any]) -> None:
        for key in [each for each in self._parts if each not in contents]:
            block = self._parts[key].get("block")
            if block and self._blocks.delete(str(block)):
                self.receipt["written"] += 1
            del self._parts[key]

    def _keep(self, key: str, content: Mapping[str, Any]) -> None:
        part = self._parts.setdefault(key, {})
        if not part.get("block") or part.get("dismissed") or part.get("digest") == (wanted := digest(content)):
            return
        if self._blocks.update(str(part["block"]), {"callout": dict(content)}):
            part["digest"] = wanted
            self.receipt["written"] += 1
        else:
            self._lose(part)

    def _lose(self, part: dict[str, Any]) -> None:
        """A callout was not found: a person deleted it, if the page itself is still there for us."""
        self._blocks.require_page()
        part["deleted"] = int(part.get("deleted") or 0) + 1
        part["block"], part["digest"] = None, None
        part["dismissed"] = part["deleted"] >= 2
        self.receipt["unsure"] = True

    def _make_missing(self, contents: Mapping[str, Mapping[str, Any]]) -> bool:
        """Make what is missing, neighbours in one request. False when that has to be looked at once more."""
        if self.receipt.get("unsure") and self._missing(contents):
            self._adopt(contents)
        while missing := self._missing(contents):
            keys = list(contents)
            first = missing[0]
            together = [first]
            for key in keys[keys.index(first) + 1 :]:
                if key not in missing:
                    break
                together.append(key)
            before = next((key for key in reversed(keys[: keys.index(first)]) if self._parts[key].get("block")), None)
            anchor = str(self._parts[before]["block"]) if before else None
            try:
                self._make(together, contents, START if anchor is None else after(anchor))
            except (Gone, Refused) as error:
                if isinstance(error, BlocksUsedUp) or anchor is None or before is None or not self._blocks.is_deleted(anchor):
                    raise
                self._lose(self._parts[before])
                return False
        return True

    def _missing(self, contents: Mapping[str, Any]) -> list[str]:
        return [key for key in contents if not self._parts[key].get("block") and not self._parts[key].get("dismissed")]

    def _make(self, keys: Sequence[str], contents: Mapping[str, Mapping[str, Any]], at: Mapping[str, Any]) -> None:
        new = [{"object": "block", "type": "callout", "callout": dict(contents[key])} for key in keys]
        try:
            made = self._blocks.append(new, at=at, look=lambda: self._found_again(keys, contents))
        except Uncertain:
            self.receipt["unsure"] = True  # the next call looks for them before it writes
            raise
        self.receipt["written"] += 1
        if len(made) < len(keys):
            self.receipt["unsure"] = True
            raise Uncertain("Notion did not tell which blocks it made; they are looked for the next time")
        for key, block in zip(keys, made, strict=False):
            self._parts[key].update({"block": block, "digest": digest(contents[key])})
        self.receipt.pop("unsure", None)

    def _found_again(self, keys: Sequence[str], contents: Mapping[str, Mapping[str, Any]]) -> list[str]:
        self._adopt({key: contents[key] for key in keys})
        found = [self._parts[key].get("block") for key in keys]
        return [str(each) for each in found] if all(found) else []

    def _adopt(self, contents: Mapping[str, Mapping[str, Any]]) -> None:
        """Find the callouts of a write whose answer got lost: ours, not known yet, with the same heading."""
        known = {part.get("block") for part in self._parts.values()}
        own = [each for each in self._blocks.ours() if each.get("type") == "callout" and str(each["id"]) not in known]
        for key in self._missing(contents):
            text = text_of(contents[key]["rich_text"])
            alike = [each for each in own if _heading(plain_text((each.get("callout") or {}).get("rich_text"))) == _heading(text)]
            if alike:
                own.remove(alike[0])
                same = plain_text((alike[0].get("callout") or {}).get("rich_text")) == text
                self._parts[key].update({"block": str(alike[0]["id"]), "digest": digest(contents[key]) if same else ""})
                self._keep(key, contents[key])
        self.receipt.pop("unsure", None)


def _heading(text: str) -> str:
    return text.partition("\n")[0]
