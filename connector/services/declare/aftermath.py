"""What an ``apply`` makes necessary, as wanted work: list mappings, compute key results, write panels, rows and pages. Calls no host."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from connector.services import leads_wanted, panels
from connector.services.okr_databases import showing
from connector.services.row_check_ins.rows import want_retold
from connector.store import work
from connector.store.tables import KeyResult, Mapping, Panel

_PAIRS = 200  # (connection, ref) pairs per statement: two bound values each


@dataclass
class WorkToDo:
    """Collected while the plan is carried out. ``places``: (connection id, ref) of panels to write, or to clear.

    ``connections``: filled by ``want``, those that have rows of OKR databases or leads' pages to write.
    """

    key_results: set[str] = field(default_factory=set)
    mappings: set[int] = field(default_factory=set)
    places: set[tuple[int, str]] = field(default_factory=set)
    objectives: set[str] = field(default_factory=set)
    connections: set[int] = field(default_factory=set)

    def want(self, session: Session, now: float) -> None:
        """Ask for all of it; key results and mappings that are retired by now are left out."""
        active = sorted(self.key_results & set(session.scalars(select(KeyResult.id).where(KeyResult.retired_at.is_(None)))))
        work.want(session, Mapping, sorted(self.mappings), now)
        work.want(session, KeyResult, active, now)
        for start in range(0, len(active), work.BATCH):
            part = active[start : start + work.BATCH]
            panels.place(session, part, changed=part, now=now)
        work.want(session, Panel, sorted(self._panels(session)), now, quiet=panels.QUIET, longest=panels.LONGEST, gap=panels.REST)
        self.connections |= showing.want_changed(session, self.key_results, now, objectives=self.objectives)
        # What may not be shown any more leaves every place at once, not only those that show values.
        self.connections |= want_retold(session, self.key_results, now)
        self.connections |= leads_wanted.want_changed(session, self.key_results | self.objectives, now)

    def _panels(self, session: Session) -> set[int]:
        """The panels that stand at the places; what has no panel yet gets it with its first value."""
        places = sorted(self.places)
        found: set[int] = set()
        for start in range(0, len(places), _PAIRS):
            spots: list[Any] = [and_(Panel.connection_id == each, Panel.ref == ref) for each, ref in places[start : start + _PAIRS]]
            found.update(session.scalars(select(Panel.id).where(or_(*spots))))
        return found
