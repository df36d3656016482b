"""Views of a database: tables, boards and charts, made once. A workspace or plan without them is none the worse.

Reference: https://developers.notion.com/guides/data-apis/working-with-views
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connector.domain.okr_columns import KEY
from connector.errors import Gone, Refused, Uncertain
from connector.hosts.notion.client import NotionClient
from connector.hosts.okr_databases import FoundColumn, FoundDatabase, View

_WITHOUT = (400, 403, 404)  # answers of hosts and plans that have no such view
_MOST_LOOKED_AT = 30
_GROUPED = {"select": "select", "multi_select": "multi_select", "status": "status", "people": "person", "relation": "relation"}


def add_views(
    client: NotionClient, found: FoundDatabase, columns: Mapping[str, FoundColumn], views: Sequence[View], known: Mapping[str, str]
) -> dict[str, str]:
    """See ``OkrDatabases.add_views``. One that stands there by name, from a set-up whose answer was lost, is taken as ours."""
    wanted = {each.name: body for each in views if each.name not in known and (body := _body(found, columns, each)) is not None}
    made = dict(known)
    if not wanted:
        return made
    try:
        standing = _standing(client, found, set(known.values()))
    except (Gone, Refused) as error:
        _passable(error)
        return made
    for name, body in wanted.items():
        if name in standing:
            made[name] = standing[name]
            continue
        try:
            made[name] = str(client.create_view(body)["id"])
        except Uncertain as error:
            if error.committed:
                made[name] = error.committed[0]  # else the next set-up finds it by its name
        except (Gone, Refused) as error:
            _passable(error)
            if error.status != 400:
                return made
    return made


def _passable(error: Gone | Refused) -> None:
    if error.status not in _WITHOUT:
        raise error


def _standing(client: NotionClient, found: FoundDatabase, ours: set[str]) -> dict[str, str]:
    """Name → id of the database's views that we do not know as ours."""
    others = [ident for ident in client.views(found.database) if ident not in ours]
    return {str(view.get("name") or ""): ident for ident in others[:_MOST_LOOKED_AT] for view in [client.view(ident)]}


def _body(found: FoundDatabase, columns: Mapping[str, FoundColumn], view: View) -> dict[str, Any] | None:
    """The request for a view, None where the columns that it needs are not there or of a type that cannot carry it."""
    configuration = {"board": _board, "chart": _chart}.get(view.kind, _table)(columns, view)
    filter_ = _filter(columns, view)
    if configuration is None or (view.only and filter_ is None):
        return None
    body = {"database_id": found.database, "data_source_id": found.source, "name": view.name, "type": view.kind}
    return {**body, **({"filter": filter_} if filter_ else {}), "configuration": configuration}


def _shown(columns: Mapping[str, FoundColumn], view: View) -> list[dict[str, Any]]:
    """The view's own columns in their order, then the others, hidden; our key is never shown."""
    first = [name for name in view.fields if name in columns and name != KEY]
    rest = [name for name in columns if name not in first]
    return [{"property_id": columns[name].id, "visible": name in first} for name in (*first, *rest)]


def _table(columns: Mapping[str, FoundColumn], view: View) -> dict[str, Any] | None:
    return {"type": "table", "properties": _shown(columns, view)}


def _board(columns: Mapping[str, FoundColumn], view: View) -> dict[str, Any] | None:
    column = columns.get(view.group)
    grouped = _grouped(column) if column else None
    return {"type": "board", "group_by": grouped, "properties": _shown(columns, view)} if grouped else None


def _chart(columns: Mapping[str, FoundColumn], view: View) -> dict[str, Any] | None:
    """A line over time: the average of the first field by week, one line for each value of the second."""
    along, number = columns.get(view.group), columns.get(view.fields[0]) if view.fields else None
    if along is None or along.type != "date" or number is None or number.type != "number":
        return None
    axis = {"type": "date", "property_id": along.id, "group_by": "week", "sort": {"type": "ascending"}}
    chart: dict[str, Any] = {"type": "chart", "chart_type": "line", "x_axis": axis}
    chart["y_axis"] = {"aggregator": "average", "property_id": number.id}
    second = columns.get(view.fields[1]) if len(view.fields) > 1 else None
    if second is not None and (grouped := _grouped(second)):
        chart["stack_by"] = grouped
    return chart


def _grouped(column: FoundColumn) -> dict[str, Any] | None:
    if column.type not in _GROUPED:
        return None
    grouped = {"type": _GROUPED[column.type], "property_id": column.id, "sort": {"type": "manual"}, "hide_empty_groups": False}
    return {**grouped, "group_by": "option"} if column.type == "status" else grouped


def _filter(columns: Mapping[str, FoundColumn], view: View) -> dict[str, Any] | None:
    """Rows that have one of the options, for each field of ``only``."""
    groups = []
    for name, options in view.only.items():
        column = columns.get(name)
        if column is None or column.type not in ("select", "status"):
            return None
        groups.append({"or": [{"property": column.id, column.type: {"equals": option}} for option in options]})
    return groups[0] if len(groups) == 1 else {"and": groups} if groups else None
