"""What a row says of an objective or key result, in the words of the plan services: people, relations and choices looked up. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.model import FieldValue
from connector.domain.okr_columns import CYCLE, OBJECTIVE, OWNER, TEAM, DatabaseKind
from connector.domain.row_drafts import Reading, read_numbers, read_title, refs_of, text_of, unreadable
from connector.hosts.okr_databases import Row
from connector.services.okr_databases import choices
from connector.store.tables import Cycle, Objective, OkrDatabase, OkrRow, Person, PersonAccount
from connector.store.visibility import READY

AWAITS_OBJECTIVE = "its objective"  # begins the sentences that another row's becoming an objective may end
_SHOWN = 6  # choices that a sentence lists


Above = Callable[[FieldValue], tuple[str, str]]  # what an objective's column says -> (id, "") or ("", a sentence), ("", "") for nothing


def read(session: Session, database: OkrDatabase, kind: DatabaseKind, row: Row, today: date, above: Above | None = None) -> Reading:
    """What the row says, needs, and has wrong. ``above``: instead of ``objective_of``."""
    names = {field: str(column.get("name", field)) for field, column in database.columns.items()}
    reading = Reading()
    read_title(reading, row.values, names)
    if kind is DatabaseKind.OBJECTIVES:
        _cycle(session, reading, database, row.values, names, today)
        _team(session, reading, row.values, names)
    else:
        _objective(reading, above or (lambda value: objective_of(session, database, value)), row.values, names)
        _owner(session, reading, database, row.values, names)
        read_numbers(reading, row.values, names)
    return reading


def objective_of(session: Session, database: OkrDatabase, value: FieldValue) -> tuple[str, str]:
    """(the objective's id, "") behind a relation or a text, or ("", why there is none, a sentence); ("", "") for an empty value."""
    if isinstance(value, str) and value and database.columns.get(OBJECTIVE, {}).get("type") != "relation":
        return _by_title(session, value)
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
    if above is None or above.retired_at is not None:
        return "", f"{AWAITS_OBJECTIVE} {shown} was retired; choose another"
    if above.closed_at is not None:
        return "", f"{AWAITS_OBJECTIVE} {shown} is closed and takes no new key results; choose another"
    if above.restricted or above.stage != READY:
        return "", f"{AWAITS_OBJECTIVE} {shown} is not kept here; choose another"
    return above.id, ""


def _by_title(session: Session, title: str) -> tuple[str, str]:
    wanted = " ".join(title.split())
    rows = session.execute(
        select(Objective.id, Objective.title).where(
            Objective.retired_at.is_(None), Objective.closed_at.is_(None), Objective.restricted.is_(False), Objective.stage == READY
        )
    )
    found = [each.id for each in rows if " ".join(each.title.split()).casefold() == wanted.casefold()]
    if len(found) == 1:
        return found[0], ""
    many = "several are called so" if found else "none is called so here"
    return "", f"{AWAITS_OBJECTIVE} “{wanted[:80]}” is not clear: {many}"


def _objective(reading: Reading, above: Above, values: Mapping[str, FieldValue], names: Mapping[str, str]) -> None:
    value = values.get(OBJECTIVE)
    if sentence := unreadable(value, names.get(OBJECTIVE, "Objective")):
        reading.wrong.append(f"{sentence}: share the database of the objectives with the connection too")
        return
    found, sentence = above(value)
    if found:
        reading.given["objective"] = found
    elif sentence:
        reading.wrong.append(sentence)
    else:
        reading.needs.append("an objective")


def _owner(session: Session, reading: Reading, database: OkrDatabase, values: Mapping[str, FieldValue], names: Mapping[str, str]) -> None:
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
        email, sentence = person_of(session, database.connection_id, accounts[0], name)
        if email:
            reading.given["owner"] = email
        else:
            reading.wrong.append(sentence)


def person_of(session: Session, connection_id: int, account: str, name: str) -> tuple[str, str]:
    """(e-mail address of the active person behind an account, "") or ("", a sentence with the mend)."""
    person = session.scalar(
        select(Person)
        .join(PersonAccount, PersonAccount.person_id == Person.id)
        .where(PersonAccount.connection_id == connection_id, PersonAccount.account == account)
    )
    if person is None:
        return "", f"“{name}”: this account belongs to nobody here yet; an admin adds them, or their account, under People"
    if not person.active:
        return "", f"“{name}”: {person.name} is not active here any more; choose another owner"
    return person.email, ""


def _cycle(
    session: Session, reading: Reading, database: OkrDatabase, values: Mapping[str, FieldValue], names: Mapping[str, str], today: date
) -> None:
    name = names.get(CYCLE, "Cycle")
    if sentence := unreadable(values.get(CYCLE), name):
        reading.wrong.append(sentence)
        return
    chosen = (database.options or {}).get("cycles") or []
    # Where rows of one cycle alone are kept, a row that names none belongs to it.
    text = text_of(values.get(CYCLE)) or (chosen[0] if len(chosen) == 1 else "")
    known = choices.cycles(session)
    if not text:
        reading.needs.append("a cycle")
        return
    found: Cycle | None = choices.found(known, text)
    if found is None:
        listed = [each for each, row in known.items() if row.end >= today][:_SHOWN]
        there = f"choose one of {', '.join(listed)}" if listed else "a lead makes it under Cycles first"
        reading.wrong.append(f"“{name}”: there is no cycle {text[:60]!r}; {there}")
    elif found.end < today:
        reading.wrong.append(f"“{name}”: the cycle {found.name} is over; choose one that runs or comes")
    else:
        reading.given["cycle"] = found.name


def _team(session: Session, reading: Reading, values: Mapping[str, FieldValue], names: Mapping[str, str]) -> None:
    name = names.get(TEAM, "Team")
    if sentence := unreadable(values.get(TEAM), name):
        reading.wrong.append(sentence)
        return
    text = text_of(values.get(TEAM))
    if not text:
        return
    known = choices.teams(session)
    found = choices.found(known, text)
    if found is None:
        listed = ", ".join(list(known)[:_SHOWN])
        there = f"choose one of {listed}, or leave it empty" if listed else "leave it empty, or have a lead make the team first"
        reading.wrong.append(f"“{name}”: there is no team {text[:60]!r}; {there}")
    else:
        reading.given["team"] = found.name
