"""What the Notion stand-in holds: databases, data sources, rows, blocks, comments, and what people do with them.

Plain JSON-able dicts, so that the world can be saved and loaded. Every change bumps ``last_edited_time`` (rounded down to
the minute, as at Notion) and announces itself. It must not know HTTP.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from connector.hosts.notion import sandbox_values as shapes
from connector.hosts.notion.sandbox_tables import Tables


class World(Tables):
    """One workspace. Every public method is one change or one look, under one lock."""

    # --- pages ---------------------------------------------------------------------------------------------------------

    def add_row(
        self, source: str, values: Mapping[str, Any], *, created_at: str = "", author: str = "", inner: Mapping[str, Any] | None = None
    ) -> str:
        """A row; ``values`` by property name, ``inner`` ones by id. ``created_at`` sets the creation time (ISO, minute)."""
        with self.lock:
            properties = {each["name"]: each for each in self.data["sources"][source]["properties"].values()}
            kept = {properties[name]["id"]: shapes.stored(properties[name], value) for name, value in values.items()}
            return self._add_page(source, {**kept, **(inner or {})}, created_at, author)

    def add_page(self, title: str, *, parent: str = "", author: str = "") -> str:
        """A page outside any database: below another one, or in the workspace."""
        with self.lock:
            ident = self._add_page("", {"title": shapes.text_runs(title)}, "", author, parent)
            if parent:
                self._add_child(parent, ident, "child_page", title, author or self.data["person"])
            return ident

    def _add_child(self, page: str, ident: str, kind: str, title: str, author: str) -> None:
        """A page or database as a block of the page it stands on; the block has its id."""
        self.add_block(page, kind, {"title": title}, author, ident=ident)

    def move_page(self, page: str, *, source: str = "", parent: str = "", author: str = "") -> None:
        """A person moves a page into another data source or below another page: properties are kept where ids or names are the same."""
        with self.lock:
            moved = self.data["pages"][page]
            before = self.data["sources"].get(moved["source"], {"properties": {}})["properties"]
            after = self.data["sources"][source]["properties"] if source else {}
            named = {each["name"]: each for each in after.values()}
            kept = {"title": moved["values"].get("title") or []}
            for ident, inner in moved["values"].items():
                same = after.get(ident) or named.get(before.get(ident, {}).get("name", ""))
                if same and same["type"] == before.get(ident, same)["type"]:
                    kept[same["id"]] = inner
            moved.update({"source": source, "parent": parent, "values": kept})
            self.touch(page, author or self.data["person"])
            self.announce("page.moved", "page", page, {"parent": self.parent_of(page)}, author or self.data["person"])

    def _add_page(self, source: str, values: dict[str, Any], created_at: str, author: str, parent: str = "") -> str:
        ident, moment, who = str(uuid.uuid4()), created_at or self.now(), author or self.data["person"]
        self.data["pages"][ident] = {
            "id": ident, "source": source, "values": values, "created_time": moment, "last_edited_time": moment, "created_by": who,
            "last_edited_by": who, "in_trash": False, "is_archived": False, "shared": True, "children": [], "parent": parent,
        }  # fmt: skip
        self.mirror_values(ident, {}, values)
        self.announce("page.created", "page", ident, {"parent": self.parent_of(ident)}, who)
        return ident

    def parent_of(self, page: str) -> dict[str, Any]:
        """``data.parent`` of an event about a page."""
        source, above = self.data["pages"][page]["source"], self.data["pages"][page].get("parent")
        if not source:
            return {"id": above, "type": "page"} if above else {"id": self.data["workspace"], "type": "space"}
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
            self.mirror_values(page, self.data["pages"][page]["values"], values)
            self.data["pages"][page]["values"].update(values)
            self.touch(page, author)
            title_only = set(values) == {"title"}  # a title edit arrives as content_updated
            data: dict[str, Any] = {"parent": self.parent_of(page)}
            data.update({"updated_blocks": []} if title_only else {"updated_properties": [quote(each, safe="") for each in values]})
            self.announce("page.content_updated" if title_only else "page.properties_updated", "page", page, data, author)

    def touch(self, page: str, author: str) -> None:
        """Note an edit."""
        self.data["pages"][page].update({"last_edited_time": self.now(), "last_edited_by": author})

    def trash(self, page: str, *, author: str = "") -> None:
        """A person (or ``author``) moves a page to the trash: it vanishes from queries."""
        self._flag(page, "in_trash", True, "page.deleted", author)

    def restore(self, page: str, *, author: str = "") -> None:
        """A person (or ``author``) takes a page out of the trash."""
        self._flag(page, "in_trash", False, "page.undeleted", author)

    def archive(self, page: str) -> None:
        """A person archives a page: a third state beside trash."""
        self._flag(page, "is_archived", True, "page.content_updated")

    def _flag(self, page: str, flag: str, value: bool, event: str, author: str = "") -> None:
        with self.lock:
            self.data["pages"][page][flag] = value
            self.touch(page, author or self.data["person"])
            self.announce(event, "page", page, {"parent": self.parent_of(page)}, author or self.data["person"])

    def trash_database(self, database: str, *, restore: bool = False, author: str = "") -> None:
        """A person (or ``author``) moves a database to the trash, with its rows, or takes it out again."""
        with self.lock:
            self.data["databases"][database]["in_trash"] = not restore
            event = "database.undeleted" if restore else "database.deleted"
            self.announce(event, "database", database, {"parent": self._parent_of_database(database)}, author or self.data["person"])

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
        """Whether the connection may see a page: its own sharing, and that of the database or page above it."""
        source = self.data["sources"].get(page["source"])
        if source is not None:
            return bool(page["shared"] and self.visible_database(source["database"]))
        above = self.data["pages"].get(page.get("parent") or "")
        return bool(page["shared"] and (above is None or self.visible(above)))

    def visible_database(self, ident: str) -> bool:
        """Whether the connection may see a database: permissions are per database, not per data source."""
        database = self.data["databases"][ident]
        page = self.data["pages"].get(database.get("page") or "")
        return bool(database["shared"] and (page is None or self.visible(page)))

    # --- blocks and comments -------------------------------------------------------------------------------------------

    def add_block(
        self, page: str, kind: str, content: Mapping[str, Any], author: str, *, at: int | None = None, ident: str = "", inside: str = ""
    ) -> dict[str, Any]:
        """A block on a page, or ``inside`` another block of it; ``at`` is its place, None means the end.

        ``ident``: that of the page or database that stands there.
        """
        with self.lock:
            ident = ident or str(uuid.uuid4())
            block = {"id": ident, "page": page, "type": kind, "content": dict(content), "created_by": author, "in_trash": False}
            block.update({"created_time": self.now(), "last_edited_time": self.now(), "inside": inside, "children": []})
            self.data["blocks"][ident] = block
            children = self.beside(block)
            children.insert(len(children) if at is None else at, ident)
            self._content_changed(block, author)
            return block

    def beside(self, block: Mapping[str, Any]) -> list[str]:
        """The blocks of the page or block that a block stands in, itself among them."""
        above: list[str] = (self.data["blocks"][block["inside"]] if block.get("inside") else self.data["pages"][block["page"]])["children"]
        return above

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
            if block["type"] == "child_database":
                self.trash_database(ident, author=author)
            elif block["type"] == "child_page":
                self.trash(ident, author=author)
            children = self.beside(block)
            if ident in children:
                children.remove(ident)
            self._content_changed(block, author or self.data["person"])

    def restore_block(self, ident: str, author: str = "") -> None:
        """A person (or ``author``) undoes the deletion of a block: it stands at the end of its page."""
        with self.lock:
            block = self.data["blocks"][ident]
            block["in_trash"] = False
            children = self.beside(block)
            if ident not in children:
                children.append(ident)
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
            self._comment_changed(comment, "comment.created")
            return comment

    def edit_comment(self, ident: str, runs: Sequence[Mapping[str, Any]] | str) -> dict[str, Any]:
        """Give a comment other words."""
        with self.lock:
            comment: dict[str, Any] = self.data["comments"][ident]
            rich_text = shapes.text_runs(runs) if isinstance(runs, str) else list(runs)
            comment |= {"rich_text": rich_text, "last_edited_time": self.now()}
            self._comment_changed(comment, "comment.updated")
            return comment

    def delete_comment(self, ident: str) -> None:
        """Its author takes a comment away."""
        with self.lock:
            self._comment_changed(self.data["comments"].pop(ident), "comment.deleted")

    def _comment_changed(self, comment: Mapping[str, Any], event: str) -> None:
        data = {"page_id": comment["page"], "parent": {"id": comment["page"], "type": "page"}}
        self.announce(event, "comment", comment["id"], data, comment["created_by"])
