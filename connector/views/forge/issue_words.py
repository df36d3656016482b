"""The panel of an issue in words: one block for each key result, ready to print. No HTTP, no statement, no markup."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from types import MappingProxyType
from typing import Any

from connector.domain import wording
from connector.domain.model import Kind, State
from connector.domain.panel import FLAT_BUT_CONFIDENT
from connector.domain.quality import OUTPUT
from connector.domain.triage import FLAG_FLAT_BUT_CONFIDENT, FLAG_TOO_EARLY
from connector.services import provenance
from connector.services.facts import cycle_end_moment
from connector.services.forge.issue_links import BELOW, Issue, Served
from connector.services.forge.issue_reading import Shown
from connector.services.said import THANKS_STAND
from connector.store.tables import Connection
from connector.store.visibility import DRAFT
from connector.views.figures import Spark, spark
from connector.views.forge.issue_work_words import Line, folded, mine, unfolded
from connector.views.query import CANNOT_TELL, KeyResultView, Known

SPARK = (96, 28)
MOST_GOALS = 4  # lines of the chain above a key result; what lies between is counted
_TOLD_ELSEWHERE = (OUTPUT, FLAG_FLAT_BUT_CONFIDENT, FLAG_TOO_EARLY)

Address = Callable[[str, str], str]  # kind ("objective", "key_result", "connection") and id → the address of our page


@dataclass(frozen=True, slots=True)
class Block:
    """One key result of the issue, ready to print. "" leaves a part out.

    ``way``: the line above the key result, of the issue itself · ``goals``: (title, address), nearest first, with ``between`` more before
    the last · ``ends``: words at the left, middle and right of the bar · ``by``: who or what told the value, and how old it is ·
    ``blocker_link``: key and address of the issue that is the blocker, told before the rest · ``seen``: a blocker that the linked work
    speaks of and nobody has confirmed · ``update``: the button's word, "" where this viewer may not; then ``whose`` says who does ·
    ``decided``: which decision came from the owner's last update.
    """

    kr: KeyResultView
    url: str
    way: str
    tags: tuple[str, ...]
    goals: tuple[tuple[str, str], ...]
    between: int
    spark: Spark
    now: str
    as_of: str
    by: str
    ends: tuple[str, str, str]
    question: str
    movement: tuple[str, str]
    updated: str
    comment: str
    facts: tuple[Line, ...]
    blocker: Line | None
    blocker_link: tuple[str, str]
    seen: Line | None
    ask: Line | None
    late: str
    mend: str
    frozen: str
    work: str
    work_lines: tuple[str, ...]
    update: str
    whose: str
    decided: str = ""


def blocks(
    issue: Issue,
    shown: Sequence[Shown],
    address: Address,
    now: datetime,
    zone: tzinfo,
    seen: Collection[str] = (),
    decided: Mapping[str, str] = MappingProxyType({}),
) -> list[Block]:
    """The key results of an issue as blocks, in their order. ``seen``: ids of the issues that the viewer may see, as Jira said;
    ``decided``: what came of asks, by key result.
    """
    return [replace(_block(issue, each, address, now, zone, seen), decided=decided.get(each.facts.row.id, "")) for each in shown]


def in_one_line(found: Sequence[State]) -> str:
    """ "At risk", or of several "1 at risk, 2 on track": what the panel's title says."""
    if not found:
        return ""
    if len(found) == 1:
        return wording.STATE_WORDS[found[0]]
    counts: dict[State, int] = {}
    for state in found:
        counts[state] = counts.get(state, 0) + 1
    return ", ".join(f"{count} {wording.STATE_WORDS[state].lower()}" for state, count in counts.items())


def _block(issue: Issue, each: Shown, address: Address, now: datetime, zone: tzinfo, may_see: Collection[str]) -> Block:
    facts, row = each.facts, each.facts.row
    kr = Known.of(facts, each.check_ins).view(facts, now, zone)
    over = facts.objective.closed_at is not None or now >= cycle_end_moment(facts.cycle, zone)
    last = each.check_ins[-1] if each.check_ins else None
    drawn = spark(
        each.readings,
        kr.definition,
        facts.cycle,
        width=SPARK[0],
        height=SPARK[1],
        late=kr.state in CANNOT_TELL,
        since=wording.day_text(facts.cycle.start),
    )
    goals = [(goal.title, address("objective", goal.id)) for goal in each.goals]
    between = max(0, len(goals) - MOST_GOALS)
    told_by = provenance.telling(row.source, each.check_ins)
    silent = next((found for found in facts.connections.values() if found.parked_at or found.paused_at), None)
    linked = _linked(last)
    word, _, rest = kr.movement_text.partition(", ")
    return Block(
        kr=kr,
        url=address("key_result", kr.id),
        way=_way(issue, each.served),
        tags=_tags(each, kr),
        goals=(*goals[: MOST_GOALS - 1], goals[-1]) if between else tuple(goals),
        between=between,
        spark=drawn,
        now="last known" if kr.state is State.DATA_LATE else "now",
        as_of=_as_of(row, told_by, zone),
        by=_by(row, kr),
        ends=_ends(kr),
        question=f"{FLAT_BUT_CONFIDENT[:1].upper()}{FLAT_BUT_CONFIDENT[1:]}" if kr.moves == "flat" and _flagged(kr) else "",
        movement=("not known", "") if kr.moves == "not known" else (word, rest) if word != wording.MOVEMENT_NOT_KNOWN else (kr.moves, ""),
        updated=_updated(last, zone),
        comment=kr.comment,
        facts=(*_facts(issue, each, kr, last), *_thanks(each, now, zone)),
        blocker=Line("Blocker", kr.blocker.removeprefix(linked[0]), _blocked(each, kr, now, zone)) if kr.blocker else None,
        blocker_link=linked,
        seen=_seen(each, kr, may_see) if not kr.blocker and not over else None,
        ask=_ask(kr, last, now, zone) if kr.ask else None,
        late=_late(silent),
        mend=address("connection", silent.name) if silent is not None else "",
        frozen=f"The cycle {facts.cycle.name} is over: values and confidence are frozen." if over else "",
        work=folded(each),
        work_lines=unfolded(each, now, zone),
        update="" if over or not each.may_update else "Finish your draft" if each.draft is not None else "Update",
        whose="" if over or each.may_update else f"{kr.owner} updates it" if kr.owner else "ownerless: ask a lead",
    )


def _flagged(kr: KeyResultView) -> bool:
    return FLAG_FLAT_BUT_CONFIDENT in kr.flags


def _way(issue: Issue, served: Served) -> str:
    """The issue in the chain: "HARB-140 Invite, in HARB-131"."""
    own = " ".join(part for part in (issue.key, issue.title) if part) or "This issue"
    key = issue.titles.get(served.epic, ("", ""))[0] if served.how == BELOW else ""
    return f"{own}, in {key}" if key else own


def _tags(each: Shown, kr: KeyResultView) -> tuple[str, ...]:
    objective = each.facts.objective
    stage = "draft" if objective.stage == DRAFT else "" if each.facts.started else "scheduled"
    return tuple(word for word in (stage, "restricted" if objective.restricted else "", OUTPUT if OUTPUT in kr.flags else "") if word)


def _as_of(row: Any, told_by: Any, zone: tzinfo) -> str:
    if row.as_of is None:
        return ""
    if told_by is not None and told_by.delayed:
        return f"as of {wording.local_day_text(told_by.as_of, zone)}, delayed"
    if row.state == State.DATA_LATE:
        return f"last known {wording.moment_text(row.as_of, zone)}"
    return f"as of {wording.moment_text(row.as_of, zone)}"


def _by(row: Any, kr: KeyResultView) -> str:
    """Whether a person or a machine told the value, and how old it is (R041)."""
    kind = (row.source or {}).get("kind")
    if row.current is None or kind is None:
        return kr.source
    if kind == "mapping":
        return f"read by sync · {kr.source}"
    return "imported" if kind == "import" else kr.source


def _ends(kr: KeyResultView) -> tuple[str, str, str]:
    early = " · too early to expect" if FLAG_TOO_EARLY in kr.flags and kr.progress is not None else ""
    middle = f"{kr.way} · expected {wording.percent_text(kr.expected)}" if kr.expected is not None else f"{kr.way}{early}"
    if kr.definition.kind is Kind.METRIC:
        return f"from {kr.start_text}", middle, f"to {kr.target_text}"
    return kr.start_text if kr.definition.kind in (Kind.YES_NO, Kind.MILESTONES) else "", middle, kr.target_text


def _updated(last: Any, zone: tzinfo) -> str:
    if last is None:
        return "never"
    return f"{wording.local_day_text(last.created_at, zone)}, {_author(last)}{f', {wording.AFTER_LOCK}' if last.late else ''}"


def _author(check_in: Any) -> str:
    return provenance.author_text(check_in.name, check_in.source)


def _facts(issue: Issue, each: Shown, kr: KeyResultView, last: Any) -> tuple[Line, ...]:
    lines = [mine(issue, each)]
    blocked = bool(kr.blocker or each.stuck)
    if last is not None and not blocked and not kr.ask:
        lines.append(Line("Blocker, ask", "none"))
    elif last is not None and not kr.ask:
        lines.append(Line("Ask", "none"))
    told = [flag for flag in kr.flags if flag not in _TOLD_ELSEWHERE]
    if told:
        lines.append(Line("Note", " · ".join(told)))
    return tuple(line for line in lines if line is not None)


def _thanks(each: Shown, now: datetime, zone: tzinfo) -> tuple[Line, ...]:
    """The last thanks for work on it, while they are fresh (R102)."""
    if each.thanks is None or now - each.thanks[2] > THANKS_STAND:
        return ()
    sender, text, moment = each.thanks
    return (Line("Thanks", text, f"from {sender}, {wording.local_day_text(moment, zone)}"),)


def _blocked(each: Shown, kr: KeyResultView, now: datetime, zone: tzinfo) -> str:
    """Since when there is a blocker without a break, and who has it."""
    since = now
    for entry in reversed(each.check_ins):
        if not entry.blocker:
            break
        since = entry.as_of
    days = wording.calendar_days(since, now, zone)
    age = f"for {wording.days_text(days)}" if days else "since today"
    return f"{age}, with {kr.owner}" if kr.owner else f"{age}, with nobody: ownerless"


def _seen(each: Shown, kr: KeyResultView, may_see: Collection[str]) -> Line | None:
    """An issue whose status says that it is stuck is asked about, not taken for a blocker; named where the viewer may see it."""
    if not each.stuck:
        return None
    named, count = next((stuck for stuck in each.stuck if stuck.ref in may_see), None), len(each.stuck)
    if named is not None:
        text = f"{named.key} has the status “{named.status}”{f' and {count - 1} more' if count > 1 else ''}"
    elif count == 1:
        text = "1 linked issue has a status that says nothing moves"
    else:
        text = f"{count} linked issues have a status that says nothing moves"
    return Line("Blocker", text, f"seen in the linked work · not yet confirmed{f' by {kr.owner}' if kr.owner else ''}")


def _linked(last: Any) -> tuple[str, str]:
    """The issue that was picked as the blocker: its key and address; ("", "") where there is none."""
    link = last.blocker_link if last is not None and last.blocker else None
    if not isinstance(link, dict):
        return "", ""
    url = str(link.get("url") or "")
    return str(link.get("key") or link.get("ref") or ""), url if url.startswith(("https://", "http://")) else ""


def _ask(kr: KeyResultView, last: Any, now: datetime, zone: tzinfo) -> Line:
    days = wording.calendar_days(kr.ask_since, now, zone) if kr.ask_since else 0
    since = "" if kr.ask_since is None else f"{wording.days_text(days)} ago, " if days else "today, "
    return Line("Ask", kr.ask.removeprefix("Asks for "), f"asked {since}by {_author(last)}" if last is not None else "")


def _late(silent: Connection | None) -> str:
    """What keeps numbers from coming, and who mends it."""
    if silent is None:
        return ""
    if silent.parked_at is not None:
        return f"The connection {silent.name} is parked: {silent.parked_reason}. Numbers stay as they were until an admin mends it."
    return f"The connection {silent.name} is paused. Numbers stay as they were until an admin resumes it."
