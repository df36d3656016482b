"""The stand-in's REST v3: what each path answers, and what it refuses as the real site does. No HTTP, no login: those come before.

Request bodies are read strictly (an unknown key is an error), because that is what the real site does to us.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from connector.hosts.jira import sandbox_comments as comments
from connector.hosts.jira import sandbox_making as making
from connector.hosts.jira.sandbox_access import Access
from connector.hosts.jira.sandbox_answers import Answered as Answered
from connector.hosts.jira.sandbox_answers import Params as Params
from connector.hosts.jira.sandbox_answers import RefusalError as RefusalError
from connector.hosts.jira.sandbox_answers import object_of
from connector.hosts.jira.sandbox_jql import JqlError, Query, Site, parse
from connector.hosts.jira.sandbox_tree import structure
from connector.hosts.jira.sandbox_views import facts, issue_json
from connector.hosts.jira.sandbox_world import IssueWorld

ALLOWED = {
    "search/jql": {
        "jql",
        "fields",
        "maxResults",
        "nextPageToken",
        "reconcileIssues",
        "expand",
        "properties",
        "fieldsByKeys",
        "includeArchivedProjects",
    },
    "issue/bulkfetch": {"issueIdsOrKeys", "fields", "fieldsByKeys", "expand", "properties"},
    "search/approximate-count": {"jql"},
    "jql/parse": {"queries"},
    "jql/match": {"issueIds", "jqls"},
    "permissions/check": {"accountId", "globalPermissions", "projectPermissions"},
}
LINK_KEYS = {"globalId", "relationship", "application", "object"}
PROPERTY_LENGTH = 32_768
UNBOUNDED = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."


class Rest:
    """The REST API over one world. ``page_limit`` makes search pages shorter than asked; ``denied`` lists missing permissions.

    ``threads`` off: comments take no ``parentId``. ``access`` knows who asks.
    """

    def __init__(self, world: IssueWorld) -> None:
        self.world = world
        self.page_limit = 0
        self.threads = True
        self.access = Access(world)
        self._searches: dict[str, list[dict[str, Any]]] = {}  # token prefix → what the first page found
        self._numbers = itertools.count(1)

    @property
    def denied(self) -> set[str]:
        """Permissions that are taken away."""
        return self.access.denied

    @denied.setter
    def denied(self, rights: set[str]) -> None:
        self.access.denied = rights

    def expire_tokens(self) -> None:
        """Forget all page tokens, as Jira does after seven days."""
        self._searches.clear()

    def route(self, method: str, parts: Sequence[str], query: Params, body: Any) -> Answered:
        """Answer a request; ``parts`` are the unquoted path segments. Raises ``RefusalError``."""
        with self.world.lock:
            if list(parts[:2]) != ["rest", "api"] or len(parts) < 4 or parts[2] not in ("2", "3"):
                raise RefusalError(404, "")
            rest = list(parts[3:])
            name = "/".join(rest)
            if name in ALLOWED and method == "POST":
                return self._post(name, object_of(body, ALLOWED[name]))
            if name == "search/jql" and method == "GET":
                return self._search(_search_body(query))
            if rest[0] == "search":
                raise RefusalError(410, "The requested API has been removed. Please use the newer, enhanced search-based API instead.")
            if name == "issue" and method == "POST":
                return making.make(self.world, body)
            if rest[:2] == ["issue", "createmeta"] and rest[3:] == ["issuetypes"] and method == "GET":
                return making.kinds_of(self.world, rest[2])
            if rest[0] == "issue" and len(rest) > 1:
                return self._issue(method, rest, query, body)
            if rest[:2] == ["app", "field"] and rest[3:] == ["value"] and method == "PUT":
                return self.access.write_app_field(rest[2], query, body)
            if method != "GET":
                raise RefusalError(405, "")
            if rest[0] == "comment" and rest[2:3] == ["properties"] and len(rest) == 4:
                return comments.property_of(self.world, self.access, rest[1], rest[3])
            return self._get(name, query)

    def _get(self, name: str, query: Params) -> Answered:
        if name == "myself":
            return Answered(200, {"active": True, "timeZone": "UTC", **self.access.person()})
        if name == "mypermissions":
            return self.access.own(query)
        if name == "field":
            return Answered(200, self.world.settings["fields"])
        projects = [project for project in self.world.projects.values() if not project["archived"]]
        shown = [
            {"id": project["id"], "key": project["key"], "name": project["name"]}
            for project in sorted(projects, key=lambda one: one["key"])
        ]
        if name == "project/search":
            start, size = int(query.get("startAt", 0)), min(int(query.get("maxResults", 50)), 50)
            page = shown[start : start + size]
            return Answered(
                200, {"startAt": start, "maxResults": size, "total": len(shown), "isLast": start + size >= len(shown), "values": page}
            )
        if name.startswith("project/"):
            for project in shown:
                if name.partition("/")[2].upper() in (project["key"].upper(), project["id"]):
                    return Answered(200, project)
            raise RefusalError(404, f"No project could be found with key '{name.partition('/')[2]}'.")
        raise RefusalError(404, "")

    def _post(self, name: str, body: dict[str, Any]) -> Answered:
        if name == "search/jql":
            return self._search(body)
        if name == "issue/bulkfetch":
            return self._bulkfetch(body)
        if name == "search/approximate-count":
            return Answered(200, {"count": len(self._run(body.get("jql")))})
        if name == "jql/parse":
            return Answered(200, {"queries": [self._parsed(jql) for jql in body.get("queries") or []]})
        if name == "jql/match":
            return self._match(body)
        return self.access.check(body)

    # --- searching ---------------------------------------------------------------------------------------------------------

    def _site(self) -> Site:
        def find(name: str) -> str | None:
            issue = self.world.find(name)
            return str(issue["id"]) if issue else None

        live = frozenset(key.upper() for key, project in self.world.projects.items() if not project["archived"])
        fields = {entry["name"].casefold(): entry["id"] for entry in self.world.settings["fields"]}
        return Site(live, find, fields, self.world.clock())

    def _query(self, jql: Any) -> Query:
        try:
            query = parse(str(jql or ""), self._site())
        except JqlError as error:
            raise RefusalError(400, str(error)) from None
        if query.test is None:
            raise RefusalError(400, UNBOUNDED)
        return query

    def _run(self, jql: Any, fresh: Sequence[str] = ()) -> list[dict[str, Any]]:
        query = self._query(jql)
        test = query.test or (lambda one: True)
        try:
            among = (query.among.field, query.among.refs) if query.among else None
            found = [issue for issue in self.world.seen_by_index(fresh, among) if self._matches(test, issue)]
        except JqlError as error:
            raise RefusalError(400, str(error)) from None
        found.sort(key=lambda issue: int(issue["id"]))
        for name, descending in reversed(query.order):
            found.sort(key=lambda issue, name=name: str(facts(self.world, issue).get(name) or ""), reverse=descending)  # type: ignore[misc]
        return found

    def _matches(self, test: Callable[[Mapping[str, Any]], bool], issue: Mapping[str, Any]) -> bool:
        return self.access.may_see(issue) and test(facts(self.world, issue))

    def _search(self, body: dict[str, Any]) -> Answered:
        fields = body.get("fields") or ["id"]
        fresh = body.get("reconcileIssues") or []
        if len(fresh) > 50 or not all(isinstance(ref, int) for ref in fresh):
            raise RefusalError(400, "reconcileIssues takes at most 50 numeric ids")
        token = body.get("nextPageToken")
        if token:
            search, _, offset = str(token).partition(":")
            if search not in self._searches or not offset.isdigit():
                raise RefusalError(400, "The nextPageToken is invalid or has expired.")
            found, start = self._searches[search], int(offset)
        else:
            search, start = f"s{next(self._numbers)}", 0
            found = self._run(body.get("jql"), [str(ref) for ref in fresh])
        most = 5000 if set(fields) <= {"id", "key"} else 100
        size = max(1, min(int(body.get("maxResults") or 50), most, self.page_limit or most))
        page = found[start : start + size]
        asked = body.get("properties") or []
        answer: dict[str, Any] = {"issues": [_with(issue, asked, issue_json(self.world, issue, fields)) for issue in page]}
        answer["isLast"] = start + size >= len(found)
        if not answer["isLast"]:
            self._searches[search] = found
            answer["nextPageToken"] = f"{search}:{start + size}"
        return Answered(200, answer)

    def _bulkfetch(self, body: dict[str, Any]) -> Answered:
        names = body.get("issueIdsOrKeys") or []
        if not names or len(names) > 100:
            raise RefusalError(400, "Between 1 and 100 issues can be fetched at once.")
        found: dict[str, dict[str, Any]] = {}
        errors = []
        for name in names:
            issue = self.world.find(str(name))
            if issue is None or not self.access.may_see(issue):
                errors.append({"id": str(name), "errorMessage": "Issue does not exist or you do not have permission to see it."})
            else:
                found[issue["id"]] = issue
        shown = [issue_json(self.world, found[ref], body.get("fields") or ["*navigable"]) for ref in sorted(found, key=int)]
        return Answered(200, {"issues": shown, "issueErrors": errors})

    def _parsed(self, jql: Any) -> dict[str, Any]:
        try:
            parse(str(jql), self._site())
        except JqlError as error:
            return {"query": jql, "errors": [str(error)]}
        return {"query": jql, "structure": structure(str(jql))}

    def _match(self, body: dict[str, Any]) -> Answered:
        asked = {str(ref) for ref in body.get("issueIds") or []}
        matches: list[dict[str, Any]] = []
        for jql in body.get("jqls") or []:
            try:
                numbers = [int(issue["id"]) for issue in self._run(jql, list(asked)) if issue["id"] in asked]
                matches.append({"matchedIssues": numbers, "errors": []})
            except RefusalError as refusal:
                matches.append({"matchedIssues": [], "errors": [str(refusal)]})
        return Answered(200, {"matches": matches})

    # --- one issue ---------------------------------------------------------------------------------------------------------

    def _issue(self, method: str, rest: Sequence[str], query: Params, body: Any) -> Answered:
        issue = self.world.find(rest[1])
        if issue is None or not self.access.may_see(issue):
            raise RefusalError(404, "Issue does not exist or you do not have permission to see it.")
        parts: Mapping[str, Callable[[], Answered]] = {
            "": lambda: self._whole(method, issue, query, body),
            "remotelink": lambda: self._links(method, issue, query, body),
            "properties": lambda: self._property(method, issue, rest, body),
            "comment": lambda: comments.answer(self.world, self.access, method, issue, rest, query, body, threads=self.threads),
        }
        answer = parts.get(rest[2] if len(rest) > 2 else "")
        if answer is None:
            raise RefusalError(404, "")
        return answer()

    def _whole(self, method: str, issue: dict[str, Any], query: Params, body: Any) -> Answered:
        if method == "GET":
            return Answered(200, issue_json(self.world, issue, (query.get("fields") or "*all").split(",")))
        if method != "PUT":
            raise RefusalError(405, "")
        fields = object_of(body, {"fields", "update", "properties", "historyMetadata", "transition"}).get("fields") or {}
        known = {entry["id"] for entry in self.world.settings["fields"]}
        if wrong := {
            name: f"Field '{name}' cannot be set. It is not on the appropriate screen, or unknown." for name in fields if name not in known
        }:
            raise RefusalError(400, "", wrong)
        for name, value in fields.items():
            self.world.set_field(issue["id"], name, value)
        return Answered(204, wrote=True)

    def _links(self, method: str, issue: dict[str, Any], query: Params, body: Any) -> Answered:
        links = issue["links"]
        identity = query.get("globalId", "")
        if method == "GET":
            shown = [{"id": link["id"], **link["body"]} for name, link in links.items() if identity in ("", name)]
            return Answered(200, (shown[0] if shown else None) if identity else shown)
        if method == "DELETE":
            if identity not in links:
                raise RefusalError(404, "No remote link with this global id.")
            del links[identity]
            return Answered(204, wrote=True)
        data = object_of(body, LINK_KEYS)
        target = data.get("object")
        if not isinstance(target, dict) or not target.get("url") or not target.get("title"):
            raise RefusalError(400, "", {"title": "'title' and 'url' are required."})
        name = str(data.get("globalId") or f"link-{next(self._numbers)}")
        if len(name) > 255 or len(target["title"]) > 255:
            raise RefusalError(400, "", {"globalId": "The length must be at most 255."})
        number = links[name]["id"] if name in links else 30000 + next(self._numbers)
        status = 200 if name in links else 201
        links[name] = {"id": number, "body": data}  # a replace: what was left out is gone
        self.world.told_by_link(issue, target["title"])
        return Answered(
            status, {"id": number, "self": f"https://stand-in.example/rest/api/3/issue/{issue['id']}/remotelink/{number}"}, wrote=True
        )

    def _property(self, method: str, issue: dict[str, Any], rest: Sequence[str], body: Any) -> Answered:
        key = rest[3] if len(rest) > 3 else ""
        properties = issue["properties"]
        if method == "PUT" and key:
            if body is None or len(orjson.dumps(body)) > PROPERTY_LENGTH:
                raise RefusalError(400, "The property value is missing or too long.")
            status = 200 if key in properties else 201
            properties[key] = body
            self.world.told_by_property(issue, key, "issue_property_set")
            return Answered(status, wrote=True)
        if not key:
            return Answered(200, {"keys": [{"key": name, "self": ""} for name in properties]})
        if key not in properties:
            raise RefusalError(404, f"The property {key} does not exist.")
        if method == "DELETE":
            del properties[key]
            self.world.told_by_property(issue, key, "issue_property_deleted")
            return Answered(204, wrote=True)
        return Answered(200, {"key": key, "value": properties[key]})


def _search_body(query: Params) -> dict[str, Any]:
    """The search that a GET asks for, in the shape of the POST's body."""
    body: dict[str, Any] = {name: query[name] for name in ("jql", "nextPageToken") if name in query}
    if query.get("maxResults", "").isdigit():
        body["maxResults"] = int(query["maxResults"])
    return {**body, "fields": [name for name in query.get("fields", "").split(",") if name]}


def _with(issue: Mapping[str, Any], asked: Sequence[str], shown: dict[str, Any]) -> dict[str, Any]:
    """An issue with the properties that were asked for."""
    if asked:
        shown["properties"] = {name: issue["properties"][name] for name in asked if name in issue["properties"]}
    return shown
