"""The linked work of a key result in words: this issue's part of it, one folded line, and what that line unfolds to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

from connector.domain import wording
from connector.services.forge import issue_reading
from connector.services.forge.issue_links import NAMED, Issue
from connector.services.forge.issue_reading import Shown
from connector.services.forge.issue_work import Part, Work
from connector.views.query import age_text
from mappings.rules import Mode


@dataclass(frozen=True, slots=True)
class Line:
    """One line: what it is called, the words, and what stands quietly behind them."""

    name: str
    text: str
    meta: str = ""


def mine(issue: Issue, each: Shown) -> Line | None:
    """What part of the work this issue is, and whether it moves the value."""
    served, work = each.served, each.work
    mode = "" if any(link.rule.mode is Mode.VALUE for link in served.links) else "context: never moves the value"
    name = "This epic" if served.how == NAMED else "This issue"
    if work is None:
        return Line(name, mode or "counts towards the value") if each.linked else None
    if served.how == NAMED and work.epic is not None:
        return Line(name, _share(work.epic, work), mode)
    if work.own is None:
        above = issue.titles.get(issue.above[0], ("", ""))[0] if issue.above else ""
        return Line(name, f"counted with {above}" if above else "not counted by itself", mode)
    standing = {True: "done", False: "not done yet", None: "status not known"}[work.own_done]
    if work.unit == "point":
        size = f"{_amount(work.own.total)} of {_things(work.whole.total, 'point')}" if work.own.total else "no points yet"
    else:
        size = f"1 of {_things(work.whole.total, 'linked issue')}"
    return Line(name, f"{size}, {standing}", mode)


def _share(part: Part, work: Work) -> str:
    if not part.items:
        return "no issues below it are counted yet"
    if not part.total:
        return f"no points on its {_things(part.items, 'issue')} yet"
    done = f"{_amount(part.done)} of {_things(part.total, work.unit)} done"
    if part.items == work.whole.items:
        return f"{done}, all of the linked work"
    return f"{done}, {wording.percent_text(part.total / work.whole.total)} of the work"


def folded(each: Shown) -> str:
    """The linked work folded to one line (R080)."""
    work = each.work
    if work is None:
        stored = each.facts.row.source or {}
        if stored.get("total") and stored.get("done") is not None:
            return f"{wording.plain_number(stored['done'], 0)} of {_things(stored['total'], 'linked item')} done"
        if each.too_many:
            return f"Together more than {_things(issue_reading.MOST_ITEMS, 'linked issue')}: not counted here"
        if any(link.broken for link in each.linked):
            return "Linked issues cannot be read now"
        return "No linked issues yet" if all(link.listed for link in each.linked) else "Linked issues were not read yet"
    if work.unit == "point":
        return f"{_amount(work.whole.done)} of {_things(work.whole.total, 'point')} done in {_things(work.whole.items, 'linked issue')}"
    return f"{_amount(work.whole.done)} of {_things(work.whole.total, 'linked issue')} done"


def unfolded(each: Shown, now: datetime, zone: tzinfo) -> tuple[str, ...]:
    """What the line unfolds to: where the items stand, what is left out, how the scope has grown, how old it is."""
    lines = []
    if (work := each.work) is not None:
        stand = [(work.finished, "done"), (work.started, "in progress"), (work.waiting, "to do"), (work.untold, "with a status not known")]
        lines.append(", ".join(f"{count} {word}" for count, word in stand if count))
        more = [(work.without, "without points"), (work.left_out, "left out as won’t do")]
        lines += [f"{_things(count, 'issue')} {word}" for count, word in more if count]
        if each.scope is not None and (grown := work.whole.items + work.left_out - each.scope[1]):
            lines.append(f"{'+' if grown > 0 else wording.MINUS}{_things(abs(grown), 'issue')} since {wording.day_text(each.scope[0])}")
    lines += [link.broken for link in each.linked if link.broken]
    if each.linked and all(link.rule.mode is not Mode.VALUE for link in each.linked):
        lines.append("Context: this work never moves the value")
    for row in each.facts.connections.values():
        if each.linked and row.id == each.linked[0].connection_id:
            lines.append(
                f"{row.name}, read {age_text(row.last_success_at, now, zone)}" if row.last_success_at else f"{row.name}, not read yet"
            )
    return tuple(lines)


def _amount(value: float) -> str:
    return wording.plain_number(value, 1)


def _things(count: float, word: str) -> str:
    return f"{_amount(count)} {word}" if count == 1 else f"{_amount(count)} {word}s"
