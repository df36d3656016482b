"""Our own pages inside Jira's frame: a page request carried by the app, answered with the page's main part.

The same views, services, forms and rights as in a browser; only the way there differs. A request runs through the application a second
time with the caller as its viewer. The signed cookie of that run (form token and messages, never a sign-in) travels back and forth in
the answer, because the frame has no cookies of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from html import unescape
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, jsonify, request, url_for
from werkzeug.test import Client, TestResponse

from connector.domain.rights import Act, Viewer
from connector.errors import Forbidden, InputError
from connector.services.forge import rights
from connector.views.forge.blueprint import blueprint
from connector.views.forge.door import caller, for_person, json_body
from connector.web.context import runtime
from connector.web.gate import INSIDE, NOT_INSIDE, Inside

REDIRECTS = 5
COOKIE = "okr_session"
METHODS = ("GET", "POST")
# What the two pages of the app may show, by the endpoints' names: mapping and looking after, nothing that shows or takes a secret
# (credentials, webhook secrets, tokens, sign-in links), no uploads, no streams.
PROJECT = ("mappings.", "pages.key_result", "pages.objective", "pages.check_in", "pages.check_in_live")
ADMIN = (
    *PROJECT,
    "pages.overview",
    "plan.",
    *(f"connections.{name}" for name in ("index", "show", "run_checks", "sync", "pause", "resume")),
    *(f"people.{name}" for name in ("index", "new", "add", "person", "save", "pick_account", "use_account", "pick_people", "add_people")),
)
_PASSED = ("HX-Request", "HX-Target", "HX-Trigger", "HX-Current-URL", "Accept", "X-CSRFToken", "Content-Type")
_GIVEN = ("HX-Redirect", "HX-Location", "HX-Refresh", "HX-Push-Url", "HX-Replace-Url", "HX-Retarget", "HX-Reswap", "HX-Trigger")

_HEADER = re.compile(r"[ -~]*")
_HALF = re.compile("[\ud800-\udfff]")

_MAIN = re.compile(r'<main id="main"[^>]*>(.*)</main>', re.DOTALL)
_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)
_STATIC = re.compile(r'(?:href|src)="/static/([a-z_]+)\.(css|js)(?:\?[^"]*)?"')
_SAID = re.compile(r'<p class="toast said" role="status">(.*?)</p>', re.DOTALL)
_TOKEN = re.compile(r'"X-CSRFToken(?:"|&#34;): (?:"|&#34;)([^"&]+)')


@blueprint.post("/page")
@for_person
def show_page() -> Response:
    """One page or fragment. Body: ``area`` ("project" or "admin"), ``method``, ``path``, ``body`` (as a form sends it), ``headers``,
    ``jar`` (as the last answer gave it).

    A page gives ``html`` (what is in its main part), ``title``, ``path`` (after redirects), ``styles``, ``scripts``, ``said``, ``token``;
    anything else ``raw`` with ``type`` and ``headers``. Always ``status`` and ``jar``.
    """
    asked = _asked()
    _let_in(asked["area"])
    answer, path = _walk(asked, caller().viewer)
    told: dict[str, Any] = {
        "status": answer.status_code,
        "path": path,
        "jar": _jar(asked["jar"], answer),
        "base": runtime().settings.base_url,
    }
    text = answer.get_data(as_text=True)
    main = _MAIN.search(text)
    if main is None:
        headers = {name: answer.headers[name] for name in _GIVEN if name in answer.headers}
        return jsonify(told | {"raw": text, "type": answer.mimetype, "headers": headers})
    found = _STATIC.findall(text)
    title, token = _TITLE.search(text), _TOKEN.search(text)
    return jsonify(
        told
        | {
            "html": main[1],
            "title": unescape(title[1]).strip() if title else "",
            "styles": [name for name, kind in found if kind == "css"],
            "scripts": [name for name, kind in found if kind == "js"],
            "said": [unescape(words) for words in _SAID.findall(text)],
            "token": token[1] if token else "",
        }
    )


@blueprint.post("/page/start")
@for_person
def start() -> Response:
    """Where the page of a module begins, for the project that Jira shows or for the site's admin: ``{"path", "nav"}``.

    ``nav`` are the pages that this place leads to, each ``{"path", "title"}``; what the caller may not do is not among them.
    """
    asked, base = caller(), runtime().settings.base_url
    area = _text(json_body(needed=True), "area") or "project"
    _let_in(area)
    mappings = url_for("mappings.index")
    if area == "admin":
        path = url_for("connections.show", name=asked.connection_name)
        ways = [(path, "Connection"), (mappings, "Mappings"), (url_for("people.index"), "People")]
        return jsonify({"path": path, "nav": _nav(ways), "base": base})
    if not asked.project:
        raise InputError("Jira did not say which project this is; open the page from a project", where="project")
    path = url_for("mappings.project", connection=asked.connection_name, key=asked.project)
    unmapped = url_for("mappings.unmapped", connection=asked.connection_name, container=asked.project)
    ways = [(path, "This project"), *([(unmapped, "Not mapped")] if asked.viewer.may(Act.WRITE) else []), (mappings, "All mappings")]
    return jsonify({"path": path, "nav": _nav(ways), "base": base})


def _nav(ways: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"path": path, "title": title} for path, title in ways]


def _let_in(area: str) -> None:
    """Raises ``Forbidden`` for accounts that nobody knows here, and for the admin page without Jira's word that they administer it.

    Pages tell titles of mapped work of every project: people of ours may read those, whoever else uses this Jira need not.
    """
    if not caller().known:
        raise Forbidden(
            "your Jira account is not known to the OKR connector yet; an admin adds it under People (panels on issues work without)"
        )
    if area == "admin":
        rights.require_jira_admin(runtime(), caller())


def _asked() -> dict[str, Any]:
    given = json_body(needed=True)
    area, method, path = _text(given, "area") or "project", (_text(given, "method") or "GET").upper(), _text(given, "path")
    if area not in ("project", "admin"):
        raise InputError("must be project or admin", where="area")
    if method not in METHODS:
        raise InputError(f"must be {' or '.join(METHODS)}", where="method")
    _require_path(path)
    headers = given.get("headers")
    given_headers = headers.items() if isinstance(headers, dict) else ()
    kept = {name.lower(): value[:2000] for name, value in given_headers if isinstance(value, str) and _HEADER.fullmatch(value)}
    return {
        "area": area,
        "method": method,
        "path": path,
        "body": _text(given, "body"),
        "jar": _text(given, "jar")[:4000],  # as much as a browser keeps
        "headers": {name: kept[name.lower()] for name in _PASSED if name.lower() in kept},
    }


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name, "")
    if not isinstance(value, str):
        raise InputError("must be a text", where=name)
    if _HALF.search(value):
        raise InputError("holds half a letter, which is no text", where=name)
    return value


def _require_path(path: str) -> None:
    """Raises ``InputError`` for what is no path of ours. Which pages are shown is looked at where they are served: ``gate.keep_inside``."""
    parts = urlsplit(path)
    if (
        not path.startswith("/")
        or path.startswith("//")
        or "\\" in path
        or parts.scheme
        or parts.netloc
        or any(sign < " " for sign in path)
    ):
        raise InputError("must be a path of this connector, such as /mappings", where="path")


def _walk(asked: Mapping[str, Any], viewer: Viewer) -> tuple[TestResponse, str]:
    """The answer after redirects, and the path it stands for."""
    base = runtime().settings.base_url
    # The application itself: what stands before it (a proxy's headers, the sandbox's stand-ins) is not for carried requests.
    client = Client(partial(Flask.wsgi_app, current_app._get_current_object()), use_cookies=True)  # type: ignore[attr-defined]  # werkzeug's proxy
    domain = urlsplit(base).hostname or "localhost"
    if asked["jar"]:
        client.set_cookie(COOKIE, asked["jar"], domain=domain)
    method, path, body, headers = asked["method"], asked["path"], asked["body"], dict(asked["headers"])
    endpoints = PROJECT if asked["area"] == "project" else ADMIN
    frame = Inside(viewer, endpoints)
    inner = {INSIDE: frame, "REMOTE_ADDR": request.remote_addr or ""}
    for _ in range(REDIRECTS):
        options: dict[str, Any] = {"data": body.encode()} if method == "POST" else {}
        headers.setdefault("Accept", "text/html")
        answer = client.open(path, method=method, base_url=base, headers=headers, environ_overrides=inner, **options)
        if frame.refused:
            raise Forbidden(NOT_INSIDE)
        if answer.status_code not in (301, 302, 303, 307, 308) or "HX-Request" in headers:
            return answer, path
        target = urlsplit(answer.headers["Location"])
        if target.netloc and target.netloc != urlsplit(base).netloc:
            raise Forbidden("this page leads to another site; open the connector in a tab of its own")
        path = target.path + (f"?{target.query}" if target.query else "") + (f"#{target.fragment}" if target.fragment else "")
        method, body = "GET", ""
        headers.pop("Content-Type", None)
        _require_path(path)
    raise InputError("the page redirects in a circle", where="path")


def _jar(before: str, answer: TestResponse) -> str:
    """The cookie of the run: a new one, else the one that was there."""
    for line in answer.headers.getlist("Set-Cookie"):
        name, _, rest = line.partition("=")
        if name == COOKIE:
            return rest.partition(";")[0]
    return before
