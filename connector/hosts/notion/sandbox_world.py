"""What the Notion stand-in holds: databases, data sources, rows, blocks, comments, and what people do with them.

Plain JSON-able dicts, so that the world can be saved and loaded. Every change bumps ``last_edited_time`` (rounded down to
the minute, as at Notion) and announces itself. It must not know HTTP.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from connector.hosts.notion import sandbox_values as shapes

Announce = Callable[[str, str, str, Mapping[str, Any], str], None]  # (event, entity type, entity id, data, author)


class World:
    """One workspace. Every public method is one change or one look, under one lock."""

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

    def add_database(self, title: str, properties: Mapping[str, str | Mapping[str, Any]], *, data_source: str = "") -> tuple[str, str]:
        """A database with one data source: (database id, data source id). A title property is added when missing."""
        with self.lock:
            ident = str(uuid.uuid4())
            self.data["databases"][ident] = {"id": ident, "title": title, "shared": True, "in_trash": False, "sources": []}
            source = self.add_data_source(ident, data_source or title, properties)
            return ident, source

    def add_data_source(self, database: str, name: str, properties: Mapping[str, str | Mapping[str, Any]]) -> str:
        """One more data source in a database."""
        with self.lock:
            ident = str(uuid.uuid4())
            wishes: dict[str, str | Mapping[str, Any]] = dict(properties)
            if "title" not in [each if isinstance(each, str) else each["type"] for each in wishes.values()]:
                wishes = {"Name": "title", **wishes}
            made = [shapes.new_property(name_, kind) for name_, kind in wishes.items()]
            self.data["sources"][ident] = {
                "id": ident, "name": name, "database": database, "created_time": self.now(), "last_edited_time": self.now(),
                "properties": {each["id"]: each for each in made},
            }  # fmt: skip
            self.data["databases"][database]["sources"].append(ident)
            self.announce("data_source.created", "data_source", ident, {"parent": self._parent_of_source(ident)}, self.data["person"])
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

    def remove_property(self, source: str, name: str) -> None:
        """A person removes a property and its values."""
        with self.lock:
            ident = self.property_id(source, name)
            del self.data["sources"][source]["properties"][ident]
            for page in self.rows(source):
                page["values"].pop(ident, None)
            self._schema_changed(source, ident, name, "deleted")

    def _schema_changed(self, source: str, ident: str, name: str, action: str) -> None:
        self.data["sources"][source]["last_edited_time"] = self.now()
        changed = [{"id": quote(ident, safe=""), "name": name, "action": action}]
        data = {"parent": self._parent_of_source(source), "updated_properties": changed}
        self.announce("data_source.schema_updated", "data_source", source, data, self.data["person"])

    def _parent_of_source(self, source: str) -> dict[str, Any]:
        return {"id": self.data["sources"][source]["database"], "type": "database"}

    def rows(self, source: str) -> list[dict[str, Any]]:
        """All rows of a data source, trashed ones too."""
        return [page for page in self.data["pages"].values() if page["source"] == source]

    # --- pages ---------------------------------------------------------------------------------------------------------

    def add_row(self, source: str, values: Mapping[str, Any], *, created_at: str = "", author: str = "") -> str:
        """A row; ``values`` by property name. ``created_at`` sets the creation time (ISO, minute)."""
        with self.lock:
            properties = {each["name"]: each for each in self.data["sources"][source]["properties"].values()}
            inner = {properties[name]["id"]: shapes.stored(properties[name], value) for name, value in values.items()}
            return self._add_page(source, inner, created_at, author)

    def add_page(self, title: str) -> str:
        """A page outside any database."""
        with self.lock:
            return self._add_page("", {"title": shapes.text_runs(title)}, "", "")

    def _add_page(self, source: str, values: dict[str, Any], created_at: str, author: str) -> str:
        ident, moment, who = str(uuid.uuid4()), created_at or self.now(), author or self.data["person"]
        self.data["pages"][ident] = {
            "id": ident, "source": source, "values": values, "created_time": moment, "last_edited_time": moment, "created_by": who,
            "last_edited_by": who, "in_trash": False, "is_archived": False, "shared": True, "children": [],
        }  # fmt: skip
        self.announce("page.created", "page", ident, {"parent": self.parent_of(ident)}, who)
        return ident

    def parent_of(self, page: str) -> dict[str, Any]:
        """``data.parent`` of an event about a page."""
        source = self.data["pages"][page]["source"]
        if not source:
            return {"id": self.data["workspace"], "type": "space"}
        return {"id": self.data["sources"][source]["database"], "type": "database", "data_source_id": source}

    def set_property(self, page: str, name: str, value: Any, *, author: str = "") -> None:
        """A person (or ``author``) sets a property by its present name."""
        with self.lock:
            source = self.data["pages"][page]["source"]
            prop = self.data["sources"][source]["properties"][self.property_id(source, name)]
            self.write_values(page, {prop["id"]: shapes.stored(prop, value)}, author or self.data["person"])

    def write_values(self, page: str, values: Mapping[str, Any], author: str) -> None:
        """Set inner values by property id, and announce them."""
        with self.lock:
            self.data["pages"][page]["values"].update(values)
            self.touch(page, author)
            title_only = set(values) == {"title"}  # a title edit arrives as content_updated
            data: dict[str, Any] = {"parent": self.parent_of(page)}
            data.update({"updated_blocks": []} if title_only else {"updated_properties": [quote(each, safe="") for each in values]})
            self.announce("page.content_updated" if title_only else "page.properties_updated", "page", page, data, author)

    def touch(self, page: str, author: str) -> None:
        """Note an edit."""
        self.data["pages"][page].update({"last_edited_time": self.now(), "last_edited_by": author})

    def trash(self, page: str) -> None:
        """A person moves a page to the trash: it vanishes from queries."""
        self._flag(page, "in_trash", True, "page.deleted")

    def restore(self, page: str) -> None:
        """A person takes a page out of the trash."""
        self._flag(page, "in_trash", False, "page.undeleted")

    def archive(self, page: str) -> None:
        """A person archives a page: a third state beside trash."""
        self._flag(page, "is_archived", True, "page.content_updated")

    def _flag(self, page: str, flag: str, value: bool, event: str) -> None:
        with self.lock:
            self.data["pages"][page][flag] = value
            self.touch(page, self.data["person"])
            self.announce(event, "page", page, {"parent": self.parent_of(page)}, self.data["person"])

    def unshare(self, ident: str) -> None:
        """A person takes the connection off a page or database: 404 from now on, and no event tells."""
        self._share(ident, False)

    def share(self, ident: str) -> None:
        """A person shares a page or database with the connection again."""
        self._share(ident, True)

    def _share(self, ident: str, shared: bool) -> None:
        with self.lock:
            (self.data["pages"].get(ident) or self.data["databases"][ident])["shared"] = shared

    def visible(self, page: Mapping[str, Any]) -> bool:
        """Whether the connection may see a page: permissions are per database."""
        source = self.data["sources"].get(page["source"])
        return bool(page["shared"] and (source is None or self.data["databases"][source["database"]]["shared"]))

    # --- blocks and comments -------------------------------------------------------------------------------------------

    def add_block(self, page: str, kind: str, content: Mapping[str, Any], author: str, *, at: int | None = None) -> dict[str, Any]:
        """A block on a page; ``at`` is its place, None means the end."""
        with self.lock:
            ident = str(uuid.uuid4())
            block = {"id": ident, "page": page, "type": kind, "content": dict(content), "created_by": author, "in_trash": False}
            block.update({"created_time": self.now(), "last_edited_time": self.now()})
            self.data["blocks"][ident] = block
            children = self.data["pages"][page]["children"]
            children.insert(len(children) if at is None else at, ident)
            self._content_changed(block, author)
            return block

    def change_block(self, ident: str, content: Mapping[str, Any], author: str) -> dict[str, Any]:
        """Replace parts of a block's content."""
        with self.lock:
            block: dict[str, Any] = self.data["blocks"][ident]
            block["content"].update(content)
            block["last_edited_time"] = self.now()
            self._content_changed(block, author)
            return block

    def delete_block(self, ident: str, author: str = "") -> None:
        """A person (or ``author``) deletes a block: to the trash, for good as far as the API goes."""
        with self.lock:
            block = self.data["blocks"][ident]
            block["in_trash"] = True
            children = self.data["pages"][block["page"]]["children"]
            if ident in children:
                children.remove(ident)
            self._content_changed(block, author or self.data["person"])

    def _content_changed(self, block: Mapping[str, Any], author: str) -> None:
        page = block["page"]
        self.touch(page, author)
        data = {"parent": self.parent_of(page), "updated_blocks": [{"id": block["id"], "type": "block"}]}
        self.announce("page.content_updated", "page", page, data, author)

    def add_comment(self, page: str, runs: Sequence[Mapping[str, Any]] | str, author: str = "", *, discussion: str = "") -> dict[str, Any]:
        """A comment on a page, in a discussion of its own or in one that is there."""
        with self.lock:
            ident, who = str(uuid.uuid4()), author or self.data["person"]
            rich_text = shapes.text_runs(runs) if isinstance(runs, str) else list(runs)
            comment = {"id": ident, "page": page, "rich_text": rich_text, "created_by": who, "created_time": self.now()}
            comment["discussion"] = discussion or str(uuid.uuid4())
            self.data["comments"][ident] = comment
            data = {"page_id": page, "parent": {"id": page, "type": "page"}}
            self.announce("comment.created", "comment", ident, data, who)
            return comment

    def edit_comment(self, ident: str, runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Give a comment other words."""
        with self.lock:
            comment: dict[str, Any] = self.data["comments"][ident]
            comment |= {"rich_text": list(runs), "last_edited_time": self.now()}
            page = comment["page"]
            data = {"page_id": page, "parent": {"id": page, "type": "page"}}
            self.announce("comment.updated", "comment", ident, data, comment["created_by"])
            return comment
