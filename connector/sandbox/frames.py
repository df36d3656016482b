"""Pages that play Jira around the app: an issue, a dashboard, a project and the administration, each with the live panels in frames.

The bundles are served as Atlassian's network does: under a strict policy, with a bridge in the page, without cookies of ours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Response, abort, current_app, jsonify, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from connector.hosts.jira.fields import document
from connector.hosts.jira.spoken import spoken_text
from connector.sandbox import content
from connector.sandbox.forge import Call, Platform
from connector.sandbox.pages import blueprint, standins
from connector.sandbox.worlds import account_of

PLATFORM = "forge-platform"  # where the application keeps it
BUNDLES = Path(__file__).parents[2] / "forge" / "dist"
RESOURCES = ("issue", "dashboard", "dashboard-edit", "page")
KINDS = {"index.html": "text/html", "main.js": "text/javascript", "main.css": "text/css"}
BRIDGE = '<script src="/static/sandbox_bridge.js"></script>'
# As observed at Atlassian's, and stricter: a bundle has nobody to connect to, all its calls go through the bridge.
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'none'; "
    "form-action 'self'; frame-ancestors 'self' http://127.0.0.1:* http://localhost:*; sandbox allow-popups "
    "allow-popups-to-escape-sandbox allow-downloads allow-forms allow-modals allow-pointer-lock allow-same-origin allow-scripts"
)
# Of the page around: as everywhere, but it holds frames of this same server.
AROUND = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; frame-src 'self' {frames}"
)
WIDTHS = (300, 350, 450, 700, 1200)
STRANGER = "stranger"  # an account that belongs to nobody here


def platform() -> Platform:
    """The platform of this process."""
    found: Platform = current_app.extensions[PLATFORM]
    return found


@blueprint.get("/forge/jwks.json")
def show_keys() -> Response:
    """The keys that calls are signed with."""
    return jsonify(platform().jwks())


@blueprint.get("/forge/<resource>/<name>")
def show_bundle(resource: str, name: str) -> Response:
    """One file of a bundle, as the app's frame loads it."""
    path = BUNDLES / resource / name
    if resource not in RESOURCES or name not in KINDS or not path.is_file():
        abort(404, "There is no such bundle; build them with: make forge")
    text = path.read_text(encoding="utf-8")
    if name == "index.html":
        text = text.replace("<head>", f"<head>{BRIDGE}", 1)
    answer = Response(text, content_type=f"{KINDS[name]}; charset=utf-8")
    answer.headers["Content-Security-Policy"] = POLICY
    return answer


@blueprint.post("/forge/invoke")
def invoke() -> Response:
    """What the bridge of a frame sends: the call, and where in Jira the frame is."""
    given = request.get_json(silent=True)
    if not isinstance(given, dict):
        abort(400, "A call is a JSON object.")
    headers = given.get("headers")
    call = Call(
        path=str(given.get("path", "")),
        method=str(given.get("method") or "GET").upper(),
        body=given.get("body"),
        headers=headers if isinstance(headers, dict) else {},
        module=str(given.get("module", "")),
        account=str(given.get("account", "")),
        extension=given.get("extension") if isinstance(given.get("extension"), dict) else {},
        ended=bool(given.get("ended")),
    )
    return jsonify(platform().invoke(call))


@blueprint.get("/issue/<key>")
def show_issue(key: str) -> Response:
    """An issue with the panel beside it and the panel below it."""
    world = standins().jira.world
    with world.lock:
        issue = world.find(key)
        if issue is None:
            abort(404, "The stand-in has no such issue.")
        fields = issue["fields"]
        parent = world.find(fields["parent"]) if fields["parent"] else None
        place = {
            "issue": {"id": issue["id"], "key": issue["key"], "type": fields["type"], "typeId": "10001"},
            "project": _project(world.project_of(issue)),
        }
        shown = {
            "key": issue["key"],
            "title": fields["summary"],
            "type": fields["type"],
            "status": fields["status"],
            "parent": parent["key"] if parent else "",
            "comments": [
                (each["author"].get("displayName", ""), each["created"][:16].replace("T", " "), spoken_text(each["body"]))
                for each in issue["comments"]
            ],
        }
    frames = [
        _frame("context", "okr-issue-context", "issue", place | {"type": "jira:issueContext"}, "OKR", 350),
        _frame("panel", "okr-issue-panel", "issue", place | {"type": "jira:issuePanel"}, "OKR", 700),
    ]
    return _page("issue", frames, issue=shown)


@blueprint.post("/issue/<key>/comment")
def add_comment(key: str) -> AnyResponse:
    """A comment by the person whom the page plays: ``text``, ``account``."""
    world = standins().jira.world
    text, account = request.form.get("text", "").strip(), request.form.get("account", "")
    found = next((person for person in content.PEOPLE if account_of(person[0]) == account), None)
    speaker, name = found or (STRANGER, "A visitor")
    if not text or world.find(key) is None:
        abort(400, "A comment needs a text and an issue that exists.")
    author = {"accountId": account or account_of(STRANGER), "displayName": name, "active": True, "accountType": "atlassian"}
    world.add_comment(key, document(text), author)
    back: Any = {"key": key} | _kept() | {"as": speaker}
    return redirect(url_for("sandbox.show_issue", **back, _anchor="comments"), 303)  # where the page waits for an answer


@blueprint.get("/dashboard")
def show_dashboard() -> Response:
    """A dashboard with Jira's gadget and the platform's widget, each with its settings."""
    gadget = {"type": "jira:dashboardGadget", "dashboard": {"id": "10001"}, "gadget": {"id": "10101"}}
    widget = {"type": "dashboards:widget", "context": {"dashboardId": "10002", "widgetId": "10102"}}
    frames = [
        _frame("gadget", "okr-gadget", "dashboard", gadget, "Key results (gadget)", 450, edit="dashboard-edit"),
        _frame("widget", "okr-widget", "dashboard", widget, "Key results (widget)", 450, edit="dashboard-edit"),
    ]
    return _page("dashboard", frames)


@blueprint.get("/project/<key>")
def show_project(key: str) -> Response:
    """The app's page of a project."""
    place = {"type": "jira:projectPage", "project": _project(key)}
    return _page("project", [_frame("project", "okr-project", "page", place, "OKR", 1200)], project=key)


@blueprint.get("/jira-admin")
def show_admin() -> Response:
    """The app's page of the Jira administration."""
    return _page("admin", [_frame("admin", "okr-admin", "page", {"type": "jira:adminPage"}, "OKR connector", 1200)])


def _project(key: str) -> dict[str, str]:
    found = next((each for each in standins().jira.world.projects.values() if each["key"] == key), None)
    if found is None:
        abort(404, "The stand-in has no such project.")
    return {"id": str(found["id"]), "key": key, "type": "software"}


def _frame(name: str, module: str, resource: str, extension: dict[str, Any], title: str, width: int, edit: str = "") -> dict[str, Any]:
    return {
        "name": name,
        "module": module,
        "resource": resource,
        "extension": extension,
        "title": title,
        "width": _chosen("width", width),
        "edit": edit,
    }


def _chosen(name: str, default: int) -> int:
    given = request.args.get(name, "")
    return int(given) if given in {str(width) for width in WIDTHS} else default


def _kept() -> dict[str, str]:
    return {name: value for name in ("as", "theme", "width") if (value := request.args.get(name, ""))}


def _page(place: str, frames: list[dict[str, Any]], **shown: Any) -> Response:
    people = [*content.PEOPLE, (STRANGER, "Somebody unknown here")]
    answer = make_response(
        render_template(
            "sandbox/frames.html",
            place=place,
            frames=frames,
            built=all((BUNDLES / name / "index.html").is_file() for name in RESOURCES),
            people=[(account_of(name), full, name) for name, full in people],
            chosen=account_of(request.args.get("as", content.ADMIN)),
            theme="dark" if request.args.get("theme") == "dark" else "light",
            width=request.args.get("width", ""),
            kept={name: value for name, value in _kept().items() if name != "as"},
            widths=WIDTHS,
            projects=content.PROJECTS,
            cloud_id=platform().cloud_id,
            site=platform().site,
            elsewhere=_elsewhere(),
            **shown,
        )
    )
    answer.headers["Content-Security-Policy"] = AROUND.format(frames=_elsewhere())
    return answer


def _elsewhere() -> str:
    """Another origin of this same server for the frames, as Atlassian has one: nothing of ours can be reached from there.

    This machine has two names; where it is called by another one, the frames get the page's own origin.
    """
    host, _, port = request.host.partition(":")
    other = {"127.0.0.1": "localhost", "localhost": "127.0.0.1"}.get(host, host)
    return f"http://{other}:{port or 80}" if other != host else request.host_url.rstrip("/")
