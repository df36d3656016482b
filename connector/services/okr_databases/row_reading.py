"""What a row says of an objective or key result, in the words of the plan services: people, relations and choices looked up. Reads only.

Whoever reads many rows in one transaction keeps what was looked up (``LookUps``): most rows of a page name the same people and objectives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import cached_property

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.model import FieldValue
from connector.domain.okr_columns import CYCLE, OBJECTIVE, OWNER, TEAM, DatabaseKind
from connector.domain.row_drafts import Reading, read_numbers, read_title, refs_of, text_of, unreadable
from connector.hosts.okr_databases import Row
from connector.services.okr_databases import choices
from connector.store.tables import Cycle, Objective, OkrDatabase, OkrRow, Person, PersonAccount, Team
from connector.store.visibility import objective_is_public, public

AWAITS_OBJECTIVE = "its objective"  # begins the sentences that another row's becoming an objective may end
_SHOWN = 6  # choices that a sentence lists


Above = Callable[[FieldValue], tuple[str, str]]  # what an objective's column says -> (id, "") or ("", a sentence), ("", "") for nothing


class LookUps:
    """What rows of one database name, each looked up once. For one transaction, in which objectives, people and choices stay as they are.

    ``above``: instead of ``objective_of``.
    """

    def __init__(self, session: Session, database: OkrDatabase, above: Above | None = None) -> None:
        self._session, self._database = session, database
        self._above = above or (lambda value: objective_of(session, database, value))
        self._objectives: dict[FieldValue, tuple[str, str]] = {}
        self._people: dict[str, Person | None] = {}

    def objective(self, value: FieldValue) -> tuple[str, str]:
        """See ``objective_of``."""
        if value not in self._objectives:
            self._objectives[value] = self._above(value)
        return self._objectives[value]

    def person(self, account: str) -> Person | None:
        """The person behind an account."""
        if account not in self._people:
            self._people[account] = person_behind(self._session, self._database.connection_id, account)
        return self._people[account]

    @cached_property
    def cycles(self) -> dict[str, Cycle]:
        """By their options."""
        return choices.cycles(self._session)

    @cached_property
    def teams(self) -> dict[str, Team]:
        """By their options."""
        return choices.teams(self._session)


def read(database: OkrDatabase, kind: DatabaseKind, row: Row, today: date, known: LookUps) -> Reading:
    """What the row says, needs, and has wrong."""
    names = {field: str(column.get("name", field)) for field, column in database.columns.items()}
    reading = Reading()
    read_title(reading, row.values, names)
    if kind is DatabaseKind.OBJECTIVES:
        _cycle(reading, database, row.values, names, today, known)
        _team(reading, row.values, names, known)
    else:
        _objective(reading, known, row.values, names)
        _owner(reading, row.values, names, known)
        read_numbers(reading, row.values, names, row.unit)
    return reading


def objective_of(session: Session, database: OkrDatabase, value: FieldValue) -> tuple[str, str]:
    """(the objective's id, "") behind a relation or a text, or ("", why there is none, a sentence); ("", "") for an empty value."""
    if isinstance(value, str) and value and database.columns.get(OBJECTIVE, {}).get("type") != "relation":
        found_id, why = by_title(session, database, value)
        return found_id, f"{AWAITS_OBJECTIVE} is not known: {why}" if why else ""
    refs = refs_of(value)
    if not refs:
        return "", ""
    if len(refs) > 1:
        return "", f"{AWAITS_OBJECTIVE} is not clear: {len(refs)} are related; keep one"
    found = session.execute(
        select(OkrRow.record, OkrRow.title, OkrRow.gone_at, OkrRow.missing, OkrDatabase.kind)
        .join(OkrDatabase, OkrDatabase.id == OkrRow.database_id)
        .where(OkrRow.connection_id == database.connection_id, OkrRow.ref == refs[0])
    ).first()
    if found is None or found.kind != DatabaseKind.OBJECTIVES:
        return "", f"{AWAITS_OBJECTIVE} is a row that is not known here; it is looked for at the next reading"
    shown = f"“{' '.join(found.title.split())[:80]}”" if found.title.strip() else "without a title"
    if not found.record:
        needs = "; ".join(found.missing or ()) or "it was not read yet"
        return "", f"{AWAITS_OBJECTIVE} {shown} is a draft itself: {needs}"
    if found.gone_at is not None:
        return "", f"{AWAITS_OBJECTIVE} {shown} is in the trash; restore it or choose another"
    above = session.get(Objective, found.record)
    if above is not None and not objective_is_public(session, above.id):
        return "", f"{AWAITS_OBJECTIVE} is not shown here; choose another"
    if above is None or above.retired_at is not None:
        return "", f"{AWAITS_OBJECTIVE} {shown} was retired; choose another"
    if above.closed_at is not None:
        return "", f"{AWAITS_OBJECTIVE} {shown} is closed and takes no new key results; choose another"
    return above.id, ""


def by_title(session: Session, database: OkrDatabase, title: str) -> tuple[str, str]:
    """(the id of the objective of that title in the cycles that were chosen, "") or ("", why there is none)."""
    cycles = list((database.options or {}).get("cycles") or ())
    query = (
        select(Objective.id, Objective.title)
        .join(Cycle, Cycle.id == Objective.cycle_id)
        .where(Objective.retired_at.is_(None), Objective.closed_at.is_(None), public())
    )
    rows = session.execute(query.where(Cycle.name.in_(cycles)) if cycles else query)
    wanted = " ".join(title.split())
    found = [each.id for each in rows if " ".join(each.title.split()).casefold() == wanted.casefold()]
    if len(found) == 1:
        return found[0], ""
    within = f" in {', '.join(cycles[:_SHOWN])}" if cycles else ""
    if found:
        return "", f"{len(found)} objectives are called “{wanted[:80]}”{within}; give one of them another title"
    return "", f"there is no objective “{wanted[:80]}”{within}; write the title of one, or make it first"


def _objective(reading: Reading, known: LookUps, values: Mapping[str, FieldValue], names: Mapping[str, str]) -> None:
    value = values.get(OBJECTIVE)
    if sentence := unreadable(value, names.get(OBJECTIVE, "Objective")):
        reading.wrong.append(f"{sentence}: share the database of the objectives with the connection too")
        return
    found, sentence = known.objective(value)
    if found:
        reading.given["objective"] = found
    elif sentence:
        reading.wrong.append(sentence)
    else:
        reading.needs.append("an objective")


def _owner(reading: Reading, values: Mapping[str, FieldValue], names: Mapping[str, str], known: LookUps) -> None:
    name = names.get(OWNER, "Owner")
    value = values.get(OWNER)
    if sentence := unreadable(value, name):
        reading.wrong.append(sentence)
        return
    accounts = refs_of(value)
    if not accounts:
        reading.needs.append("an owner")
    elif len(accounts) > 1:
        reading.wrong.append(f"“{name}” holds {len(accounts)} people; a key result has exactly one owner: keep one")
    else:
        person = known.person(accounts[0])
        if person is None:
            reading.wrong.append(f"“{name}”: this account belongs to nobody here yet; an admin adds them, or their account, under People")
        elif not person.active:
            reading.wrong.append(f"“{name}”: {person.name} is not active here any more; choose another owner")
        else:
            reading.given["owner"] = person.email


def person_behind(session: Session, connection_id: int, account: str) -> Person | None:
    """The person whose account at a connection this is, active or not."""
    return session.scalar(
        select(Person)
        .join(PersonAccount, PersonAccount.person_id == Person.id)
        .where(PersonAccount.connection_id == connection_id, PersonAccount.account == account)
    )


def _cycle(
    reading: Reading, database: OkrDatabase, values: Mapping[str, FieldValue], names: Mapping[str, str], today: date, known: LookUps
) -> None:
    name = names.get(CYCLE, "Cycle")
    if sentence := unreadable(values.get(CYCLE), name):
        reading.wrong.append(sentence)
        return
    chosen = (database.options or {}).get("cycles") or []
    # Where rows of one cycle alone are kept, a row that names none belongs to it.
    text = text_of(values.get(CYCLE)) or (chosen[0] if len(chosen) == 1 else "")
    if not text:
        reading.needs.append("a cycle")
        return
    found: Cycle | None = choices.found(known.cycles, text)
    if found is None:
        listed = [each for each, row in known.cycles.items() if row.end >= today and row.started_at is not None][:_SHOWN]
        there = f"choose one of {', '.join(listed)}" if listed else "a lead makes it under Cycles first"
        reading.wrong.append(f"“{name}”: there is no cycle {text[:60]!r}; {there}")
    elif found.end < today:
        reading.wrong.append(f"“{name}”: the cycle {found.name} is over; choose one that runs or comes")
    elif found.started_at is None:
        # Made now, its record could not be shown, and the row would be emptied before anybody has it elsewhere.
        reading.wrong.append(
            f"“{name}”: the cycle {found.name} has not started; this row is taken over when it has, or choose one that runs"
        )
    else:
        reading.given["cycle"] = found.name


def _team(reading: Reading, values: Mapping[str, FieldValue], names: Mapping[str, str], known: LookUps) -> None:
    name = names.get(TEAM, "Team")
    if sentence := unreadable(values.get(TEAM), name):
        reading.wrong.append(sentence)
        return
    text = text_of(values.get(TEAM))
    if not text:
        return
    found = choices.found(known.teams, text)
    if found is None:
        listed = ", ".join(list(known.teams)[:_SHOWN])
        there = f"choose one of {listed}, or leave it empty" if listed else "leave it empty, or have a lead make the team first"
        reading.wrong.append(f"“{name}”: there is no team {text[:60]!r}; {there}")
    else:
        reading.given["team"] = found.name
