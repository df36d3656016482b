"""A mapping's names → ids at Notion: database → data source, property names → property ids, rows → page ids.

Reads schemas, writes nothing. What was resolved before wins over names, so that a rename changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from connector.errors import Gone, InputError, Refused
from connector.hosts.base import Resolution
from connector.hosts.notion.client import NotionClient
from connector.hosts.notion.fields import container_of, is_gone, title_of
from connector.hosts.notion.filters import COMPUTED, check_wishes, named_options, named_pages
from connector.hosts.notion.ids import known_id, normalise_id, property_id
from connector.hosts.notion.schema import Property, Schema, find_property, read_schema
from mappings.rules import GROUP_MARK, Selector, SelectorKind, Wishes

NUMERIC = frozenset({"number", "formula", "rollup"})  # what a formula or rollup gives is only known from its values
_SHARE = "open it in Notion, ••• → Connections, and add the connection (for a database: the database itself, not a linked view)"


class Resolver:
    """Schemas of one connection, kept for the life of its host object."""

    def __init__(self, client: NotionClient) -> None:
        self._client = client
        self._schemas: dict[str, Schema] = {}
        self._sharing = False
        self._shared: set[str] = set()  # data sources whose schema was read since sharing began
        self._databases: dict[str, dict[str, Any]] = {}  # read since sharing began
        self._pages_read: dict[str, dict[str, Any] | None] = {}  # too
        self._related: dict[str, bool] = {}  # data source at the other side of a relation → we may not see it; too

    def share(self, on: bool) -> None:
        """While on, each database and schema is read once, however fresh it must be: many mappings are resolved in one go."""
        self._sharing = on
        self._shared.clear()
        self._databases.clear()
        self._pages_read.clear()
        self._related.clear()

    def schema(self, source: str, *, fresh: bool = False) -> Schema:
        """The schema of a data source. Raises ``Gone`` when it does not exist or is not shared."""
        if source not in self._schemas or (fresh and source not in self._shared):
            found = self._client.source(source)
            if is_gone(found):
                raise Gone(f"the data source {source} is in the trash; restore it or map another one", status=200, code="in_trash")
            self._schemas[source] = read_schema(found)
            if self._sharing:
                self._shared.add(source)
        return self._schemas[source]

    def schema_or_none(self, source: str) -> Schema | None:
        """The schema, None when there is no data source or we may not see it."""
        try:
            return self.schema(source) if source else None
        except Gone:
            return None

    def resolve(self, selector: Selector, field_names: Sequence[str], known: Resolution | None, also: Wishes) -> Resolution:
        """See ``Host.resolve``."""
        if selector.kind is SelectorKind.DATABASE:
            schema = self._locate(selector, known)
            fields, missing = self._fields([schema], [*selector.filter, *field_names], known)
            answer = Resolution(fields=fields, containers=(schema.source,), titles={schema.source: schema.name}, missing=missing)
            schemas = [schema]
        elif selector.kind is SelectorKind.ROWS:
            answer, schemas = self._rows(selector, field_names, known)
        else:
            raise Refused(f'Notion has no "{selector.kind.value}"; select a database or rows', code="wrong_selector")
        return self._checked(replace(answer, **_told(schemas, answer)), schemas, (selector.filter, also), known)

    def _checked(self, answer: Resolution, schemas: Sequence[Schema], parts: Sequence[Wishes], known: Resolution | None) -> Resolution:
        """With the options and pages that wishes name, and what of it cannot come true. Raises ``Refused`` at the first saving."""
        wrong: list[str] = self._not_shared(schemas, answer, parts)
        code = "object_not_found" if wrong else "unknown_option"
        for name, wishes in ((name, wished) for part in parts for name, wished in part.items()):
            for schema, prop in _behind(schemas, answer.fields.get(name, ())):
                ids, names = _options(prop, named_options(prop, wishes), known.option_ids.get(name, {}) if known else {})
                answer = replace(
                    answer,
                    options={**answer.options, name: {**answer.options.get(name, {}), **names}} if ids else answer.options,
                    option_ids={**answer.option_ids, name: {**answer.option_ids.get(name, {}), **ids}} if ids else answer.option_ids,
                )
                wrong += check_wishes(schema, prop, wishes, names)
                refs, titles, gone = self._pages(named_pages(prop, wishes), known)
                answer = replace(answer, refs={**answer.refs, **refs}, titles={**answer.titles, **titles})
                wrong += gone
        if wrong and known is None:
            raise Refused("; ".join(wrong), code=code)
        return replace(answer, wrong=tuple(dict.fromkeys(wrong)))

    def _pages(self, named: Sequence[str], known: Resolution | None) -> tuple[dict[str, str], dict[str, str], list[str]]:
        """(page as written → ref, ref → title, what is wrong) for the pages that a relation must have."""
        refs: dict[str, str] = {}
        titles: dict[str, str] = {}
        wrong: list[str] = []
        for text in named:
            try:
                ref = known.refs[text] if known and text in known.refs else normalise_id(text, where="select.filter", row=True)
            except InputError as error:
                wrong.append(error.message)
                continue
            page = self._page(ref)
            if page is None:
                wrong.append(f"the page {text} does not exist or is not shared with this connection; {_SHARE}")
                continue
            refs[text], titles[ref] = ref, title_of(page)
        return refs, titles, wrong

    def _page(self, ref: str) -> dict[str, Any] | None:
        if ref in self._pages_read:
            return self._pages_read[ref]
        try:
            page = self._client.page(ref, ["title"])
        except Gone:
            return None
        found = None if is_gone(page) else page
        if self._sharing:
            self._pages_read[ref] = found
        return found

    def _not_shared(self, schemas: Sequence[Schema], answer: Resolution, parts: Sequence[Wishes]) -> list[str]:
        """Relations whose other side we may not see: Notion shows them as empty then, without an error."""
        names = dict.fromkeys([*(name for part in parts for name in part), *answer.computed])
        found: dict[str, None] = {}
        for name in names:
            for schema, prop in _behind(schemas, answer.fields.get(name, ())):
                relation = schema.named(prop.over) if prop.over else prop
                related = relation.related if relation is not None else ""
                if related and self._unseen(related):
                    found[
                        f'the database that "{relation.name if relation else name}" of {schema.name} leads to is not shared with this '
                        f"connection, so its relations look empty; {_SHARE}"
                    ] = None
        return list(found)

    def _unseen(self, source: str) -> bool:
        if source not in self._related or not self._sharing:
            try:
                self.schema(source, fresh=not self._sharing)
            except Gone:
                self._related[source] = True
            else:
                self._related[source] = False
        return self._related[source]

    def _rows(self, selector: Selector, field_names: Sequence[str], known: Resolution | None) -> tuple[Resolution, list[Schema]]:
        refs: dict[str, str] = {}
        titles: dict[str, str] = {}
        missing: list[str] = []
        sources: dict[str, Schema] = {}
        for text in selector.rows:
            try:
                ref = normalise_id(text, where="rows", row=True)
            except InputError as error:
                raise Refused(str(error), code="malformed_id") from error
            try:
                page = self._client.page(ref)
            except Gone:
                page = {"in_trash": True}
            if is_gone(page):
                if known is None or text not in known.refs:
                    raise Refused(f"the row {text} does not exist or is not shared with this connection; {_SHARE}", code="object_not_found")
                refs[text] = known.refs[text]
                missing.append(text)
                continue
            refs[text], titles[ref] = ref, title_of(page)
            source = container_of(page)
            if source and source not in sources:
                sources[source] = self.schema(source, fresh=True)
        if not sources and known is not None:  # all rows are gone for now: keep what was known
            return Resolution(refs, known.fields, known.containers, {**known.titles, **titles}, tuple(missing)), []
        if not sources and field_names:
            raise Refused(f"the rows belong to no database, so they have no property {field_names[0]!r}", code="unknown_property")
        fields, absent = self._fields(list(sources.values()), field_names, known)
        return Resolution(refs, fields, tuple(sources), titles, (*missing, *absent)), list(sources.values())

    def _fields(
        self, schemas: Sequence[Schema], names: Sequence[str], known: Resolution | None
    ) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
        """Name → property ids over all schemas, and the names that no longer exist. "" is what tells that a row is done."""
        fields: dict[str, tuple[str, ...]] = {}
        missing: list[str] = []
        for name in dict.fromkeys(each for each in names if each):
            if name.endswith(GROUP_MARK):
                continue  # below, with the property
            before = known.fields.get(name, ()) if known else ()
            ids: list[str] = []
            refusal: Refused | None = None
            for schema in schemas:
                try:
                    prop, _ = find_property(schema, name, before)
                except Refused as error:
                    refusal = error
                    continue
                if prop is not None and prop.id not in ids:
                    ids.append(prop.id)
            if not ids and refusal is not None:
                raise refusal
            if not ids:
                missing.append(name)
                ids = list(before)  # kept: a restored property has its old id
            fields[name] = tuple(ids)
            if f"{name}{GROUP_MARK}" in names:
                fields[f"{name}{GROUP_MARK}"] = tuple(f"{ident}{GROUP_MARK}" for ident in ids)
        done = tuple(dict.fromkeys(ident for schema in schemas for ident in schema.done_ids))
        if done:
            fields[""] = done
        return fields, tuple(missing)

    # --- database → data source ----------------------------------------------------------------------------------------

    def _locate(self, selector: Selector, known: Resolution | None) -> Schema:
        """The data source of a selector: the one resolved before, else the one named, else the only one."""
        try:
            database = normalise_id(selector.database, where="database")
        except InputError as error:
            raise Refused(str(error), code="malformed_id") from error
        if known and known.containers and (found := self._known(known.containers[0], database, selector.data_source)):
            return found
        try:
            answer = self._databases.get(database) or self._client.database(database)
        except (Gone, Refused) as error:
            if isinstance(error, Refused) and (error.status != 400 or error.code != "validation_error"):
                raise
            return self._as_source(database, error)
        if self._sharing:
            self._databases[database] = answer
        if is_gone(answer):
            raise Refused(f"the database {selector.database} is in the trash; restore it or map another one", code="in_trash")
        sources = {
            known_id(each.get("id")) or "": str(each.get("name") or "")
            for each in answer.get("data_sources") or ()
            if isinstance(each, dict)
        }
        return self.schema(choose_source(sources, selector.data_source), fresh=True)

    def _known(self, source: str, database: str, wanted: str) -> Schema | None:
        try:
            schema = self.schema(source, fresh=True)
        except Gone:
            return None
        if database not in (schema.database, source):
            return None  # the mapping names another database now
        if wanted and wanted.casefold() != schema.name.casefold() and known_id(wanted) != source and database != source:
            # Renamed at Notion, or changed in the mapping? Only when another source bears the name it is the second.
            for each in self._client.database(database).get("data_sources") or ():
                other = known_id(each.get("id")) if isinstance(each, dict) else None
                if other and other != source and (str(each.get("name")) == wanted or other == known_id(wanted)):
                    return None
        return schema

    def _as_source(self, ident: str, refusal: Gone | Refused) -> Schema:
        """People paste data source ids too."""
        try:
            return self.schema(ident, fresh=True)
        except Gone:
            raise Refused(
                f"there is no database or data source {ident}, or it is not shared with this connection: {_SHARE}",
                status=None,
                code="object_not_found",
            ) from refusal


def _renamed(schema: Schema, fields: Mapping[str, Sequence[str]], missing: Sequence[str]) -> dict[str, str]:
    """Name as written → the property's name now, where the mapping goes on only because it knows the id."""
    found: dict[str, str] = {}
    for name, ids in fields.items():
        prop = schema.properties.get(ids[0]) if name and name not in missing and len(ids) == 1 else None
        if prop is not None and prop.name.strip().casefold() != name.strip().casefold() and prop.id != property_id(name):
            found[name] = prop.name
    return found


def _told(schemas: Sequence[Schema], answer: Resolution) -> dict[str, Any]:
    """What the schemas say about the properties behind the names."""
    types = {
        name: [prop.type for _, prop in _behind(schemas, ids)]
        for name, ids in answer.fields.items()
        if name and not name.endswith(GROUP_MARK)
    }
    return {
        "renamed": {name: now for schema in schemas for name, now in _renamed(schema, answer.fields, answer.missing).items()},
        "not_numbers": {name: kinds[0] for name, kinds in types.items() if kinds and not NUMERIC & set(kinds)},
        "computed": {name: kind for name, kinds in types.items() for kind in kinds[:1] if kind in COMPUTED},
    }


def _behind(schemas: Sequence[Schema], ids: Sequence[str]) -> list[tuple[Schema, Property]]:
    """The properties of some ids, each with its schema."""
    return [(schema, schema.properties[ident]) for schema in schemas for ident in ids if ident in schema.properties]


def _options(prop: Property, named: Sequence[str], known: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """(option as written → its id, → its name now); the ids resolved before win, so that a rename changes nothing."""
    by_id = {ident: name for ident, name in prop.options if ident}
    by_name = {name: ident for ident, name in prop.options}
    ids: dict[str, str] = {}
    names: dict[str, str] = {}
    for text in named:
        ident = known[text] if known.get(text) in by_id else by_name.get(text)
        if ident is not None:
            ids[text], names[text] = ident, by_id.get(ident, text)
    return ids, names


def choose_source(sources: dict[str, str], wanted: str) -> str:
    """The data source (id → name) that is wanted by id or name, else the only one. Raises ``Refused`` with what there is."""
    """The data source that is meant: the one named by id or name, else the only one. Raises ``Refused`` with what there is."""
    if not sources:
        raise Refused(f"this database shows no data source to the connection; {_SHARE}", code="no_data_source")
    listed = ", ".join(f'"{name}" ({ident})' for ident, name in sources.items())
    if wanted:
        ident = known_id(wanted)
        if ident in sources:
            return str(ident)
        exact = [each for each, name in sources.items() if name == wanted]
        alike = [each for each, name in sources.items() if name.strip().casefold() == wanted.strip().casefold()]
        for found in (exact, alike):
            if len(found) == 1:
                return found[0]
        raise Refused(f'"{wanted}" is not a data source of this database; it has: {listed}', code="unknown_data_source")
    if len(sources) == 1:
        return next(iter(sources))
    raise Refused(f"this database has several data sources; name one as data_source: {listed}", code="ambiguous_data_source")
