"""Whose change each field of a row is, as far as anybody can tell, and whose the reason that stands there. Calls no host.

One row may have been edited by several people since it was read last. Where nobody can tell who changed a field, the change is told by all
their names and has only the rights that all of them have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from connector.domain.okr_columns import REASON, DatabaseKind
from connector.domain.row_merge import same
from connector.errors import Forbidden
from connector.services.okr_databases import applying
from connector.services.okr_databases.editors import Editor, editors_of, one_of
from connector.services.okr_databases.hearing import NOBODY, Heard
from connector.services.okr_databases.merging import Plan
from connector.services.okr_databases.sides import Sides
from connector.store.tables import Connection, OkrDatabase, OkrRow

_KEPT = "reason_by"  # in ``OkrRow.shown``


@dataclass(frozen=True, slots=True)
class Credit:
    """The editors behind what was heard of a row."""

    heard: Heard
    editors: Mapping[str, Editor]

    def by(self, name: str) -> Editor:
        """Who changed a field; several as one, see ``one_of``."""
        return one_of([self.editors[each] for each in self.heard.candidates(name)])

    def groups(self, names: Iterable[str]) -> list[tuple[tuple[str, ...], list[str]]]:
        """The fields by who may have changed them."""
        found: dict[tuple[str, ...], list[str]] = {}
        for name in names:
            found.setdefault(tuple(sorted(self.heard.candidates(name))), []).append(name)
        return list(found.items())


def credit_of(session: Session, connection: Connection, heard: Heard) -> Credit:
    """Look up everybody who may have edited a row."""
    return Credit(heard, editors_of(session, connection, {*heard.authors, heard.editor, heard.account, NOBODY}))


def always(editor: Editor) -> Callable[[str], Editor]:
    """Where one editor stands for all fields."""
    return lambda name: editor


@dataclass(frozen=True, slots=True)
class Reason:
    """What stands in a row's reason column. ``accounts``: who may have written it, () when that was never noted.

    ``asked``: it came when changes waited for a reason · ``refusal``: why its writer gives none, "" when they may.
    """

    text: str = ""
    accounts: tuple[str, ...] = ()
    asked: bool = False
    refusal: str = ""

    def of(self, authors: Iterable[str]) -> str:
        """The text where it goes with a change of these: their own words, or those of somebody whom nobody knows."""
        own = set(self.accounts) <= {*authors, NOBODY}
        return self.text if own and not self.refusal else ""

    @property
    def later(self) -> str:
        """The text where it counts for the changes that have waited for one."""
        return self.text if self.asked and not self.refusal else ""


def reason_of(session: Session, database: OkrDatabase, row: OkrRow, before: Sides, plan: Plan, credit: Credit) -> Reason:
    """The reason that stands in a row, with whoever wrote it: noted when it was new, since it stays there until it is used."""
    if not plan.reason:
        return Reason()
    kept = (row.shown or {}).get(_KEPT) or {}
    accounts, asked = tuple(kept.get("accounts", ())), bool(kept.get("asked", True))
    if not same(before.seen_of(REASON), plan.reason):
        accounts = credit.heard.candidates(REASON)
        asked = bool(applying.unreasoned(session, DatabaseKind(database.kind), row.record))
    known = editors_of(session, session.get_one(Connection, row.connection_id), accounts or (NOBODY,))
    try:
        one_of(list(known.values())).definer(str((database.options or {}).get("definitions") or "everybody"))
    except Forbidden as error:
        return Reason(plan.reason, accounts, asked, str(error))
    return Reason(plan.reason, accounts, asked)


def keep_reason(row: OkrRow, reason: Reason) -> None:
    """Note at the row who wrote the reason that stands in it."""
    kept = {"accounts": list(reason.accounts), "asked": reason.asked} if reason.text else None
    shown = {name: value for name, value in (row.shown or {}).items() if name != _KEPT}
    row.shown = {**shown, _KEPT: kept} if kept else shown
