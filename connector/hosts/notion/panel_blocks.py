"""The blocks of one panel on one page: the callout, the table beneath and the embedded live page, each made once and kept by its id.

A person's deletion is respected: each is made anew once, after the second time never again by itself. Unchanged content is not written.
A callout that a person takes out of the trash again is the panel once more, and the newer one goes: that is how one asks for it back.
Receipt: ``block`` and ``digest`` of the callout, ``former`` (the one that was deleted last, and ``earlier`` ones), ``table`` and
``embed`` with the same inside (a table's ``rows`` are kept by ``panel_rows``), ``deleted`` (times a person deleted it), ``dismissed``,
``property_only``, ``unsure``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from connector.domain.panel import Panel
from connector.errors import Gone, Refused, Uncertain
from connector.hosts.notion import panel as render
from connector.hosts.notion import panel_table
from connector.hosts.notion.blocks import START, BlocksUsedUp, PageBlocks, after
from connector.hosts.notion.ids import known_id
from connector.hosts.notion.panel_rows import TableRows
from connector.hosts.notion.rich_text import digest, text_of
from connector.hosts.notion.schema import plain_text

CALLOUT, TABLE, EMBED = "callout", "table", "embed"  # in their order on the page
USED_UP = "this workspace has used up its blocks: the panel is kept in the OKR properties only"
LOOKS = 10  # changes after a deletion at which it is asked whether the deleted callout is back
NO_EMBEDS = "Notion does not take our live page as an embed"

Receipt = MutableMapping[str, Any]


class PanelBlocks:
    """Brings the blocks of one panel up to date. ``count`` is told each write, ``warn`` what an admin should know."""

    def __init__(self, blocks: PageBlocks, receipt: Receipt, count: Callable[[], None], warn: Callable[[str], None]) -> None:
        self._blocks = blocks
        self._receipt = receipt
        self._count = count
        self._warn = warn

    def write(self, panel: Panel, *, may_make: bool) -> None:
        """Edit what is there, make what is missing, take away what is not wanted any more."""
        wanted = self._wanted(panel)
        rows = panel_table.rows(panel)
        self._look_for_restored(digest(wanted[CALLOUT]))
        for _ in range(2):  # a second time when it shows late that a person has deleted the block that the others stand behind
            for name in (CALLOUT, TABLE, EMBED):
                self._keep(name, wanted.get(name), rows)
            if not may_make or self._receipt.get("property_only") or not (panel.key_results or panel.objective):
                return
            if self._make_missing(wanted, rows):
                return

    def _wanted(self, panel: Panel) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {CALLOUT: render.callout(panel)}
        if rows := panel_table.rows(panel):
            found[TABLE] = panel_table.table(rows)
        if panel.face.embed:
            found[EMBED] = {"url": panel.face.embed}
        return found

    def _part(self, name: str) -> Receipt:
        """What the receipt holds of one block; the callout's stands at its top, as it always did."""
        if name == CALLOUT:
            return self._receipt
        part = self._receipt.get(name)
        if not isinstance(part, dict):
            part = self._receipt[name] = {}
        return part

    # --- what is there -------------------------------------------------------------------------------------------------

    def _keep(self, name: str, content: dict[str, Any] | None, rows: list[panel_table.Row]) -> None:
        part = self._receipt if name == CALLOUT else self._receipt.get(name) or {}
        block = part.get("block")
        if not block or part.get("dismissed"):
            return
        if content is None:
            if self._blocks.delete(str(block)):
                self._count()
            self._receipt.pop(name, None)
        elif name == TABLE:
            if not TableRows(self._blocks, part, self._count).write(rows):
                self._lose(name)
        elif part.get("digest") != (wanted := digest(content)):
            if self._blocks.update(str(block), {name: content}):
                self._count()
                part["digest"] = wanted
            else:
                self._lose(name)

    def _look_for_restored(self, wanted: str) -> None:
        """Before something new is written: whether the callout that was deleted last is back. Asked some times, not for ever."""
        former = self._receipt.get("former")
        if not isinstance(former, dict) or former["looks"] >= LOOKS or wanted in (former["seen"], self._receipt.get("digest")):
            return
        former["looks"], former["seen"] = former["looks"] + 1, wanted
        known = [str(former["block"]), *former.get("earlier", ())]
        back = next((block for block in known if not self._blocks.is_deleted(block)), None)
        if back is None:
            return
        if (newer := self._receipt.get("block")) and self._blocks.delete(str(newer)):
            self._count()
        self._receipt.update({"block": back, "digest": "", "deleted": max(0, int(self._receipt.get("deleted") or 0) - 1)})
        for name in ("former", "dismissed", "unsure"):
            self._receipt.pop(name, None)
        if rest := [block for block in known if block != back]:  # undone as well, it is the panel then: never two
            self._receipt["former"] = {**former, "block": rest[0], "earlier": rest[1:]}

    def _lose(self, name: str) -> None:
        """A block was not found: a person deleted it, if the page itself is still there for us."""
        self._blocks.require_page()
        part = self._part(name)
        if name == CALLOUT:
            before = self._receipt.get("former")
            earlier = [before["block"]] if isinstance(before, dict) and before["block"] != part["block"] else []
            self._receipt["former"] = {"block": part["block"], "looks": 0, "seen": "", "earlier": earlier}
        part["deleted"] = int(part.get("deleted") or 0) + 1
        part["block"], part["digest"] = None, None
        if name == TABLE:
            part["rows"], part["lost"] = None, {}
        self._receipt["unsure"] = True  # a process that died after the second writing has left a block nobody noted
        if part["deleted"] >= 2:
            part["dismissed"] = True

    # --- what is missing -----------------------------------------------------------------------------------------------

    def _make_missing(self, wanted: Mapping[str, dict[str, Any]], rows: list[panel_table.Row]) -> bool:
        """Make what is missing, in as few requests as its place allows. False when that has to be looked at once more."""
        missing = self._missing(wanted)
        if missing and self._receipt.get("unsure"):
            self._adopt(missing, wanted, rows)
            missing = self._missing(wanted)
        while missing and not self._receipt.get("dismissed"):
            names, anchor = self._together(missing)
            try:
                self._make(names, wanted, rows, START if anchor is None else after(anchor))
            except BlocksUsedUp:
                self._receipt["property_only"] = True
                self._warn(USED_UP)
                return True
            except (Gone, Refused) as error:
                if isinstance(error, Refused) and error.status != 400:
                    raise
                if anchor is not None and self._blocks.is_deleted(anchor):
                    self._lose(CALLOUT if anchor == self._receipt.get("block") else TABLE)
                    return False
                if EMBED not in names or isinstance(error, Gone):
                    raise
                self._part(EMBED)["dismissed"] = True  # by Notion: the rest of the panel must not wait for it
                self._warn(f"{NO_EMBEDS}: {error.message}")
            missing = self._missing(wanted)
        return True

    def _missing(self, wanted: Mapping[str, Any]) -> list[str]:
        return [name for name in wanted if not (part := self._part(name)).get("block") and not part.get("dismissed")]

    def _together(self, missing: list[str]) -> tuple[list[str], str | None]:
        """The first of the missing blocks and those that stand right behind it, with the block that they come after."""
        order = (CALLOUT, TABLE, EMBED)
        standing = [name for name in order if (self._receipt if name == CALLOUT else self._receipt.get(name) or {}).get("block")]
        first = missing[0]
        behind = next((name for name in standing if order.index(name) > order.index(first)), None)
        names = [name for name in missing if behind is None or order.index(name) < order.index(behind)]
        before = next((name for name in reversed(standing) if order.index(name) < order.index(first)), None)
        return names, None if before is None else str(self._part(before)["block"])

    def _make(self, names: list[str], wanted: Mapping[str, dict[str, Any]], rows: list[panel_table.Row], at: Mapping[str, Any]) -> None:
        new = [wanted[name] if name == TABLE else {"object": "block", "type": name, name: wanted[name]} for name in names]
        try:
            made = self._blocks.append(new, at=at, look=lambda: self._found_again(names, wanted, rows))
        except Uncertain:
            self._receipt["unsure"] = True  # the next call looks for them before it writes
            raise
        self._count()
        if len(made) < len(names):
            self._receipt["unsure"] = True
            return
        for name, block in zip(names, made, strict=False):
            self._remember(name, block, wanted[name])
        if TABLE in names:
            TableRows(self._blocks, self._part(TABLE), self._count).learn(rows)
        self._receipt.pop("unsure", None)

    def _found_again(self, names: list[str], wanted: Mapping[str, dict[str, Any]], rows: list[panel_table.Row]) -> list[str]:
        self._adopt(names, wanted, rows)
        blocks = [self._part(name).get("block") for name in names]
        return [str(block) for block in blocks] if all(blocks) else []

    def _remember(self, name: str, block: str, content: Mapping[str, Any]) -> None:
        part = self._part(name)
        part["block"] = known_id(block) or block
        if name != TABLE:
            part["digest"] = digest(content)

    def _adopt(self, names: list[str], wanted: Mapping[str, dict[str, Any]], rows: list[panel_table.Row]) -> None:
        """Find the blocks of a write whose answer got lost, among the page's first blocks; never second ones."""
        own = self._blocks.ours()
        for name in names:
            alike = [block for block in own if block.get("type") == name]
            if name == CALLOUT:
                text = text_of(wanted[name]["rich_text"])
                alike.sort(key=lambda block: plain_text((block.get(CALLOUT) or {}).get("rich_text")) != text)
            if not alike:
                continue
            found = str(alike[0]["id"])
            part = self._part(name)
            part["block"], part["digest"] = known_id(found) or found, ""  # what it says is compared, or written
            if name == CALLOUT and plain_text((alike[0].get(CALLOUT) or {}).get("rich_text")) == text:
                part["digest"] = digest(wanted[name])
            self._keep(name, wanted[name], rows)
        self._receipt.pop("unsure", None)
