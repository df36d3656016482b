"""What feeds no key result: found work page by page, each mapped or set aside by one button. Thin: services find and map."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from connector.domain.rights import Act
from connector.domain.suggesting import Suggestion
from connector.domain.wording import local_day_text, moment_text, plain_number
from connector.errors import Conflict, NotFound
from connector.services.mapping import bulk, candidates
from connector.services.mapping.unmapped import STATES, Filters, Landscape, Work, chosen, load_landscape, look_mark
from connector.web.context import runtime
from connector.web.forms import submitted
from connector.web.gate import need, safe_path, viewer
from mappings.views import blueprint

PER_PAGE = 25
MOST_OPTIONS = 40  # key results in a list of choices; more are found by typing
LONGEST_SEARCH = 200
WATCHED = 60  # seconds that a page asks whether a look is done
STATE_WORDS = {"open": "Open", "done": "Done", "ignored": "Need no mapping", "all": "Open and done"}
KIND_WORDS = {"epic": "epic", "row": "row", "data_source": "database, none of it mapped"}

View = str | Response | tuple[str, int]


@dataclass(frozen=True, slots=True)
class Line:
    """One piece of work as the page shows it. ``best`` is the id of the key result that is offered first, ``why`` the reason."""

    work: Work
    kind: str
    points: str
    changed: str
    best: str
    why: str


@dataclass(frozen=True, slots=True)
class Group:
    """The lines of one project or database on this page; ``total`` over all pages."""

    name: str
    connection: str
    total: int
    lines: tuple[Line, ...]


@blueprint.get("/unmapped")
@need(Act.WRITE)
def unmapped() -> View:
    """Epics, rows and databases that feed no key result."""
    return _page()


@blueprint.post("/unmapped/<int:ident>/map")
@need(Act.WRITE)
def map_one(ident: int) -> View:
    """Map one piece of work to the chosen key result."""
    form = submitted()
    named = form["key_result"].strip()
    if not named:
        return _page(ident, "Choose a key result first; nothing was saved.")
    outcome = bulk.map_pairs(runtime(), viewer(), [bulk.Pair(ident, named, form["mode"] or None)])
    if not outcome.made:
        return _page(ident, f"{outcome.skipped[0].work}: {outcome.skipped[0].why}. Nothing was saved.")
    made = outcome.made[0]
    how = "is read now, and the value follows" if made.mode == "value" else "is read now and shown beside the value, which it does not move"
    flash(f"{made.work} is mapped to “{made.title}”. It {how}.")
    return redirect(_back(), 303)


@blueprint.post("/unmapped/<int:ident>/ignore")
@need(Act.WRITE)
def ignore(ident: int) -> View:
    """Say that something needs no mapping, or take it back."""
    ignored = submitted()["undo"] != "1"
    title = candidates.set_ignored(runtime(), viewer(), ident, ignored)
    words = "needs no mapping. It stands under the state “Need no mapping”, where that can be taken back" if ignored else "is listed again"
    flash(f"“{title}” {words}.")
    return redirect(_back(), 303)


@blueprint.post("/unmapped/look")
@need(Act.WRITE)
def look() -> View:
    """Have a connection looked at now."""
    name = submitted()["connection"]
    try:
        reached = candidates.ask_for_look(runtime(), viewer(), name)
    except (Conflict, NotFound) as error:
        return _page(problem=f"{error}.")
    if not reached:
        return _page(problem="The queue does not answer, so nobody looks now. The nightly look is not affected. Try again.")
    with runtime().store.read() as session:
        before = look_mark(session, name)
    back = _back()
    asked = {"looking": name, "was": before, "until": int(runtime().epoch()) + WATCHED}
    return redirect(f"{back}{'&' if '?' in back else '?'}{urlencode(asked)}", 303)


@blueprint.get("/unmapped/looking")
@need(Act.WRITE)
def looking() -> View | tuple[str, int, dict[str, str]]:
    """Whether a look is done: then the page loads again; else the words that ask once more."""
    watch = _watch()
    if watch is None:
        back = safe_path(request.args.get("back", ""))
        return "", 200, {"HX-Redirect": back if back.startswith("/mappings/") else url_for("mappings.unmapped")}
    return render_template("mappings/_looking.html", watch=watch)


def _watch(back: str = "") -> dict[str, str] | None:
    """The look that the address says is under way: its words, and where to ask again; None when it is done, or none is."""
    name, was, until = (request.args.get(each, "")[:LONGEST_SEARCH] for each in ("looking", "was", "until"))
    if not name or not until.isdecimal():
        return None
    with runtime().store.read() as session:
        if look_mark(session, name) != was:
            return None
    if not runtime().epoch() < int(until) <= runtime().epoch() + WATCHED:
        return {"words": f"{name} is still being looked at, or no worker runs. Load this page again later.", "address": ""}
    kept = {"looking": name, "was": was, "until": until, "back": back or safe_path(request.args.get("back", ""))}
    return {"words": f"{name} is being looked at. This page shows what was found as soon as it is done.", "address": _asking(kept)}


def _asking(kept: dict[str, str]) -> str:
    return url_for("mappings.looking", **kept)  # type: ignore[arg-type]


def _back() -> str:
    path = safe_path(request.form.get("back", ""))
    return path if path.startswith("/mappings/") else url_for("mappings.unmapped")


def _page(faulty: int = 0, problem: str = "") -> View:
    """The page; with a problem, the same page as it was looked at, with status 422."""
    given = _asked()
    filters = Filters(given["text"], given["state"], given["connection"], given["container"])
    with runtime().store.read() as session:
        landscape = load_landscape(session, viewer(), runtime().now().astimezone(runtime().settings.zone).date())
    found = chosen(landscape, filters)
    pages = max(1, -(-len(found) // PER_PAGE))
    number = min(int(given["page"]), pages)
    shown = found[(number - 1) * PER_PAGE : number * PER_PAGE]
    address: dict[str, Any] = {
        name: value for name, value in given.items() if value and name != "page" and not (name == "state" and value == "open")
    }
    back = url_for("mappings.unmapped", **{**address, **({"page": number} if number > 1 else {})})
    html = render_template(
        "mappings/unmapped.html",
        unseen=[each for each in landscape.looked if each.at is None and given["connection"] in ("", each.name)],
        watch=_watch(back) if request.method == "GET" else None,
        landscape=landscape,
        groups=_groups(landscape, shown, found),
        given=given,
        total=len(found),
        number=number,
        pages=pages,
        address=address,
        back=back,
        states=[(state, STATE_WORDS[state]) for state in STATES],
        many=len(landscape.goals) > MOST_OPTIONS,
        effort=landscape.effort,
        looked=[(each, moment_text(each.at, runtime().settings.zone) if each.at else "") for each in landscape.looked],
        filtered=bool(given["text"] or given["connection"] or given["container"]),
        faulty=faulty,
        problem=problem,
    )
    return (html, 422) if problem else html


def _asked() -> dict[str, str]:
    """The filters: those of the address, or of the address on which the form stood."""
    source = dict(parse_qsl(urlsplit(_back()).query)) if request.method == "POST" else request.args
    given = {name: source.get(name, "").strip()[:LONGEST_SEARCH] for name in ("text", "state", "connection", "container", "page")}
    given["state"] = given["state"] if given["state"] in STATES else "open"
    given["page"] = given["page"] if given["page"].isdecimal() and 0 < int(given["page"][:6]) < 100_000 else "1"
    return given


def _groups(landscape: Landscape, shown: list[Work], found: list[Work]) -> list[Group]:
    totals: dict[tuple[str, str], int] = {}
    for each in found:
        totals[_place(landscape, each)] = totals.get(_place(landscape, each), 0) + 1
    best = landscape.best(shown)
    groups = []
    for (connection, name), works in groupby(shown, key=lambda each: _place(landscape, each)):
        groups.append(Group(name or "Databases", connection, totals[connection, name], tuple(_line(each, best) for each in works)))
    return groups


def _place(landscape: Landscape, each: Work) -> tuple[str, str]:
    return each.connection, landscape.container_name(each)


def _line(each: Work, best: dict[int, Suggestion]) -> Line:
    pair = best.get(each.id)
    return Line(
        each,
        KIND_WORDS.get(each.kind, each.kind),
        "" if each.points is None else plain_number(each.points, 1),
        local_day_text(each.updated_at, runtime().settings.zone) if each.updated_at else "",
        pair.key_result if pair else "",
        f"{pair.confidence}: {pair.reason}" if pair else "",
    )
