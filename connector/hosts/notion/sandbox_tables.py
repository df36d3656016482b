"""The stand-in's databases: data sources with their schemas, two-way relations, views, and the people. It must not know HTTP."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from connector.hosts.notion import sandbox_schema as schema
from connector.hosts.notion import sandbox_values as shapes

Announce = Callable[[str, str, str, Mapping[str, Any], str], None]  # (event, entity type, entity id, data, author)


class Tables:
    """The part of a workspace that holds people, databases, data sources and views. See ``sandbox_world.World``."""

    def __init__(self, data: Mapping[str, Any] | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.announce: Announce = lambda event, kind, ident, data, author: None
        fresh: dict[str, Any] = {
            "bot": str(uuid.uuid4()),
            "person": str(uuid.uuid4()),
            "workspace": str(uuid.uuid4()),
            "workspace_name": "Käse & Co",
            "databases": {},
            "sources": {},
            "pages": {},
            "blocks": {},
            "comments": {},
        }
        self.data: dict[str, Any] = json.loads(json.dumps(data)) if data else fresh

    def now(self) -> str:
        """The time as Notion stores it: without seconds."""
        return datetime.fromtimestamp(self.clock(), UTC).strftime("%Y-%m-%dT%H:%M:00.000Z")

    # --- people --------------------------------------------------------------------------------------------------------

    def people(self) -> list[dict[str, Any]]:
        """The people of the workspace as ``{id, name, email}``, guests with ``guest``; a world saved without them has one."""
        known: list[dict[str, Any]] = self.data.get("people") or []
        if any(each["id"] == self.data["person"] for each in known):
            return known
        return [{"id": self.data["person"], "name": "Somebody", "email": "somebody@example.test"}, *known]

    def add_person(self, name: str, email: str, *, guest: bool = False) -> str:
        """A person joins the workspace; returns the id."""
        with self.lock:
            ident = str(uuid.uuid4())
            self.data.setdefault("people", []).append({"id": ident, "name": name, "email": email, **({"guest": True} if guest else {})})
            return ident

    def remove_person(self, ident: str) -> None:
        """A person leaves the workspace."""
        with self.lock:
            self.data["people"] = [each for each in self.data.get("people") or [] if each["id"] != ident]

    # --- databases and data sources ------------------------------------------------------------------------------------

    def add_database(
        self, title: str, properties: Mapping[str, str | Mapping[str, Any]], *, data_source: str = "", page: str = "", author: str = ""
    ) -> tuple[str, str]:
        """A database with one data source: (database id, data source id). A title property is added when missing.

        ``page``: the page it stands on, as a block; without one it stands in the workspace.
        """
        with self.lock:
            ident, who = str(uuid.uuid4()), author or self.data["person"]
            self.data["databases"][ident] = {
                "id": ident, "title": title, "shared": True, "in_trash": False, "sources": [], "page": page, "created_time": self.now(),
            }  # fmt: skip
            if page:
                self._add_child(page, ident, "child_database", title, who)
            self.announce("database.created", "database", ident, {"parent": self._parent_of_database(ident)}, who)
            source = self.add_data_source(ident, data_source or title, properties, author=who)
            view = str(uuid.uuid4())
            self.data.setdefault("views", {})[view] = {
                "id": view,
                "database": ident,
                "source": source,
                "name": "Default view",
                "type": "table",
            }
            return ident, source

    def add_view(self, database: str, source: str, name: str, kind: str, content: Mapping[str, Any], author: str) -> dict[str, Any]:
        """A view of a data source in a database; ``content``: what a request may give beside."""
        with self.lock:
            view = {**content, "id": str(uuid.uuid4()), "database": database, "source": source, "name": name, "type": kind}
            self.data.setdefault("views", {})[view["id"]] = view
            self.announce("view.created", "view", view["id"], {"parent": {"id": database, "type": "database"}, "view_type": kind}, author)
            return view

    def add_data_source(self, database: str, name: str, properties: Mapping[str, str | Mapping[str, Any]], *, author: str = "") -> str:
        """One more data source in a database."""
        with self.lock:
            ident = str(uuid.uuid4())
            wishes: dict[str, str | Mapping[str, Any]] = dict(properties)
            if "title" not in [each if isinstance(each, str) else each["type"] for each in wishes.values()]:
                wishes = {"Name": "title", **wishes}
            made = [
                dict(kind) if isinstance(kind, dict) and "name" in kind else shapes.new_property(each, kind)
                for each, kind in wishes.items()
            ]
            self.data["sources"][ident] = {
                "id": ident, "name": name, "database": database, "created_time": self.now(), "last_edited_time": self.now(),
                "properties": {each["id"]: each for each in made},
            }  # fmt: skip
            self.data["databases"][database]["sources"].append(ident)
            for each in made:
                self.mirror(ident, each)
            who = author or self.data["person"]
            self.announce("data_source.created", "data_source", ident, {"parent": self._parent_of_source(ident)}, who)
            return ident

    def property_id(self, source: str, name: str) -> str:
        """The decoded id of a property by its present name."""
        found = [each["id"] for each in self.data["sources"][source]["properties"].values() if each["name"] == name]
        return str(found[0])

    def rename_property(self, source: str, old: str, new: str) -> None:
        """A person renames a property: its id stays."""
        with self.lock:
            prop = self.data["sources"][source]["properties"][self.property_id(source, old)]
            prop["name"] = new
            self._schema_changed(source, prop["id"], new, "updated")

    def add_property(self, source: str, name: str, kind: str | Mapping[str, Any]) -> str:
        """A person adds a property; returns its id."""
        with self.lock:
            prop = shapes.new_property(name, kind)
            self.data["sources"][source]["properties"][prop["id"]] = prop
            self._schema_changed(source, prop["id"], name, "created")
            return str(prop["id"])

    def keep_property(self, source: str, prop: dict[str, Any]) -> None:
        """The connection adds a property."""
        with self.lock:
            self.data["sources"][source]["properties"][prop["id"]] = prop
            self.mirror(source, prop)
            self._schema_changed(source, prop["id"], prop["name"], "created", self.data["bot"])

    def change_property(self, source: str, prop: dict[str, Any], config: Mapping[str, Any], author: str) -> None:
        """Change a property as a request says; values of options that are gone are emptied."""
        with self.lock:
            before = prop["type"]
            gone = schema.change_property(prop, config)
            for page in self.rows(source) if gone or prop["type"] != before else ():
                inner = page["values"].get(prop["id"])
                if prop["type"] != before or (isinstance(inner, dict) and inner.get("name") in gone):
                    page["values"].pop(prop["id"], None)
                elif isinstance(inner, list):
                    page["values"][prop["id"]] = [each for each in inner if each.get("name") not in gone]
            self._schema_changed(source, prop["id"], prop["name"], "updated", author)

    def remove_option(self, source: str, name: str, option: str) -> None:
        """A person removes an option of a select, multi-select or status property; rows that had it are empty there."""
        prop = self.data["sources"][source]["properties"][self.property_id(source, name)]
        left = [{"id": each["id"], "name": each["name"]} for each in prop[prop["type"]]["options"] if each["name"] != option]
        self.change_property(source, prop, {prop["type"]: {"options": left}}, self.data["person"])

    def rename_option(self, source: str, name: str, old: str, new: str) -> None:
        """A person renames an option: its id stays, and rows show the new name."""
        with self.lock:
            prop = self.data["sources"][source]["properties"][self.property_id(source, name)]
            for option in (each for each in prop[prop["type"]]["options"] if each["name"] == old):
                option["name"] = new
            for page in self.rows(source):
                inner = page["values"].get(prop["id"])
                for each in inner if isinstance(inner, list) else [inner] if isinstance(inner, dict) else []:
                    each["name"] = new if each.get("name") == old else each.get("name")
            self._schema_changed(source, prop["id"], name, "updated")

    def remove_property(self, source: str, name: str, *, author: str = "") -> None:
        """A person (or ``author``) removes a property and its values."""
        with self.lock:
            ident = self.property_id(source, name)
            del self.data["sources"][source]["properties"][ident]
            for page in self.rows(source):
                page["values"].pop(ident, None)
            self._schema_changed(source, ident, name, "deleted", author)

    def mirror(self, source: str, prop: dict[str, Any]) -> None:
        """Give a new two-way relation its other side, as a property of the data source that it leads to."""
        settings = prop["relation"].get("dual_property") if prop["type"] == "relation" else None
        if settings is None or settings.get("synced_property_id"):
            return
        target = self.data["sources"][prop["relation"]["data_source_id"]]
        taken = {each["name"] for each in target["properties"].values()}
        wished = str(settings.get("synced_property_name") or f"Related to {self.data['sources'][source]['name']} ({prop['name']})")
        name = next(each for each in (wished, *(f"{wished} {number}" for number in range(1, 999))) if each not in taken)
        back = {"synced_property_id": prop["id"], "synced_property_name": prop["name"]}
        other = shapes.new_property(name, {"type": "relation", **self.relation_to(source), "dual_property": back})
        target["properties"][other["id"]] = other
        prop["relation"]["dual_property"] = {"synced_property_id": other["id"], "synced_property_name": name}

    def relation_to(self, source: str) -> dict[str, Any]:
        """The settings that name the data source a relation leads to."""
        return {"data_source_id": source, "database_id": self.data["sources"][source]["database"]}

    def mirror_values(self, page: str, before: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """Keep the other side of two-way relations: what a page now leads to leads back, what it no longer leads to does not."""
        source = self.data["sources"].get(self.data["pages"][page]["source"])
        for ident, inner in values.items():
            prop = source["properties"].get(ident) if source else None
            back = prop["relation"].get("dual_property") if prop and prop["type"] == "relation" else None
            if not back:
                continue
            old, new = {each["id"] for each in before.get(ident) or ()}, {each["id"] for each in inner or ()}
            for other in (self.data["pages"].get(each) for each in old ^ new):
                if other is not None:
                    kept = [each for each in other["values"].get(back["synced_property_id"]) or [] if each["id"] != page]
                    other["values"][back["synced_property_id"]] = [*kept, {"id": page}] if other["id"] in new else kept

    def _schema_changed(self, source: str, ident: str, name: str, action: str, author: str = "") -> None:
        self.data["sources"][source]["last_edited_time"] = self.now()
        changed = [{"id": quote(ident, safe=""), "name": name, "action": action}]
        data = {"parent": self._parent_of_source(source), "updated_properties": changed}
        self.announce("data_source.schema_updated", "data_source", source, data, author or self.data["person"])

    def _parent_of_database(self, database: str) -> dict[str, Any]:
        page = self.data["databases"][database].get("page")
        return {"id": page, "type": "page"} if page else {"id": self.data["workspace"], "type": "space"}

    def _parent_of_source(self, source: str) -> dict[str, Any]:
        return {"id": self.data["sources"][source]["database"], "type": "database"}

    def rows(self, source: str) -> list[dict[str, Any]]:
        """All rows of a data source, trashed ones too."""
        return [page for page in self.data["pages"].values() if page["source"] == source]

    def _add_child(self, page: str, ident: str, kind: str, title: str, author: str) -> None:
        raise NotImplementedError
