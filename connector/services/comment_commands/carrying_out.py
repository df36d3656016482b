"""Carries out what a comment says: which key results, by whom, filed through the one check-in service; gives the words of the answer.

The answer is read by everybody who sees the item, so a key result that hosts may not show does not exist here. Either all of a comment is
filed or nothing of it. Calls no host.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.checkin import check_in_faults
from connector.domain.commands import Command, Spoken, merge
from connector.domain.model import Definition
from connector.domain.rights import Viewer
from connector.errors import Conflict, Forbidden, InputError, NotFound
from connector.hosts.base import Comment
from connector.runtime import Runtime
from connector.services.check_ins import file_check_in, updatable, why_not
from connector.services.check_ins.opening import carried_with_draft, over_text
from connector.services.check_ins.steps import NO_NUMBER, form_address, stepwise
from connector.services.comment_commands import answers
from connector.services.comment_commands.serving import served_there
from connector.services.facts import Facts, load_facts
from connector.services.panels import describe_key_result
from connector.services.sites import address_of, connections_of_site
from connector.store.tables import CheckIn, CommentCommand, Connection, Person, PersonAccount

SOURCE = "comment"
CLOCKS = timedelta(seconds=90)  # by how much the clocks of a host and ours may differ
STATUSES = 10  # key results that one answer tells about


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a comment. ``word``: "filed", "draft", "told", "mistake", "refused"; "none", "own", "gone" say why nothing was.

    ``text`` is the answer, "" for none; ``digest`` is of the commands.
    """

    word: str
    digest: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class _Update:
    """One check-in that a comment makes: ``fields`` with what is carried over, ``said`` what the comment itself says."""

    facts: Facts
    command: Command
    fields: dict[str, Any]
    identity: str


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a comment stands: the connection, its time, who speaks."""

    connection: Connection
    comment: Comment
    person: Person | None

    @property
    def viewer(self) -> Viewer:
        """The speaker, as rights are asked for."""
        person = self.person
        if person is None:
            return Viewer(f"{self.connection.name}:{self.comment.speaker}", "viewer")
        return Viewer(person.email, person.role, person.id, person.email, person.name)


def carry_out(runtime: Runtime, connection: Connection, row: CommentCommand, comment: Comment, spoken: Spoken) -> Outcome:
    """File what a comment says, or say why not. Twice is one check-in and the same answer."""
    word = runtime.dialect(connection.host).place
    with runtime.store.read() as session:
        site = [connection.id, *(each.id for each in connections_of_site(session, connection) if each.id != connection.id)]
        there = _shown_there(session, site, row.ref)
        place = _Place(connection, comment, _person(session, site, comment.speaker))
        targets, mistakes = _targets(spoken, there, word)
        updates = {name: command for name, command in targets.items() if command.updates}
        facts = load_facts(session, list(updates), computing=False) if updates else {}
        refusal = "" if mistakes or not updates else _refusal(runtime, session, place, [facts[name] for name in updates])
        filings: list[_Update] = []
        if not mistakes and not refusal:
            filings, mistakes, refusal = _prepared(runtime, session, place, row, {name: facts[name] for name in updates}, updates)
    several = len(there) > 1
    if mistakes:
        return Outcome("mistake", spoken.digest, answers.mistakes_text(mistakes))
    if refusal:
        return Outcome("refused", spoken.digest, answers.refused_text(refusal))
    try:
        parts = [_filed(runtime, place, each, several=several) for each in filings]
    except (Conflict, Forbidden, InputError, NotFound) as error:  # something changed since it was looked at a moment ago
        return Outcome("refused", spoken.digest, answers.refused_text(str(error)))
    asked = [name for name, command in targets.items() if command.status and not command.updates]
    if not spoken.commands or any(command.help for command in spoken.commands):
        parts.append((False, answers.help_text(list(there.items()), word)))
    parts += [(False, text) for text in _statuses(runtime, asked)]
    word = "draft" if any(draft for draft, _ in parts) else "filed" if filings else "told"
    return Outcome(word, spoken.digest, "\n".join(text for _, text in parts))


def _shown_there(session: Session, site: Sequence[int], ref: str) -> dict[str, str]:
    """Id and title of the key results that the item serves, through any connection of its site, and that all who see it may know of."""
    found = [served for each in site for served in served_there(session, each, ref)]
    return {each.id: each.title for each in found if each.public}


def _person(session: Session, site: Sequence[int], account: str) -> Person | None:
    """Whose account it is; the connection that answers counts before others of its site."""
    found = session.execute(
        select(Person, PersonAccount.connection_id)
        .join(PersonAccount, PersonAccount.person_id == Person.id)
        .where(
            PersonAccount.connection_id.in_(site),
            PersonAccount.account == account,
            PersonAccount.left_at.is_(None),
            Person.active.is_(True),
        )
    ).all()
    return min(found, key=lambda row: site.index(row[1]))[0] if found else None


def _targets(spoken: Spoken, there: dict[str, str], word: str) -> tuple[dict[str, Command], list[str]]:
    """What is said about each key result, by id. Nothing is guessed: several and none named is a mistake."""
    mistakes = list(spoken.mistakes)
    names = list(there.items())
    grouped: dict[str, list[Command]] = {}
    for command in spoken.commands:
        if command.name in there:
            grouped.setdefault(command.name, []).append(command)
        elif command.name:
            mistakes.append(answers.unknown_name(names, word))
        elif (command.updates and len(there) != 1) or (command.status and not there):
            mistakes.append(answers.which_one(names, word))
        elif command.updates or command.status:
            for name in there:
                grouped.setdefault(name, []).append(command)
    targets: dict[str, Command] = {}
    for name, commands in grouped.items():
        merged = merge(commands, name)
        targets[name] = merged.commands[0]
        mistakes += merged.mistakes
    return targets, list(dict.fromkeys(mistakes))


def _refusal(runtime: Runtime, session: Session, place: _Place, wanted: Sequence[Facts]) -> str:
    if place.person is None:
        return answers.unknown_account(runtime.settings.base_url)
    allowed = updatable(session, place.viewer, [facts.row.id for facts in wanted])
    for facts in wanted:
        if over := over_text(facts, runtime):
            return over
        if facts.row.id not in allowed:
            return why_not(place.viewer, facts.owner.name if facts.owner else "")
    return ""


def _prepared(
    runtime: Runtime, session: Session, place: _Place, row: CommentCommand, facts: dict[str, Facts], updates: dict[str, Command]
) -> tuple[list[_Update], list[str], str]:
    """The check-ins to file, everything that is wrong with them, and why they are too late."""
    filings: list[_Update] = []
    mistakes: list[str] = []
    for name, command in updates.items():
        known = facts[name]
        said: dict[str, Any] = command.said()
        if command.unit and (wrong := _wrong_unit(command, known.definition)):
            mistakes.append(wrong)
        if "decision" in said:
            said["decision"] = said["decision"].value
        fields = carried_with_draft(session, known, place.person) | said
        for fault in check_in_faults(fields, known.definition):
            mistakes.append(f"{fault.field}: {fault.message}")
        if stepwise(known) and command.value is not None:
            mistakes.append(f"value: {NO_NUMBER}: {form_address(runtime.settings.base_url, name)}")
        identity, repeated = _identity(session, place, row, name, Spoken((command,)).digest)
        if not repeated and (newer := _newer(session, place, known)):
            return [], mistakes, answers.too_late(name, newer, runtime.settings.zone)
        filings.append(_Update(known, command, fields, identity))
    return filings, mistakes, ""


def _wrong_unit(command: Command, definition: Definition) -> str:
    """What stood behind a number and is not the key result's unit: 42 million, or 42 of another currency, is not 42."""
    said, unit = command.unit.casefold(), definition.unit.strip().casefold()
    if said in (unit, unit.removesuffix("s")) or (unit == "%" and said in ("percent", "per cent")):
        return ""
    measured = f"“{command.name}” is measured in {definition.unit.strip()}" if unit else f"“{command.name}” has no unit"
    return f"value: {measured}, and something else stands behind the number; write the number alone, for example “/okr value 42”"


# --- once, and in order ------------------------------------------------------------------------------------------------


def _identity(session: Session, place: _Place, row: CommentCommand, key_result: str, digest: str) -> tuple[str, bool]:
    """The identity of this check-in, and whether it was filed already.

    ``site:comment:key result:number:moment:digest``; two connections of one site tell of one comment. The number counts its changed
    wordings, so that an edit back to the first one is filed again; the moment (milliseconds) is when it was said.
    """
    prefix = f"{address_of(place.connection)}:{row.comment_id}:{key_result}:"
    before = session.scalars(
        select(CheckIn.source_id)
        .where(CheckIn.source == SOURCE, CheckIn.key_result_id == key_result, CheckIn.source_id.startswith(prefix, autoescape=True))
        .order_by(CheckIn.id.desc())
    ).all()
    if before and before[0].endswith(f":{digest}"):
        return before[0], True
    said = place.comment.said_at
    number = max((int(each.removeprefix(prefix).partition(":")[0]) for each in before), default=0) + 1
    return f"{prefix}{number}:{int(said.timestamp() * 1000) if said else 0}:{digest}", False


def _newer(session: Session, place: _Place, facts: Facts) -> datetime | None:
    """When something newer was filed than what the comment says: events come late, and must not turn the number back."""
    said = place.comment.said_at
    if said is None:
        return None
    row = session.scalars(
        select(CheckIn).where(CheckIn.key_result_id == facts.row.id, CheckIn.draft.is_(False)).order_by(CheckIn.id.desc()).limit(1)
    ).one_or_none()
    if row is None:
        return None
    if row.source == SOURCE:
        then = _said_at(row.source_id)
        return then if then is not None and then > said else None
    return row.created_at if row.created_at > said + CLOCKS else None


def _said_at(identity: str) -> datetime | None:
    part = identity.rsplit(":", 2)[-2] if identity.count(":") >= 5 else ""
    return datetime.fromtimestamp(int(part) / 1000, UTC) if part.isdecimal() and int(part) else None


# --- filing and telling ------------------------------------------------------------------------------------------------


def _filed(runtime: Runtime, place: _Place, update: _Update, *, several: bool) -> tuple[bool, str]:
    """File one check-in; whether it is a draft, and what to answer."""
    assert place.person is not None  # ``_refusal`` has seen to that
    name = update.facts.row.id
    filed = file_check_in(
        runtime,
        name,
        update.fields,
        author=place.person.email,
        source=SOURCE,
        source_id=update.identity,
        viewer=place.viewer,
        worded=True,
    )
    with runtime.store.read() as session:
        row = session.get(CheckIn, filed.id)
        facts = load_facts(session, [name], computing=False)[name]
    panel = describe_key_result(facts, runtime.settings.base_url, runtime.now(), runtime.settings.zone)
    if row is None:  # a draft that was completed another way since
        return False, answers.status_text(panel)
    carried = (frozenset(update.fields) | {"value"}) - frozenset(update.command.said())
    if row.draft:
        missing = [each for each in filed.missing if each not in update.fields] or list(filed.missing)
        return True, answers.draft_text(panel, row, facts.definition, carried, missing, name if several else "")
    said = answers.filed_text(panel, row, facts.definition, carried)
    return False, f"{said} It came {filed.late}." if filed.late else said


def _statuses(runtime: Runtime, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    with runtime.store.read() as session:
        facts = load_facts(session, names[:STATUSES], computing=False)
    shown = [facts[name] for name in names[:STATUSES] if name in facts]
    told = [
        answers.status_text(describe_key_result(each, runtime.settings.base_url, runtime.now(), runtime.settings.zone)) for each in shown
    ]
    return told + ([f"And {len(names) - STATUSES} more; name one to see it."] if len(names) > STATUSES else [])
