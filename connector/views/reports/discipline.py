"""The discipline report: by forum and review, how updates came, what was read before, what was decided. As a page and as a file."""

from __future__ import annotations

import re

from flask import Response, abort, render_template, request

from connector.errors import NotFound
from connector.services.insight.scope import row_id
from connector.services.reports import discipline_files
from connector.services.reports.discipline import WEEKS, Report, load_reports
from connector.views.reports.blueprint import blueprint
from connector.web.context import runtime
from connector.web.gate import viewer

SPANS = (6, 13, 26)


@blueprint.get("/reports/discipline")
def discipline() -> str:
    """Tables by forum, oldest review first; whoever has no seat in a forum is told so."""
    weeks = _weeks()
    found, names = _found(weeks)
    return render_template(
        "reports/discipline.html",
        reports=found,
        forums=names,
        chosen=request.args.get("forum", ""),
        weeks=weeks,
        spans=SPANS,
        columns=discipline_files.COLUMNS,
        cells=discipline_files.cells,
    )


@blueprint.get("/reports/discipline.<kind>")
def discipline_file(kind: str) -> Response:
    """The same tables as CSV or XLSX."""
    if kind not in discipline_files.WRITERS:
        abort(404, "This report is a page, a CSV or an XLSX file.")
    found, _ = _found(_weeks())
    write, content_type = discipline_files.WRITERS[kind]
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", f"discipline-{runtime().now().date().isoformat()}.{kind}")
    return Response(write(found), headers={"Content-Disposition": f'attachment; filename="{name}"'}, content_type=content_type)


def _weeks() -> int:
    given = request.args.get("weeks", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) <= 2 and int(given) in SPANS else WEEKS


def _found(weeks: int) -> tuple[list[Report], list[tuple[str, str]]]:
    """The chosen reports, and all forums to choose from."""
    wanted = request.args.get("forum", "")
    with runtime().store.read() as session:
        every = load_reports(session, viewer(), runtime().now(), runtime().settings.zone, weeks=weeks)
    names = [(str(each.forum), each.name) for each in every]
    if not wanted:
        return every, names
    chosen = [each for each in every if each.forum == row_id(wanted)]
    if not chosen:
        raise NotFound("there is no report of this forum for you")
    return chosen, names
