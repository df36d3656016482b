"""Writing into one Notion page: the OKR properties, and the panel's blocks (see ``panel_blocks``). Idempotent by receipt.

Unchanged content is not written. It must not know mappings or key results beyond the panel it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from connector.domain.model import FieldValue, Unknown
from connector.domain.panel import Panel
from connector.errors import Gone, HostError, Refused
from connector.hosts.base import JSON
from connector.hosts.notion import panel as render
from connector.hosts.notion.blocks import PageBlocks
from connector.hosts.notion.client import NotionClient
from connector.hosts.notion.fields import container_of, is_gone, properties_of
from connector.hosts.notion.panel_blocks import PanelBlocks
from connector.hosts.notion.rich_text import digest
from connector.hosts.notion.schema import Schema, plain_text

_TYPES = {
    render.STATUS: ("status", "select", "rich_text"),
    render.CURRENT: ("number", "rich_text"),
    render.PROGRESS: ("number", "rich_text"),
}


class PanelWriter:
    """One write of one panel. ``bot``: asks for our own id, only called when a block must be found again."""

    def __init__(
        self, client: NotionClient, schema_of: Callable[[str], Schema | None], bot: Callable[[], str], ref: str, receipt: Mapping[str, JSON]
    ) -> None:
        self._client = client
        self._schema_of = schema_of
        self._blocks = PageBlocks(client, ref, bot)
        self._ref = ref
        self.receipt: dict[str, Any] = {**receipt, "written": 0, "warnings": []}

    def write(self, panel: Panel, *, property_only: bool) -> dict[str, JSON]:
        """Bring properties and callout up to date. A ``HostError`` on the way carries the receipt so far in its details."""
        try:
            if panel.face.columns:
                self._write_properties(render.values(panel))
            may_make = panel.face.blocks and not property_only
            PanelBlocks(self._blocks, self.receipt, self._count, self._warn).write(panel, may_make=may_make)
        except HostError as error:
            error.details = {**error.details, "receipt": dict(self.receipt)}
            raise
        return self.receipt

    # --- the properties ------------------------------------------------------------------------------------------------

    def _write_properties(self, values: Mapping[str, str | float | None]) -> None:
        wanted = digest(dict(values))
        if self.receipt.get("properties") == wanted and "schema" in self.receipt:
            return
        # Columns that were missing may have been added since; a page outside a data source has none to wait for.
        found = self.receipt.get("schema")
        if found is None or (self.receipt.get("row") and len(found) < len(_TYPES)):
            self._read_schema()
        for attempt in (1, 2):
            body = self._property_values(values)
            if not body:
                break
            try:
                answer = self._client.update_page(self._ref, body)
            except Refused as error:
                if error.status not in (400, 409) or attempt == 2:
                    raise
                self._read_schema()  # a property was removed or changed its type, or somebody wrote at the same time
                continue
            if is_gone(answer):
                raise Gone(f"the page {self._ref} is in the trash", status=200, code="in_trash")
            self._count()
            self._check_arrival(body, answer)
            break
        self.receipt["properties"] = wanted

    def _read_schema(self) -> None:
        page = self._blocks.require_page()
        source = container_of(page)
        schema = self._schema_of(source) if source else None
        found: dict[str, Any] = {}
        for ident, (name, value) in properties_of(page).items():
            kind = str(value.get("type"))
            if name in _TYPES and kind in _TYPES[name]:
                prop = schema.properties.get(ident) if schema else None
                found[name] = {"id": ident, "type": kind, "options": [option for _, option in prop.options] if prop else []}
        self.receipt["schema"], self.receipt["row"] = found, bool(source)

    def _property_values(self, values: Mapping[str, str | float | None]) -> dict[str, Any]:
        body: dict[str, Any] = {}
        for name, column in dict(self.receipt.get("schema") or {}).items():
            value, kind = values.get(name), column["type"]
            if kind in ("status", "select"):
                body_value = self._option(name, column, value)
                if body_value is not None:
                    body[column["id"]] = body_value
            elif kind == "number":
                body[column["id"]] = {"number": value if isinstance(value, (int, float)) else None}
            else:
                text = _shown(name, value)
                body[column["id"]] = {"rich_text": [{"type": "text", "text": {"content": text}}] if text else []}
        return body

    def _option(self, name: str, column: Mapping[str, Any], value: str | float | None) -> dict[str, Any] | None:
        kind = str(column["type"])
        if not isinstance(value, str):
            return {kind: None} if kind == "select" else None  # a status cannot be emptied by everyone: leave it
        match = next((each for each in column["options"] if str(each).strip().casefold() == value.strip().casefold()), None)
        if match is None:
            self._warn(f'"{name}" has no option "{value}": add it in Notion')
            return None
        return {kind: {"name": match}}

    def _check_arrival(self, body: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """An unknown property may be answered with 200 and nothing written: compare what came back."""
        arrived = properties_of(answer)
        for ident, sent in body.items():
            name, value = arrived.get(ident, (ident, {}))
            if not _same(sent, value):
                self._warn(f'"{name}" was not taken over by Notion')

    def _count(self) -> None:
        self.receipt["written"] += 1

    def _warn(self, text: str) -> None:
        if text not in self.receipt["warnings"]:
            self.receipt["warnings"].append(text)


def _shown(name: str, value: str | float | None) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value * 100:.0f} %" if name == render.PROGRESS else f"{value:g}"


def _same(sent: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    kind = next(iter(sent))
    if value.get("type") != kind:
        return False
    if kind in ("status", "select"):
        got = value.get(kind)
        return (got.get("name") if isinstance(got, dict) else None) == (sent[kind] or {}).get("name")
    if kind == "rich_text":
        return plain_text(value.get(kind)) == plain_text(sent[kind])
    return bool(value.get(kind) == sent[kind])


def encode(kind: str, value: FieldValue) -> dict[str, Any] | None:
    """A value as the API takes it for a property of that type, None when the type cannot be written."""
    if isinstance(value, Unknown):
        return None
    if kind == "number":
        return {kind: value} if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)) else None
    if kind == "checkbox":
        return {kind: bool(value)}
    if kind in ("select", "status"):
        return {kind: {"name": str(value)} if value is not None else None}
    if kind in ("rich_text", "title"):
        text = "" if value is None else str(value)
        return {kind: [{"type": "text", "text": {"content": text[at : at + 2000]}} for at in range(0, min(len(text), 200_000), 2000)]}
    if kind in ("url", "email", "phone_number"):
        return {kind: str(value) if value is not None else None}
    if kind == "date":
        return {kind: {"start": str(value)} if value is not None else None}
    entries = value if isinstance(value, tuple) else (str(value),) if value is not None else ()
    if kind == "multi_select":
        return {kind: [{"name": each} for each in entries]}
    if kind in ("people", "relation"):
        return {kind: [{"id": each} for each in entries]}
    return None
