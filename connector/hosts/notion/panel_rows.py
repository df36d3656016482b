"""The rows of a panel's table, each kept by its block id: only what changed is edited, added, taken away. Order is kept.

Receipt of a table: ``block``, ``head`` (the header's id), ``rows`` (``{"key", "block", "digest"}`` in their order, None while they have to
be read first), ``lost`` (key → how often a person deleted that row: put back once, then left out).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from itertools import groupby
from typing import Any

from connector.errors import Gone, HostError, Refused
from connector.hosts.notion import panel_table
from connector.hosts.notion.blocks import PageBlocks, after
from connector.hosts.notion.panel_table import Row
from connector.hosts.notion.rich_text import digest


class TableRows:
    """Brings the rows of one table up to date. ``part``: its receipt, changed as the work goes on."""

    def __init__(self, blocks: PageBlocks, part: MutableMapping[str, Any], count: Callable[[], None]) -> None:
        self._blocks = blocks
        self._part = part
        self._count = count

    def learn(self, rows: Sequence[Row]) -> None:
        """Note the rows of a table that was just made, by reading which ids they got."""
        self._part["rows"], self._part["lost"] = None, {}
        self._note(self._blocks.children(self._table), rows)

    def write(self, rows: Sequence[Row]) -> bool:
        """Make the table show these rows. False when the table itself is gone."""
        lost: dict[str, int] = self._part.setdefault("lost", {})
        wanted = [row for row in rows if lost.get(row[0], 0) < 2]
        if self._part.get("rows") is None:
            if self._blocks.is_deleted(self._table):
                return False
            self._note(self._blocks.ours(self._table), rows)  # a row that a person added is left alone
        if [row["key"] for row in self._part["rows"]] == [key for key, _ in wanted] and all(
            row["digest"] == digest(content) for row, (_, content) in zip(self._part["rows"], wanted, strict=True)
        ):
            return True
        try:
            self._drop_others([key for key, _ in wanted])
            return self._edit(wanted) and self._add(wanted)
        except (Gone, Refused):
            if self._blocks.is_deleted(self._table):
                return False
            raise

    @property
    def _table(self) -> str:
        return str(self._part["block"])

    def _note(self, blocks: Sequence[Mapping[str, Any]], rows: Sequence[Row]) -> None:
        """Learn the rows' ids from the table as it stands."""
        found = [block for block in blocks if block.get("type") == "table_row"]
        if found and panel_table.is_header(found[0]):
            self._part["head"] = str(found.pop(0)["id"])
        told = []
        for place, block in enumerate(found):
            key, content = rows[place] if place < len(rows) else ("", None)
            fits = content is not None and panel_table.same(block, content)
            told.append({"key": key, "block": str(block["id"]), "digest": digest(content) if fits else ""})
        self._part["rows"] = told

    def _drop_others(self, keys: Sequence[str]) -> None:
        kept = []
        for row in self._part["rows"]:
            if row["key"] in keys:
                kept.append(row)
            elif self._blocks.delete(row["block"]):
                self._count()
        order = [key for key in keys if key in {row["key"] for row in kept}]
        if [row["key"] for row in kept] != order:  # blocks cannot be moved: the rows change what they show instead
            kept = [{**row, "key": key, "digest": row["digest"] if row["key"] == key else ""} for row, key in zip(kept, order, strict=True)]
        self._part["rows"] = kept

    def _edit(self, wanted: Sequence[Row]) -> bool:
        contents = dict(wanted)
        for row in list(self._part["rows"]):
            content = contents[row["key"]]
            if row["digest"] == digest(content):
                continue
            if self._blocks.update(row["block"], content):
                self._count()
                row["digest"] = digest(content)
            elif self._blocks.is_deleted(self._table):
                return False
            else:
                self._part["lost"][row["key"]] = self._part["lost"].get(row["key"], 0) + 1
                self._part["rows"].remove(row)
        return True

    def _add(self, wanted: Sequence[Row]) -> bool:
        standing = {row["key"]: row for row in self._part["rows"]}
        before = str(self._part.get("head") or "")
        for new, group in groupby(
            (row for row in wanted if row[0] in standing or self._part["lost"].get(row[0], 0) < 2), key=lambda row: row[0] not in standing
        ):
            some = list(group)
            if not new:
                before = standing[some[-1][0]]["block"]
                continue
            at = after(before) if before else {"type": "start"}
            try:
                made = self._blocks.append([panel_table.row(content) for _, content in some], at=at, look=list, parent=self._table)
            except HostError:
                self._part["rows"] = None  # which of them were made is read the next time
                raise
            self._count()
            rows = [{"key": key, "block": block, "digest": digest(content)} for (key, content), block in zip(some, made, strict=False)]
            place = next((number + 1 for number, row in enumerate(self._part["rows"]) if row["block"] == before), 0)
            self._part["rows"][place:place] = rows
            before = made[-1] if made else before
        return True
