"""A mapping's names asked at the host, with what only we know: whose account an e-mail address is, which day it is, the cycle's days."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.errors import InputError
from connector.hosts.base import Host, Resolution
from connector.runtime import Runtime
from connector.store.tables import Cycle, KeyResult, Objective, Person, PersonAccount
from mappings.rules import Condition, Draft, Op, SelectorKind, Wishes, field_names, needs_clock


def resolve(
    runtime: Runtime,
    connection_id: int | None,
    host: Host,
    rule: Draft,
    known: Resolution | None = None,
    *,
    key_result: str = "",
    lenient: bool = False,
) -> Resolution:
    """See ``Host.resolve``. ``known``: what was resolved before; ``key_result``: whose cycle "this cycle" is.

    Raises what the host raises, and ``InputError`` for a person who has no account there, as long as nothing was resolved before and
    it is not ``lenient``; else that makes the number wrong, and the answer says so.
    """
    answer = host.resolve(rule.selector, field_names(rule), known, also=rule.done)
    if rule.selector.kind not in (SelectorKind.DATABASE, SelectorKind.ROWS):
        return answer
    people = sorted({each for wishes in (rule.selector.filter, rule.done) for each in _people(wishes)})
    dated = needs_clock(rule.selector.filter) or needs_clock(rule.done)
    if not people and not dated:
        return answer
    with runtime.store.read() as session:
        accounts = _accounts(session, connection_id, people)
        clock = _clock(runtime, session, key_result) if dated else {}
    strangers = [each for each in people if "@" in each and each not in accounts]
    if strangers and known is None and not lenient:
        raise InputError(_stranger(strangers[0]), where="select.filter")
    return replace(answer, refs={**answer.refs, **accounts}, clock=clock, wrong=(*answer.wrong, *(_stranger(each) for each in strangers)))


def _people(wishes: Wishes) -> list[str]:
    return [
        str(value)
        for wished in wishes.values()
        for each in wished
        if isinstance(each, Condition)
        for op, value in each.tests
        if op is Op.PERSON
    ]


def _accounts(session: Session, connection_id: int | None, people: list[str]) -> dict[str, str]:
    """E-mail address as written → account."""
    emails = {each.strip().lower(): each for each in people if "@" in each}
    if not emails or connection_id is None:
        return {}
    rows = session.execute(
        select(Person.email, PersonAccount.account)
        .join(PersonAccount, PersonAccount.person_id == Person.id)
        .where(PersonAccount.connection_id == connection_id, Person.email.in_(emails))
    )
    return {emails[row.email]: row.account for row in rows}


def _stranger(email: str) -> str:
    return f"{email} has no account in this workspace that is known here; connect it at the person, or name the account itself"


def _clock(runtime: Runtime, session: Session, key_result: str) -> dict[str, str]:
    zone = runtime.settings.zone
    clock = {"zone": str(zone), "today": runtime.now().astimezone(zone).date().isoformat()}
    cycle = session.execute(
        select(Cycle.start, Cycle.end)
        .join(Objective, Objective.cycle_id == Cycle.id)
        .join(KeyResult, KeyResult.objective_id == Objective.id)
        .where(KeyResult.id == key_result)
    ).first()
    return clock if cycle is None else {**clock, "begin": cycle.start.isoformat(), "end": cycle.end.isoformat()}
