"""The views that a set-up makes where the host allows it. Data only; people change or delete them as they like."""

from __future__ import annotations

from collections.abc import Mapping

from connector.domain.okr_columns import (
    BLOCKER,
    CONFIDENCE,
    CYCLE,
    DECISION,
    DUE,
    FROM,
    KEY_RESULT,
    MOVEMENT,
    NOTE,
    OBJECTIVE,
    OWNER,
    PROGRESS,
    STATE,
    TEAM,
    TITLE,
    TO,
    UNIT,
    UPDATED,
    UPDATED_BY,
    VALUE,
    DatabaseKind,
)
from connector.hosts.okr_databases import View

NEEDS_UPDATE = ("Overdue update", "No data", "Data late", "Stalled")

VIEWS: Mapping[DatabaseKind, tuple[View, ...]] = {
    DatabaseKind.OBJECTIVES: (View("By status", "board", STATE, (TITLE, TEAM, CYCLE, PROGRESS)),),
    DatabaseKind.KEY_RESULTS: (
        View("Key results", "table", "", (TITLE, OBJECTIVE, OWNER, FROM, TO, VALUE, UNIT, PROGRESS, STATE, CONFIDENCE, BLOCKER, NOTE)),
        View("By status", "board", STATE, (TITLE, OWNER, PROGRESS, CONFIDENCE, BLOCKER)),
        View(
            "Needs an update",
            "table",
            "",
            (TITLE, OWNER, STATE, UPDATED, VALUE, CONFIDENCE, BLOCKER, DECISION, NOTE),
            only={STATE: NEEDS_UPDATE},
        ),
    ),
    DatabaseKind.CHECK_INS: (
        View("Progress over time", "chart", UPDATED, (PROGRESS, KEY_RESULT)),
        View("Latest", "table", "", (TITLE, KEY_RESULT, UPDATED, VALUE, MOVEMENT, CONFIDENCE, BLOCKER, UPDATED_BY)),
    ),
    DatabaseKind.DECISIONS: (
        View("By state", "board", STATE, (TITLE, KEY_RESULT, OWNER, DUE)),
        View("Due", "table", "", (TITLE, KEY_RESULT, OWNER, DUE, STATE), only={STATE: ("asked", "open")}),
    ),
}
