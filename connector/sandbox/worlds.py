"""Builds what the two stand-ins hold: projects, epics, issues; databases, rows, pages. Deterministic for one day, no I/O.

The shares of finished work are chosen so that the sample key results show every state; see ``organisation.yml``.
"""

from __future__ import annotations

import json
import random
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from connector.hosts.notion.sandbox_values import text_runs
from connector.hosts.notion.sandbox_world import World
from connector.sandbox import content

SEED = 20
ISSUES = 900  # beside the epics
EDITED_DAYS = 40  # in which the rows of the workspace were edited
POINTS_TEAM = "customfield_10016"  # the point field of team-managed projects
POINTS_COMPANY = "customfield_10026"  # and that of company-managed ones
FLAGGED = "customfield_10021"
JIRA_TOKEN = "sandbox-token"  # noqa: S105  # the stand-in's own, known to everybody
JIRA_BOT = f"bot@{content.DOMAIN}"
JIRA_BOT_ACCOUNT = "70121:4f2b8c1e-0a53-4bd2-9c1f-5b1f6f0e2a01"

# Epics that feed a sample key result: (children, share of them done). Others get a share by chance.
_MAPPED = {
    "GROW-1": (15, 0.6), "GROW-2": (17, 0.77), "GROW-3": (18, 0.73), "GROW-4": (12, 0.75), "GROW-5": (14, 0.86),
    "GROW-6": (12, 0.67), "GROW-7": (13, 0.54), "GROW-8": (10, 0.4),
    "PAY-1": (14, 0.36), "PAY-2": (8, 0.25), "PAY-3": (11, 0.45), "PAY-4": (13, 0.23), "PAY-5": (12, 0.75), "PAY-6": (11, 0.64),
    "PLAT-1": (16, 0.62), "PLAT-2": (15, 0.34), "PLAT-3": (14, 0.22), "PLAT-4": (10, 0.1), "PLAT-5": (13, 0.7), "PLAT-6": (12, 0.58),
    "PLAT-7": (11, 0.64),
}  # fmt: skip
_DELIVERED = {"PAY-1": 0, "PAY-2": 1, "PAY-3": 0, "PAY-4": 1}  # children left to do: done for weeks, and the key result stands where it was
HELD_UP, HELD_UP_DAYS = "PLAT-6", 9  # the epic whose open work is flagged, and since how many days
_STATE_WORDS = ["On track", "At risk", "Stalled", "Overdue", "No data", "Data late", "Closed"]


def account_of(person: str) -> str:
    """The Jira account id of a person, by e-mail name."""
    return f"70121:{uuid.uuid5(uuid.NAMESPACE_DNS, f'{person}.{content.DOMAIN}')}"


def jira_world(today: date, start: date) -> dict[str, Any]:
    """The Jira site as ``JiraSandbox`` takes it: 3 projects, 60 epics, 900 issues. ``start``: first day of the cycle."""
    from connector.hosts.jira.sandbox_fields import DEFAULT_FIELDS

    chance = random.Random(SEED)  # noqa: S311  # sample data, no secret
    issues: list[dict[str, Any]] = []
    numbers = {project: 0 for project, _ in content.PROJECTS}

    def key(project: str) -> str:
        numbers[project] += 1
        return f"{project}-{numbers[project]}"

    epics = [(key(project), topic, title) for project, _ in content.PROJECTS for title, topic in content.EPICS[project]]
    for name, _, title in epics:
        issues.append({**_plain(name, title, "Epic", start, today, chance), "category": "indeterminate"})
    loose = [*_card_failures(key, start, today, chance), *_incidents(key, start, today, chance)]
    subtasks = 48
    left = ISSUES - len(loose) - subtasks
    sizes = _sizes([name for name, _, _ in epics], left, chance)
    stories: list[str] = []
    for (name, topic, _), size in zip(epics, sizes, strict=True):
        project = name.partition("-")[0]
        share = _MAPPED[name][1] if name in _MAPPED else chance.random()
        done = round(size * share)
        for place in range(size):
            story = _story(key(project), topic, place, name, start, today, chance)
            if place < done:
                story.update(category="done", status="Done", resolution="Done")
                if place == 1 and name in ("GROW-2", "PLAT-1", "PLAT-2", "PAY-5"):
                    story.update(status="Closed", resolution="Won't Do")
            elif place < done + 3:
                story.update(category="indeterminate", status="In Review" if place == done else "In Progress")
                if place == done + 1 and chance.random() < 0.3:
                    story["fields"] = {**story["fields"], FLAGGED: [{"value": "Impediment"}]}
            issues.append(story)
            stories.append(story["key"])
    _deliver(issues)
    _hold_up(issues, today)
    issues += loose
    for number in range(subtasks):
        parent = stories[(number * 17) % len(stories)]
        task = _plain(
            key(parent.partition("-")[0]), f"{content.SUBTASKS[number % 4]}: {parent}", "Sub-task", start, today, chance, parent=parent
        )
        issues.append({**task, "category": "done" if number % 3 else "new", "resolution": "Done" if number % 3 else None})
    return {
        "email": JIRA_BOT,
        "api_token": JIRA_TOKEN,
        "account": {"accountId": JIRA_BOT_ACCOUNT, "displayName": "OKR connector", "emailAddress": JIRA_BOT},
        "actor": {"accountId": account_of("alice"), "displayName": "Alice Moreau"},
        "users": [
            {"accountId": JIRA_BOT_ACCOUNT, "displayName": "OKR connector", "emailAddress": JIRA_BOT, "accountType": "app"},
            *(
                {"accountId": account_of(name), "displayName": full, "emailAddress": f"{name}@{content.DOMAIN}"}
                for name, full in content.PEOPLE
            ),
        ],
        "projects": [{"id": str(10000 + number), "key": key_, "name": name} for number, (key_, name) in enumerate(content.PROJECTS)],
        "fields": list(DEFAULT_FIELDS),
        "issues": issues,
    }


def _deliver(issues: list[dict[str, Any]]) -> None:
    """Finish what is delivered already. Draws no chance, so that everything else stays as it is."""
    for epic, left in _DELIVERED.items():
        children = [issue for issue in issues if issue.get("parent") == epic]
        for issue in children[: len(children) - left]:
            fields = {name: value for name, value in issue["fields"].items() if name != FLAGGED}
            issue.update(category="done", status="Done", resolution="Done", fields=fields)


def _hold_up(issues: list[dict[str, Any]], today: date) -> None:
    """Flag the work below an epic that waits for something which no update has named. Draws no chance either."""
    day = today - timedelta(days=HELD_UP_DAYS)
    for issue in issues:
        if issue.get("parent") == HELD_UP and issue["category"] != "done":
            moment = datetime.combine(day, time(10), tzinfo=UTC).isoformat()
            issue.update(fields={**issue["fields"], FLAGGED: [{"value": "Impediment"}]}, updated=moment)


def _sizes(names: list[str], total: int, chance: random.Random) -> list[int]:
    sizes = [_MAPPED[name][0] if name in _MAPPED else chance.randint(9, 17) for name in names]
    free = [index for index, name in enumerate(names) if name not in _MAPPED]
    turn = 0
    while sum(sizes) != total:
        index = free[turn % len(free)]
        step = 1 if sum(sizes) < total else -1
        if 6 <= sizes[index] + step <= len(content.STEPS):
            sizes[index] += step
        turn += 1
    return sizes


def _moment(day: date, chance: random.Random) -> str:
    return datetime.combine(day, time(8 + chance.randrange(9), chance.randrange(60)), tzinfo=UTC).isoformat()


def _plain(key: str, summary: str, kind: str, start: date, today: date, chance: random.Random, parent: str | None = None) -> dict[str, Any]:
    created = start - timedelta(days=chance.randint(1, 30))
    updated = created + timedelta(days=chance.randint(0, max(0, (today - created).days - 1)))
    issue = {"key": key, "summary": summary, "type": kind, "category": "new", "fields": {}}
    return {**issue, "created": _moment(created, chance), "updated": _moment(updated, chance), "parent": parent}


def _story(key: str, topic: str, place: int, epic: str, start: date, today: date, chance: random.Random) -> dict[str, Any]:
    kind = "Bug" if place % 7 == 5 else "Task" if place % 3 == 2 else "Story"
    story = _plain(key, content.STEPS[place].format(topic), kind, start, today, chance, parent=epic)
    points = float(chance.choice((1, 2, 3, 3, 5, 5, 8)))
    if chance.random() < 0.94:  # some were never estimated
        # Each project keeps its points where its template put them; a few older issues have both.
        field = POINTS_COMPANY if key.startswith("PLAT") else POINTS_TEAM
        story["fields"] = {field: points}
    return story


def _card_failures(key: Any, start: date, today: date, chance: random.Random) -> Iterator[dict[str, Any]]:
    for number in range(40):
        title = content.CARD_FAILURES[number % 4].format(content.PLACES[number // 4])
        issue = {**_plain(key("PAY"), title, "Bug", start, today, chance), "labels": ["card-failure"]}
        yield {**issue, "category": "done", "status": "Done", "resolution": "Done"} if number < 14 else issue


def _incidents(key: Any, start: date, today: date, chance: random.Random) -> Iterator[dict[str, Any]]:
    for number in range(12):
        title = f"{content.INCIDENTS[number % 6]}, {'again' if number > 5 else 'seen by customers'}"
        issue = {**_plain(key("PLAT"), title, "Bug", start, today, chance), "labels": ["incident"]}
        if number < 10:
            yield {**issue, "category": "done", "status": "Done", "resolution": "Done"}
        else:
            yield {**issue, "category": "indeterminate", "status": "In Progress"}


# --- Notion --------------------------------------------------------------------------------------------------------------------


def notion_world(today: date, start: date) -> tuple[dict[str, Any], dict[str, str]]:
    """The Notion workspace, and the ids that others need: ``deals``, ``cohorts``, ``interviews``, one per objective's page, ``okrs``
    (where the OKR databases are made) and ``leads``, and ``person_…`` for everybody's account.
    """
    world = World(clock=lambda: datetime.combine(start, time(9), tzinfo=UTC).timestamp())
    world.data["workspace_name"] = content.COMPANY
    chance = random.Random(SEED + 1)  # noqa: S311  # sample data, no secret
    names = {
        "deals": _deals(world, today, chance),
        "cohorts": _cohorts(world, start),
        "interviews": _interviews(world, start, chance),
        **_objective_pages(world),
        "okrs": _page(world, "OKRs", "All about our goals. The databases below are kept in step with the OKR connector."),
        "leads": _page(world, "Where we stand", "For the people who lead: read it before the review."),
    }
    (alice, *others) = [(full, f"{name}@{content.DOMAIN}") for name, full in content.PEOPLE]
    world.data["people"] = [{"id": world.data["person"], "name": alice[0], "email": alice[1]}]
    names["person_alice"] = world.data["person"]
    for full, email in others:
        names[f"person_{email.partition('@')[0]}"] = world.add_person(full, email)
    world.add_person(content.GUEST[1], f"{content.GUEST[0]}@elsewhere.example", guest=True)
    for name, full in content.MEMBERS:
        world.add_person(full, f"{name}@{content.DOMAIN}")
    _edit(world, start, today)
    return _with_steady_ids(world.data, names)


def _deals(world: World, today: date, chance: random.Random) -> str:
    stages: dict[str, Any] = {"type": "select", "options": ["Lead", "Trial", "Won", "Lost"]}
    database, source = world.add_database("Deals", {"Company": "title", "Stage": stages, "Seats": "number", "Next step": "date"})
    left, rows = 750, 40
    for number in range(rows):
        trade = content.TRADES[(number // 10 * 3 + number) % len(content.TRADES)]
        stage = ("Won", "Won", "Trial", "Won", "Lead", "Lost", "Won", "Trial")[number % 8]
        seats = chance.randint(18, 52)
        if stage == "Won":
            last = all(
                ("Won", "Won", "Trial", "Won", "Lead", "Lost", "Won", "Trial")[other % 8] != "Won" for other in range(number + 1, rows)
            )
            seats = left if last else min(seats, left - 4 * (rows - number))
            left -= seats
        day = (today + timedelta(days=chance.randint(2, 40))).isoformat()
        company = f"{content.SURNAMES[number % 10]} {trade}"
        world.add_row(source, {"Company": company, "Stage": stage, "Seats": seats, "Next step": None if stage in ("Won", "Lost") else day})
    return database


def _cohorts(world: World, start: date) -> str:
    state: dict[str, Any] = {"type": "select", "options": ["Open", "Closed"]}
    columns: dict[str, Any] = {"Cohort": "title", "State": state, "Customers": "number", "Sent in 7 days": "number", "Reviewed": "checkbox"}
    database, source = world.add_database("Activation cohorts", columns)
    for week, share in enumerate((41, 44, 46, 47, 46, 46, 45, 45, 31)):  # the mean of the closed ones is 45
        first = start + timedelta(days=7 * week)
        values = {"Cohort": f"Week of {first.day} {first:%b}", "State": "Open" if week == 8 else "Closed", "Sent in 7 days": share}
        world.add_row(source, {**values, "Customers": 60 + (week * 13) % 40, "Reviewed": week < 7})
    return database


def _interviews(world: World, start: date, chance: random.Random) -> str:
    segment: dict[str, Any] = {"type": "select", "options": list(content.SEGMENTS)}
    columns: dict[str, Any] = {"Interview": "title", "Segment": segment, "Day": "date", "Finding noted": "checkbox"}
    database, source = world.add_database("Onboarding interviews", columns)
    for number in range(24):
        name = f"{content.SURNAMES[(number * 3) % 10]} {content.TRADES[number % 8]}"
        day = (start + timedelta(days=2 * number + 1)).isoformat()
        noted = number in (0, 1, 3, 4, 7, 8, 11, 12, 15)
        world.add_row(source, {"Interview": name, "Segment": chance.choice(content.SEGMENTS), "Day": day, "Finding noted": noted})
    return database


def _objective_pages(world: World) -> dict[str, str]:
    status: dict[str, Any] = {"type": "select", "options": _STATE_WORDS}
    columns: dict[str, Any] = {
        "Objective": "title",
        "OKR status": status,
        "OKR current": "number",
        "OKR progress": {"type": "number", "format": "percent"},
    }
    database, source = world.add_database("Objective pages", columns)
    pages = {"objectives": database}
    for ident, title in content.OBJECTIVES:
        page = world.add_row(source, {"Objective": title})
        _write(world, page, f"What we learn on the way is kept here. {title} is reviewed every week.")
        pages[ident] = page
    return pages


def _page(world: World, title: str, text: str) -> str:
    """A page outside databases with a paragraph."""
    ident = world.add_page(title)
    _write(world, ident, text)
    return ident


def _write(world: World, page: str, text: str) -> None:
    """A paragraph that a person wrote."""
    world.add_block(page, "paragraph", {"rich_text": text_runs(text)}, world.data["person"])


def _edit(world: World, start: date, today: date) -> None:
    """Somebody wrote in some row on each of the past days."""
    rows = [page for page in world.data["pages"].values() if page["source"]]
    for number, page in enumerate(rows):
        day = max(start, today - timedelta(days=1 + number % EDITED_DAYS))
        moment = datetime.combine(day, time(9 + number % 8, number % 60), tzinfo=UTC)
        page["last_edited_time"] = max(page["last_edited_time"], moment.strftime("%Y-%m-%dT%H:%M:00.000Z"))


def _with_steady_ids(data: dict[str, Any], names: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Random ids → the same ids at every build, in the order in which they appear."""
    steady: dict[str, str] = {}

    def replaced(match: re.Match[str]) -> str:
        return steady.setdefault(match[0], str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{len(steady)}.notion.{content.DOMAIN}")))

    text = re.sub(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", replaced, json.dumps(data, ensure_ascii=False))
    loaded: dict[str, Any] = json.loads(text)
    return loaded, {name: steady[ident] for name, ident in names.items()}
