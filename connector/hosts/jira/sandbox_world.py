"""The stand-in's state: projects, issues, links, properties, comments, in memory, with the past that a lagging index still shows.

It knows no HTTP. All times come from its clock; every change goes through ``IssueWorld`` and is told to its listener.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from connector.hosts.jira.sandbox_fields import DEFAULT_FIELDS, POINTS
from connector.hosts.jira.sandbox_shapes import CATEGORIES, item, jira_time, status_id

Change = tuple[str, dict[str, Any], list[dict[str, Any]]]  # event name, extra parts of the body, changelog items
Listener = Callable[[Change], None]

LEVELS = {"Epic": 1, "Sub-task": -1, "Subtask": -1}

DEFAULT_WORLD: dict[str, Any] = {
    "email": "bot@acme.example",
    "api_token": "sandbox-token",
    "cloud_id": "11111111-2222-3333-4444-555555555555",
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
    "account": {"accountId": "5b10a2844c20165700ede21g", "displayName": "OKR bot", "emailAddress": "bot@acme.example"},
    "projects": [{"id": "10000", "key": "ACME", "name": "Acme"}],
    "fields": DEFAULT_FIELDS,
    "issues": [],
}


class IssueWorld:
    """Issues and what hangs on them. Thread-safe: hold ``lock`` around several steps that belong together.

    An issue is ``{"id", "key", "deleted", "fields": {summary, type, status, category, parent (id or None), labels, resolution,
    created, updated, <custom field ids>}}``. ``index_lag`` is how many seconds a search stays behind.
    """

    def __init__(self, world: Mapping[str, Any] | None, clock: Callable[[], datetime]) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.listener: Listener | None = None
        self.index_lag = 0.0
        self.load({**copy.deepcopy(DEFAULT_WORLD), **copy.deepcopy(dict(world or {}))})

    def load(self, world: Mapping[str, Any]) -> None:
        """Replace everything. Issues may be given shortly: ``{key, summary, type, category, parent, points, labels, fields}``."""
        with self.lock:
            self.settings = {name: value for name, value in world.items() if name not in ("issues", "projects", "next_id")}
            self.projects: dict[str, dict[str, Any]] = {}
            for number, project in enumerate(world.get("projects") or []):
                self.projects[project["key"]] = {"id": str(10000 + number), "name": project["key"], "archived": False, **project}
            self.issues: dict[str, dict[str, Any]] = {}
            self.old_keys: dict[str, str] = dict(self.settings.pop("old_keys", {}))
            self._by_key: dict[str, str] = {}
            self._highest: dict[str, int] = {}
            for old in self.old_keys:
                self._count(old)
            self._past: dict[str, list[tuple[datetime, dict[str, Any]]]] = {}
            self._once_below: dict[str, set[str]] = {}  # parent → all that ever hung below it
            self._next_id = int(world.get("next_id") or 10001)
            listener, self.listener = self.listener, None
            for issue in world.get("issues") or []:
                self.add_issue(**issue)
            for made in self.issues.values():  # a parent may stand below its children in the list
                parent = made["fields"]["parent"]
                made["fields"]["parent"] = self._by_key.get(parent.upper(), parent) if parent else None
                self._note_parent(made["id"], made["fields"]["parent"])
            self._past.clear()
            self._last_comment = max((int(each["id"]) for made in self.issues.values() for each in made["comments"]), default=19_999)
            self.listener = listener

    def dump(self) -> dict[str, Any]:
        """Everything as JSON; ``load`` takes it back."""
        with self.lock:
            issues = []
            for issue in self.issues.values():
                if not issue["deleted"]:
                    fields = dict(issue["fields"])
                    plain = {name: fields.pop(name) for name in ("summary", "type", "status", "category", "parent", "labels", "resolution")}
                    moments = {name: fields.pop(name).isoformat() for name in ("created", "updated")}
                    rest = {name: copy.deepcopy(issue[name]) for name in ("links", "properties", "comments")}
                    issues.append({"id": issue["id"], "key": issue["key"], **plain, **moments, "fields": fields, **rest})
            return {
                **copy.deepcopy(self.settings),
                "projects": list(self.projects.values()),
                "issues": issues,
                "old_keys": self.old_keys,
                "next_id": self._next_id,
            }

    # --- looking -----------------------------------------------------------------------------------------------------------

    def find(self, name: str) -> dict[str, Any] | None:
        """The living issue with this id, key or former key."""
        ref = self._by_key.get(name.upper()) or self.old_keys.get(name.upper()) or name
        issue = self.issues.get(ref)
        if issue is None or issue["deleted"] or self.projects[self.project_of(issue)]["archived"]:
            return None
        return issue

    def seen_by_index(self, fresh: Iterable[str] = (), among: tuple[str, Iterable[str]] | None = None) -> list[dict[str, Any]]:
        """All issues as the search index knows them: as they were ``index_lag`` seconds ago, except those in ``fresh``.

        ``among`` ("key" or "parent", refs) leaves out most of those that cannot match: a large site is not searched whole each time.
        """
        trusted = set(fresh)
        horizon = self.clock() - timedelta(seconds=self.index_lag)
        found = []
        looked_at: Iterable[str] = self.issues
        if among is not None:
            field, refs = among
            looked_at = refs if field == "key" else {child for ref in refs for child in self._once_below.get(ref, ())}
        for ref in looked_at:
            issue = self.issues.get(ref)
            if issue is None:
                continue
            view: dict[str, Any] | None = issue
            if self.index_lag and ref not in trusted and issue["changed_at"] > horizon:
                view = next((old for moment, old in reversed(self._past.get(ref, [])) if moment <= horizon), None)
            if view is not None and not view["deleted"] and not self.projects[self.project_of(view)]["archived"]:
                found.append(view)
        return found

    def project_of(self, issue: Mapping[str, Any]) -> str:
        """The key of an issue's project."""
        return str(issue["key"]).rpartition("-")[0]

    # --- changing ----------------------------------------------------------------------------------------------------------

    def add_issue(
        self,
        project: str = "",
        summary: str = "",
        *,
        key: str = "",
        id: str = "",  # the host's own word
        type: str = "Story",
        category: str = "new",
        status: str | None = None,
        parent: str | None = None,
        labels: Iterable[str] = (),
        points: float | None = None,
        resolution: str | None = None,
        fields: Mapping[str, Any] | None = None,
        created: str | None = None,
        updated: str | None = None,
        links: Mapping[str, Any] | None = None,
        properties: Mapping[str, Any] | None = None,
        comments: Iterable[Mapping[str, Any]] = (),
    ) -> str:
        """A new issue; gives its key. ``parent`` is an id or key, ``points`` fills the team-managed point field."""
        with self.lock:
            project = project or key.rpartition("-")[0] or next(iter(self.projects))
            if project not in self.projects:
                self.projects[project] = {"id": str(10000 + len(self.projects)), "key": project, "name": project, "archived": False}
            ref = id or str(self._next_id)
            self._next_id = max(self._next_id, int(ref) + 1)
            key = key or self._next_key(project)
            above = self.find(parent) if parent else None
            now = self.clock()
            values: dict[str, Any] = {
                "summary": summary or key,
                "type": type,
                "status": status or CATEGORIES[category][3],
                "category": category,
                "parent": above["id"] if above else parent,
                "labels": list(labels),
                "resolution": resolution,
                "created": datetime.fromisoformat(created) if created else now,
                "updated": datetime.fromisoformat(updated) if updated else now,
                **(fields or {}),
            }
            if points is not None:
                values[POINTS] = points
            rest = {"links": dict(links or {}), "properties": dict(properties or {}), "comments": [dict(comment) for comment in comments]}
            self.issues[ref] = {"id": ref, "key": key, "deleted": False, "changed_at": now, "fields": values, **rest}
            self._by_key[key.upper()] = ref
            self._note_parent(ref, values["parent"])
            self._count(key)
            self._tell("jira:issue_created", self.issues[ref], [])
            return key

    def set_status(self, name: str, category: str, status: str | None = None, resolution: str | None = None) -> None:
        """Put an issue into a status of ``category`` (new, indeterminate, done, undefined); done sets a resolution as Jira does."""
        with self.lock:
            issue = self.must(name)
            fields = issue["fields"]
            before = fields["status"], fields["category"]
            after = status or CATEGORIES[category][3]
            resolved = resolution or ("Done" if category == "done" else None)
            items = [item("status", before[0], after, status_id(before[0], before[1]), status_id(after, category), field_id="status")]
            if resolved != fields["resolution"]:
                items.append(item("resolution", fields["resolution"], resolved, field_id="resolution"))
            self._change(issue, {"status": after, "category": category, "resolution": resolved})
            self._tell("jira:issue_updated", issue, items)

    def move(self, name: str, parent: str | None) -> None:
        """Hang an issue below another parent, or below none."""
        with self.lock:
            issue = self.must(name)
            old = self.issues.get(issue["fields"]["parent"] or "")
            new = self.must(parent) if parent else None
            self._change(issue, {"parent": new["id"] if new else None})
            pair = (old or {}).get("key"), (new or {}).get("key"), (old or {}).get("id"), (new or {}).get("id")
            self._tell("jira:issue_updated", issue, [item("IssueParentAssociation", *pair)])

    def move_to_project(self, name: str, project: str) -> str:
        """Move an issue to another project: the id stays, the key changes and the old key goes on leading here."""
        with self.lock:
            issue = self.must(name)
            old = issue["key"]
            new = self._next_key(project)
            self._remember(issue)
            self._by_key.pop(old.upper())
            self.old_keys[old.upper()] = issue["id"]
            issue["key"] = new
            self._by_key[new.upper()] = issue["id"]
            self._count(new)
            self._change(issue, {}, remember=False)
            self._tell("jira:issue_updated", issue, [item("project", self.project_of({"key": old}), project), item("Key", old, new)])
            return new

    def set_field(self, name: str, field: str, value: Any, *, fieldtype: str = "custom", quiet: bool = False) -> None:
        """Set a field by its id or name; ``quiet`` tells nobody."""
        with self.lock:
            issue = self.must(name)
            known = {entry["name"]: entry["id"] for entry in self.settings["fields"]}
            identity = known.get(field, field)
            before = issue["fields"].get(identity)
            self._change(issue, {identity: value})
            if not quiet:
                self._tell("jira:issue_updated", issue, [item(field, before, value, field_id=identity, fieldtype=fieldtype)])

    def change(self, name: str, values: Mapping[str, Any], items: list[dict[str, Any]]) -> None:
        """Set fields by their ids, told with these changelog items."""
        with self.lock:
            issue = self.must(name)
            self._change(issue, values)
            self._tell("jira:issue_updated", issue, items)

    def delete(self, name: str) -> None:
        """Delete an issue for good."""
        with self.lock:
            issue = self.must(name)
            self._remember(issue)
            issue["deleted"] = True
            issue["changed_at"] = self.clock()
            self._by_key.pop(issue["key"].upper(), None)
            self._tell("jira:issue_deleted", issue, [])

    def archive_project(self, key: str, archived: bool = True) -> None:
        """Archive a project or bring it back: its issues vanish from every answer, without an event on any of them."""
        with self.lock:
            self.projects[key]["archived"] = archived
            project = self.projects[key]
            event = "project_archived" if archived else "project_restored_archived"
            if self.listener:
                self.listener((event, {"project": {"id": int(project["id"]), "key": key, "name": project["name"]}}, []))

    def add_comment(
        self,
        name: str,
        body: Any,
        author: Mapping[str, Any] | None = None,
        *,
        properties: Iterable[Mapping[str, Any]] = (),
        parent: str = "",
        visibility: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A comment on an issue, by the bot unless ``author`` is given; ``parent`` is the comment that it answers.

        ``visibility``: the role or group that alone sees it; the property ``sd.public.comment`` makes it internal.
        """
        with self.lock:
            issue = self.must(name)
            self._last_comment += 1
            comment = {
                "id": str(self._last_comment),
                "author": dict(author or self.settings["account"]),
                "body": body,
                "created": jira_time(self.clock()),
                "updated": jira_time(self.clock()),
                "properties": {each["key"]: each["value"] for each in properties},
                **({"parentId": int(parent)} if parent else {}),
            }
            self._restrict(comment, visibility)
            issue["comments"].append(comment)
            self._tell_comment("comment_created", issue, comment)
            return comment

    @staticmethod
    def _restrict(comment: dict[str, Any], visibility: Mapping[str, Any] | None) -> None:
        if visibility:
            comment["visibility"] = dict(visibility)
        if comment["properties"].get("sd.public.comment", {}).get("internal"):
            comment["jsdPublic"] = False

    def edit_comment(
        self,
        name: str,
        ident: str,
        body: Any,
        properties: Iterable[Mapping[str, Any]] | None = None,
        visibility: Mapping[str, Any] | None = None,
    ) -> None:
        """Give a comment another body; ``properties`` are set beside those that it has."""
        with self.lock:
            issue = self.must(name)
            comment = next(each for each in issue["comments"] if each["id"] == ident)
            comment |= {"body": body, "updated": jira_time(self.clock())}
            comment["properties"] = comment.get("properties", {}) | {each["key"]: each["value"] for each in properties or ()}
            self._restrict(comment, visibility)
            self._tell_comment("comment_updated", issue, comment)

    def delete_comment(self, name: str, ident: str) -> None:
        """Delete a comment for good; its id is not used again."""
        with self.lock:
            issue = self.must(name)
            comment = next(each for each in issue["comments"] if each["id"] == ident)
            issue["comments"].remove(comment)
            self._tell_comment("comment_deleted", issue, comment)

    def _tell_comment(self, event: str, issue: dict[str, Any], comment: Mapping[str, Any]) -> None:
        self._tell(event, issue, [], {"comment": {name: value for name, value in comment.items() if name != "properties"}})

    def told_by_link(self, issue: dict[str, Any], title: str) -> None:
        """A remote link was written: Jira keeps a history item and sends an event for it."""
        self._change(issue, {})
        self._tell("jira:issue_updated", issue, [item("RemoteWorkItemLink", None, f"This work item links to {title}")])

    def told_by_property(self, issue: dict[str, Any], key: str, event: str) -> None:
        """An issue property was written or removed."""
        self._tell(event, issue, [], {"property": {"key": key}})

    def _change(self, issue: dict[str, Any], values: Mapping[str, Any], *, remember: bool = True) -> None:
        if remember:
            self._remember(issue)
        issue["fields"] = {**issue["fields"], **values, "updated": self.clock()}
        issue["changed_at"] = self.clock()
        self._note_parent(issue["id"], issue["fields"]["parent"])

    def _note_parent(self, ref: str, parent: str | None) -> None:
        if parent:
            self._once_below.setdefault(parent, set()).add(ref)

    def _remember(self, issue: Mapping[str, Any]) -> None:
        past = self._past.setdefault(issue["id"], [])
        past.append((issue["changed_at"], {**issue, "fields": dict(issue["fields"])}))
        del past[:-20]

    def must(self, name: str) -> dict[str, Any]:
        """The living issue with this id or key. Raises ``KeyError``."""
        issue = self.find(name)
        if issue is None:
            raise KeyError(f"the stand-in has no issue {name}")
        return issue

    def _next_key(self, project: str) -> str:
        return f"{project}-{self._highest.get(project, 0) + 1}"

    def _count(self, key: str) -> None:
        project, _, number = key.rpartition("-")
        self._highest[project] = max(self._highest.get(project, 0), int(number))

    def _tell(self, event: str, issue: dict[str, Any], items: list[dict[str, Any]], extra: Mapping[str, Any] | None = None) -> None:
        if self.listener:
            self.listener((event, {**(extra or {}), "issue": issue}, items))
