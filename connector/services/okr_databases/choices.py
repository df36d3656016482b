"""Teams and cycles as options of a host's choice columns, and back. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.okr_columns import CYCLE, TEAM, Column
from connector.store.tables import Cycle, Team

LONGEST = 100  # characters of an option
MOST = 100  # options of a column


def option_name(name: str) -> str:
    """A name as an option: one line, without the comma, which hosts keep for parting several, and not too long."""
    return " ".join(name.replace(",", " ·").split())[:LONGEST].strip()


def teams(session: Session) -> dict[str, Team]:
    """Option → team, in the order of names."""
    rows = session.scalars(select(Team).where(Team.retired_at.is_(None)).order_by(Team.name))
    return {option_name(row.name): row for row in rows}


def cycles(session: Session) -> dict[str, Cycle]:
    """Option → cycle, the latest first."""
    rows = session.scalars(select(Cycle).where(Cycle.retired_at.is_(None)).order_by(Cycle.start.desc(), Cycle.name))
    return {option_name(row.name): row for row in rows}


def found(choices: Mapping[str, Any], text: str) -> Any | None:
    """What a person's choice means; letter case and outer blanks do not matter. None for an unknown one."""
    wanted = option_name(text).casefold()
    return next((each for name, each in choices.items() if name.casefold() == wanted), None)


def chosen_cycles(session: Session, options: Mapping[str, Any], today: date) -> list[Cycle]:
    """The cycles whose rows are kept: those that were chosen, else those that run and those that come."""
    names = options.get("cycles") or []
    query = select(Cycle).where(Cycle.retired_at.is_(None)).order_by(Cycle.start, Cycle.id)
    return list(session.scalars(query.where(Cycle.name.in_(names)) if names else query.where(Cycle.end >= today)))


def with_options(session: Session, column: Column) -> Column:
    """The column with the teams or cycles of now as its options."""
    if column.field == TEAM:
        return replace(column, options=tuple(teams(session))[:MOST])
    if column.field == CYCLE:
        return replace(column, options=tuple(cycles(session))[:MOST])
    return column
