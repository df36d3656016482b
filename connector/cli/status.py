"""`status`: key results by objective, for people as a table with words and shapes, for programs as JSON in the API's shapes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from connector.cli.opening import opened
from connector.domain import wording
from connector.domain.model import Movement, State
from connector.domain.rights import SYSTEM
from connector.log import visible_text
from connector.runtime import Runtime
from connector.services.facts import load_definition
from connector.store import reads
from connector.store.tables import KeyResult

# A shape beside the word: the state is readable without colour.
SHAPES = {
    State.ON_TRACK: "●",
    State.AT_RISK: "▲",
    State.STALLED: "■",
    State.OVERDUE: "◆",
    State.NO_DATA: "○",
    State.DATA_LATE: "◇",
    State.CLOSED: "✓",
}
COLOURS = {State.ON_TRACK: "green", State.AT_RISK: "red", State.STALLED: "yellow", State.OVERDUE: "yellow", State.DATA_LATE: "magenta"}
PIPED_WIDTH = 200  # a pipe has no width; a narrow guess would break lines that people grep
UNKNOWN = "–"


@click.command()
@click.option("--json", "as_json", is_flag=True, help='JSON: {"objectives": [...], "key_results": [...]} in the shapes of the API.')
def status(as_json: bool) -> None:
    """Show key results with value, progress, state, source and age."""
    with opened() as runtime:
        if as_json:
            click.echo(orjson.dumps(collect(runtime), option=orjson.OPT_INDENT_2))
        else:
            show(runtime)


def collect(runtime: Runtime) -> dict[str, list[dict[str, Any]]]:
    """All objectives and key results, in the API's shapes."""
    with runtime.store.read() as session:
        return {
            "objectives": reads.everything(lambda cursor, limit: reads.objectives_page(session, SYSTEM, cursor, limit)),
            "key_results": reads.everything(lambda cursor, limit: reads.key_results_page(session, SYSTEM, cursor, limit)),
        }


def show(runtime: Runtime) -> None:
    """Print one table per objective."""
    found = collect(runtime)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    if not found["objectives"]:
        console.print("No objectives yet. Describe them in a file and run: okr-connector apply -f FILE")
        return
    with runtime.store.read() as session:
        rows = {row.id: row for row in session.query(KeyResult).filter(KeyResult.retired_at.is_(None))}
    children: dict[str, list[dict[str, Any]]] = {}
    for key_result in found["key_results"]:
        children.setdefault(key_result["objective"], []).append(key_result)
    for objective in found["objectives"]:
        state = State(objective["state"])
        line = Text.assemble((visible_text(f"{SHAPES[state]} {objective['title']}"), "bold"), f" · {objective['cycle']}")
        if objective["team"]:
            line.append(f" · {objective['team']}")
        line.append(f" · {wording.STATE_WORDS[state]} · {_share(objective['progress'])} · {objective['coverage']}")
        console.print(line)
        mine = [entry for entry in children.get(objective["id"], []) if entry["id"] in rows]
        if mine:
            console.print(_table(mine, rows, runtime.now()))
        console.print()


def _table(key_results: list[dict[str, Any]], rows: dict[str, KeyResult], now: datetime) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("State", "Key result", "From → to", "Now", "Progress", "Expected", "Movement", "Why", "Source"):
        table.add_column(name, justify="right" if name in ("Now", "Progress", "Expected") else "left", overflow="fold")
    for entry in key_results:
        state, definition = State(entry["state"]), load_definition(rows[entry["id"]])
        start, target = wording.start_text(definition), wording.target_text(definition)
        now_text = wording.current_text(definition, entry["current"]) if entry["current"] is not None else UNKNOWN
        movement = wording.MOVEMENT_WORDS[Movement(entry["movement"])] if entry["movement"] else UNKNOWN
        table.add_row(
            Text(f"{SHAPES[state]} {wording.STATE_WORDS[state]}", style=COLOURS.get(state, "")),
            Text(visible_text(f"{entry['title']} ({entry['id']})")),
            Text(f"{start} → {target}" if start else target),
            Text(now_text),
            Text(_share(entry["progress"])),
            Text(_share(entry["expected"])),
            Text(movement),
            Text(visible_text(" · ".join(entry["reasons"]))),
            Text(visible_text(_source(entry, now))),
        )
    return table


def _share(value: float | None) -> str:
    return UNKNOWN if value is None else wording.percent_text(value)


def _source(entry: dict[str, Any], now: datetime) -> str:
    """Who or what gave the number, and how long ago it was true: "acme-jira, 42 items, 5 min"."""
    source = entry["source"]
    who = source["connection"] or {"check_in": "check-in", "import": "import", "milestones": "milestones"}.get(source["kind"], "")
    parts = [who or UNKNOWN]
    if source["items"] is not None:
        parts.append(f"{source['items']} item{'' if source['items'] == 1 else 's'}")
    moment = source["read_at"] if source["connection"] else entry["as_of"]
    if moment is not None:
        parts.append(age_text((now - datetime.fromisoformat(moment)).total_seconds()))
    if source["broken"]:
        parts.append(source["broken"])
    return ", ".join(parts)


def age_text(seconds: float) -> str:
    """How long ago: "now", "5 min", "3 h", "9 days"."""
    if seconds < 60:
        return "now"
    if seconds < 3600:
        return f"{int(seconds // 60)} min"
    if seconds < 48 * 3600:
        return f"{int(seconds // 3600)} h"
    return f"{int(seconds // 86400)} days"
