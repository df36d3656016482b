"""A decision becomes an issue or a row where people work, and closes with it (R065).

It is wanted in the transaction of the decision and made by the drain of its connection, once: before the request is sent it is noted that
it may have been made, and after an answer that got lost it is looked for before another is made.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.domain.model import Category, Item
from connector.domain.plain_text import SENTENCE, TITLE, one_line
from connector.domain.rights import Act, Viewer
from connector.domain.wording import day_text
from connector.errors import HostError, InputError, Uncertain
from connector.hosts.makers import ItemMaker
from connector.runtime import Runtime
from connector.services import connections
from connector.services.changes import record_by_system
from connector.services.decisions import DONE, OPEN, view
from connector.services.leads_wanted import want_changed
from connector.services.messages import tell_item, tell_person
from connector.services.mirror import mark_dirty
from connector.services.row_check_ins.rows import want_decision
from connector.services.sources import database_name
from connector.store import work
from connector.store.tables import Connection, Decision, DecisionIssue, KeyResult, Person
from connector.store.visibility import key_result_is_public
from mappings.repository import load_links
from mappings.rules import SelectorKind

log = structlog.get_logger(__name__)

AT_ONCE = 3
LEASE = 90.0  # seconds
LAG = 60.0  # seconds until a search shows what was made a moment ago
DEFAULT_KIND = "Task"
NOT_PUBLIC = "this key result is not for everybody; an issue would show it to all who read there"
_PROJECT = re.compile(r"[A-Z][A-Z0-9_]{1,24}")
_SOURCE = re.compile(r"[0-9a-fA-F-]{32,36}")
_KIND = re.compile(r"[^\x00-\x1f|]{1,60}")


@dataclass(frozen=True, slots=True)
class Wish:
    """Where an issue or row is to be made, and as what."""

    connection_id: int
    container: str
    kind: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A place that a form offers. ``value`` is what it sends: "12|HARB|Task"."""

    value: str
    label: str


def offers(session: Session, key_results: Collection[str]) -> dict[str, list[Offer]]:
    """By key result, where an issue or row of a decision could be made: the projects and databases of its own mappings. Two statements."""
    found: dict[str, dict[str, Offer]] = {}
    links = load_links(session, key_results=list(key_results)) if key_results else []
    rows = session.scalars(select(Connection).where(Connection.id.in_({each.connection_id for each in links})))
    names = {row.id: row for row in rows if row.retired_at is None and row.parked_at is None}
    for link in links:
        connection = names.get(link.connection_id)
        if connection is None:
            continue
        mine = found.setdefault(link.key_result_id, {})
        if connection.host == "jira":
            for project in _projects(link):
                value = f"{connection.id}|{project}|{DEFAULT_KIND}"
                mine[value] = Offer(value, f"an issue in {project} ({connection.name})")
        elif link.rule.selector.kind is SelectorKind.DATABASE and link.resolved.containers:
            value = f"{connection.id}|{link.resolved.containers[0]}|"
            mine[value] = Offer(value, f"a row in “{database_name(link) or 'the database'}” ({connection.name})")
    return {name: list(mine.values()) for name, mine in found.items()}


def _projects(link: object) -> list[str]:
    selector = link.rule.selector  # type: ignore[attr-defined]
    keys = (*selector.epics, *selector.issues)
    named = [key.rpartition("-")[0].upper() for key in keys if "-" in key] or ([selector.project.upper()] if selector.project else [])
    return [name for name in dict.fromkeys(named) if _PROJECT.fullmatch(name)]


def checked_wish(session: Session, viewer: Viewer, key_result_id: str, given: object) -> Wish | None:
    """The wish for an issue or row as a form sends it; None for "". Raises ``InputError`` at "issue".

    Those who write plans choose any place; others a project or database that the key result's own mappings offer.
    """
    wish = _read_wish(session, given)
    if wish is not None and not viewer.may(Act.WRITE):
        offered = {tuple(each.value.split("|")[:2]) for each in offers(session, [key_result_id]).get(key_result_id, ())}
        if (str(wish.connection_id), wish.container) not in offered:
            raise InputError("this key result has no such place; choose one that is offered, or ask a lead to make it there", where="issue")
    return wish


def _read_wish(session: Session, given: object) -> Wish | None:
    text = str(given or "").strip()
    if not text:
        return None
    number, _, rest = text.partition("|")
    container, _, kind = rest.partition("|")
    connection = session.get(Connection, int(number)) if number.isascii() and number.isdigit() and len(number) < 10 else None
    if connection is None or connection.retired_at is not None:
        raise InputError("this connection is not here any more; choose another place", where="issue")
    if connection.host == "jira":
        if not _PROJECT.fullmatch(container):
            raise InputError("a project is named by its key, such as HARB", where="issue")
        kind = kind.strip() or DEFAULT_KIND
        if not _KIND.fullmatch(kind):
            raise InputError("the type of an issue is a short word, such as Task", where="issue")
        return Wish(connection.id, container, kind)
    if not _SOURCE.fullmatch(container):
        raise InputError("this database is not here any more; choose another place", where="issue")
    return Wish(connection.id, container, "")


def want_issue(session: Session, row: Decision, wish: Wish, now: float, moment: datetime) -> set[int]:
    """Want a decision to become an issue or row. One that it has stays. Returns the connections. Raises ``InputError`` at "issue"."""
    if not key_result_is_public(session, row.key_result_id):
        raise InputError(NOT_PUBLIC, where="issue")
    issue = session.scalar(select(DecisionIssue).where(DecisionIssue.decision_id == row.id))
    if issue is not None and issue.ref is not None:
        return set()
    if issue is None:
        issue = DecisionIssue(decision_id=row.id, connection_id=wish.connection_id, container="", created_at=moment, unsure=False)
        session.add(issue)
    elif issue.unsure and _is_gone(session, issue.connection_id):
        issue.unsure = False  # nobody can look for it there any more
    if not issue.unsure:
        issue.connection_id, issue.container, issue.kind = wish.connection_id, wish.container, wish.kind
    elif (issue.connection_id, issue.container) != (wish.connection_id, wish.container):
        told = f"it may have been made in {issue.container} already and is looked for there; choose another place when it is known"
        raise InputError(told, where="issue")
    issue.refused = ""
    session.flush()
    row.link = _link(issue, "", "")
    work.want(session, DecisionIssue, [issue.id], now)
    return {issue.connection_id}


def _is_gone(session: Session, connection_id: int) -> bool:
    return session.scalar(select(Connection.retired_at).where(Connection.id == connection_id)) is not None


def _link(issue: DecisionIssue, key: str, url: str) -> dict[str, object]:
    return {
        "connection": issue.connection_id,
        "ref": issue.ref,
        "key": key,
        "url": url,
        "wanted": {"container": issue.container, "kind": issue.kind},
        **({"refused": issue.refused} if issue.refused else {}),
    }


# --- when the review changes its mind ---------------------------------------------------------------------------------------


def say_taken_back(session: Session, row: Decision, said: str, moment: datetime) -> None:
    """Say at the issue or row of a decision that the review took it back, and tell whoever was to do it. Nothing is changed at the host.

    ``said``: what the review decided instead, in words. Nothing is said of a decision that has become nothing yet: none is made then.
    """
    lines = (
        f"The decision that this came from was taken back: {said}.",
        "Nothing was changed here. Close it where it is not needed any more.",
    )
    if _say_at_issue(session, row, lines, moment) and row.owner_id is not None:
        key = str((row.link or {}).get("key") or "")
        tell_person(
            session,
            row.owner_id,
            key=f"taken-back:{row.id}:{moment.isoformat()}",
            kind="review",
            subject=f"Taken back: {one_line(row.title, TITLE)}",
            lines=[one_line(f"{said}. {key or 'Its row'} stays as it is; close it where it is not needed any more.")],
            link=f"/key-results/{row.key_result_id}",
            now=moment,
            about=[row.key_result_id],
        )


def say_standing(session: Session, row: Decision, moment: datetime) -> None:
    """Say at the issue or row of a decision that was taken back that the review decided on it after all."""
    due = f", due {day_text(row.due)}" if row.due else ""
    _say_at_issue(session, row, (f"The decision that this came from stands again: {row.title}{due}.",), moment)


def _say_at_issue(session: Session, row: Decision, lines: Sequence[str], moment: datetime) -> bool:
    """Write a comment at what a decision became; False where it became nothing."""
    issue = session.scalar(select(DecisionIssue).where(DecisionIssue.decision_id == row.id, DecisionIssue.ref.is_not(None)))
    if issue is None or issue.ref is None:
        return False
    tell_item(
        session,
        issue.connection_id,
        issue.ref,
        key=f"decision:{row.id}:{moment.isoformat()}",
        kind="decision",
        lines=[one_line(each) for each in lines],
        link=f"/key-results/{row.key_result_id}",
        now=moment,
        about=[row.key_result_id],
    )
    return True


# --- making ------------------------------------------------------------------------------------------------------------------


def due_at(session: Session, connection_id: int) -> float | None:
    """When the next issue or row is to be made (epoch seconds); None when none waits."""
    return work.next_due(session, DecisionIssue, DecisionIssue.connection_id == connection_id)


def make_due(runtime: Runtime, connection: Connection) -> int:
    """Make some issues or rows that are due. Returns how many were taken. Raises ``HostError`` for the connection."""
    with runtime.store.write() as session:
        claims = work.claim(
            session,
            DecisionIssue,
            runtime.epoch(),
            limit=AT_ONCE,
            lease_seconds=LEASE,
            where=[DecisionIssue.connection_id == connection.id],
        )
    maker = runtime.item_maker(connection) if claims else None
    if maker is None:
        return 0
    with closing(maker):
        for place, claim in enumerate(claims):
            try:
                _make(runtime, connection, maker, claim)
            except HostError as error:
                _give_back(runtime, connection, claims[place:], error)
                raise
    return len(claims)


def _make(runtime: Runtime, connection: Connection, maker: ItemMaker, claim: work.Claim) -> None:
    with runtime.store.write() as session:  # noted before the request is sent: whoever comes after a crash looks first
        issue = session.get_one(DecisionIssue, claim.id)
        row = session.get_one(Decision, issue.decision_id)
        if not work.renew(session, DecisionIssue, [claim], runtime.epoch() + LEASE):
            return  # it took so long to come here that somebody else took over
        looks, why_not = issue.unsure, _why_not(session, row)
        if issue.ref is not None or (why_not is not None and not looks):
            work.finish(session, DecisionIssue, [claim], runtime.epoch())
            if issue.ref is None:
                _drop_wish(issue, row, why_not or "")
            return
        issue.unsure = True
        title, text, mark = one_line(row.title, 250), _text(session, runtime, row), {"instance": runtime.instance, "decision": str(row.id)}
        container, kind, since = issue.container, issue.kind, runtime.now() - issue.created_at
        others = set(
            session.scalars(select(DecisionIssue.ref).where(DecisionIssue.connection_id == connection.id, DecisionIssue.ref.is_not(None)))
        )
    made = maker.find(container, title, mark, max(since, timedelta(0)), {str(ref) for ref in others}) if looks else None
    try:
        made = made or (maker.make(container, kind, title, text, mark) if why_not is None else None)
    except HostError as error:
        if not connections.is_item_trouble(error):
            raise
        with runtime.store.write() as session:
            issue = session.get_one(DecisionIssue, claim.id)
            issue.unsure, issue.refused = False, _harmless(error.message)
            session.get_one(Decision, issue.decision_id).link = _link(issue, "", "")
            work.finish(session, DecisionIssue, [claim], runtime.epoch())
        log.warning("decision_issue_refused", connection=connection.name, decision=mark["decision"], reason=error.message)
        return
    with runtime.store.write() as session:
        issue = session.get_one(DecisionIssue, claim.id)
        row = session.get_one(Decision, issue.decision_id)
        if made is None:
            _drop_wish(issue, row, why_not or "")
            work.finish(session, DecisionIssue, [claim], runtime.epoch())
            return
        issue.ref, issue.unsure, issue.refused = made.ref, False, ""
        row.link = _link(issue, made.key, made.url)
        work.finish(session, DecisionIssue, [claim], runtime.epoch())
        want_decision(session, row, runtime.epoch())
        mark_dirty(session, connection.id, [made.ref], runtime.epoch())  # it may have been closed before anybody noted its ref
        connections.succeeded(session, connection.id, runtime.now())
    log.info("decision_issue_made", connection=connection.name, decision=mark["decision"], ref=made.ref, found=looks)


def _why_not(session: Session, row: Decision) -> str | None:
    """Why no issue or row is made any more: "" where that needs no word, None when it is made."""
    if row.state != OPEN:
        return ""
    return None if key_result_is_public(session, row.key_result_id) else NOT_PUBLIC


def _drop_wish(issue: DecisionIssue, row: Decision, why: str) -> None:
    """Nothing is made: the decision says so, or stands as if nothing had been wished, so that it can be wished anew."""
    issue.unsure, issue.refused = False, why
    row.link = _link(issue, "", "") if why else None


def _give_back(runtime: Runtime, connection: Connection, claims: Sequence[work.Claim], error: HostError) -> None:
    """What was sent and not answered is looked for when searches show it; what was not sent is sent again."""
    first, sent = claims[0], isinstance(error, Uncertain)
    with runtime.store.write() as session:
        until = connections.failed(session, connection.id, error, runtime.now(), runtime.epoch())
        ready = max(until, runtime.epoch() + (LAG if sent else 1.0))
        work.postpone(session, DecisionIssue, [first], ready_at=ready, error=error.message)
        work.postpone(session, DecisionIssue, claims[1:], ready_at=max(until, runtime.epoch() + 1.0), error=error.message, failed=False)


def _harmless(text: str) -> str:
    return one_line(text, SENTENCE)


def _text(session: Session, runtime: Runtime, row: Decision) -> str:
    title = session.scalar(select(KeyResult.title).where(KeyResult.id == row.key_result_id)) or row.key_result_id
    owner = session.scalar(select(Person.name).where(Person.id == row.owner_id)) if row.owner_id is not None else ""
    base = runtime.settings.base_url
    lines = [
        f"Decided for the key result “{one_line(title)}”: {one_line(row.title)}",
        " · ".join(part for part in (f"Owner: {owner}" if owner else "", f"due {day_text(row.due)}" if row.due else "") if part),
        f"{base}/key-results/{row.key_result_id}" if base else "",
        "The decision closes when this does.",
    ]
    return "\n".join(line for line in lines if line)


# --- following ---------------------------------------------------------------------------------------------------------------


def follow(session: Session, connection_id: int, items: Collection[Item], now: float, moment: datetime) -> int:
    """Close decisions whose issue or row is done, reopen those whose is open again. How many changed. One statement when none is."""
    categories = {item.ref: item.category is Category.DONE for item in items}
    if not categories:
        return 0
    rows = session.execute(
        select(DecisionIssue, Decision)
        .join(Decision, Decision.id == DecisionIssue.decision_id)
        .where(DecisionIssue.connection_id == connection_id, DecisionIssue.ref.in_(list(categories)))
    ).all()
    changed = 0
    for issue, row in rows:
        done = categories[str(issue.ref)]
        if done == issue.finished:
            continue  # what people did to the decision since stays
        issue.finished = done
        before = view(session, row)
        if done and row.state == OPEN:
            row.state, row.closed_at = DONE, moment
            row.outcome = row.outcome or f"done in {(row.link or {}).get('key') or 'its row'}"
        elif not done and row.state == DONE:
            row.state, row.closed_at, row.effect = OPEN, None, None
            row.outcome = "" if row.outcome.startswith("done in ") else row.outcome
        else:
            continue
        session.flush()
        record_by_system(session, moment, "update", "decision", str(row.id), before=before, after=view(session, row))
        want_decision(session, row, now)
        want_changed(session, [row.key_result_id], now)
        changed += 1
    return changed


def want_reads(session: Session, now: float) -> int:
    """Have the issues and rows of unfinished decisions, and of those finished lately, read again: an event may have been lost."""
    rows = session.execute(
        select(DecisionIssue.connection_id, DecisionIssue.ref)
        .join(Decision, Decision.id == DecisionIssue.decision_id)
        .join(Connection, Connection.id == DecisionIssue.connection_id)
        .where(DecisionIssue.ref.is_not(None), Connection.retired_at.is_(None))
        .where((Decision.state == OPEN) | (Decision.closed_at > datetime.fromtimestamp(now, UTC) - timedelta(days=90)))
        .order_by(DecisionIssue.connection_id, DecisionIssue.ref)
    ).all()
    by_connection: dict[int, list[str]] = {}
    for connection_id, ref in rows:
        by_connection.setdefault(connection_id, []).append(str(ref))
    for connection_id, refs in by_connection.items():
        mark_dirty(session, connection_id, refs, now)
    return len(rows)
