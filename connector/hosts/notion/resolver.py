"""A mapping's names → ids at Notion: database → data source, property names → property ids, rows → page ids.

Reads schemas, writes nothing. What was resolved before wins over names, so that a rename changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connector.errors import Gone, InputError, Refused
from connector.hosts.base import Resolution
from connector.hosts.notion.client import NotionClient
from connector.hosts.notion.fields import container_of, is_gone, title_of
from connector.hosts.notion.ids import known_id, normalise_id, property_id
from connector.hosts.notion.schema import Schema, check_filter, find_property, read_schema
from mappings.rules import Selector, SelectorKind

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

    def share(self, on: bool) -> None:
        """While on, each database and schema is read once, however fresh it must be: many mappings are resolved in one go."""
        self._sharing = on
        self._shared.clear()
        self._databases.clear()

    def schema(self, source: str, *, fresh: bool = False) -> Schema:
        """The schema of a data source. Raises ``Gone`` when it does not exist or is not shared."""
        if source not in self._schemas or (fresh and source not in self._shared):
            self._schemas[source] = read_schema(self._client.source(source))
            if self._sharing:
                self._shared.add(source)
        return self._schemas[source]

    def schema_or_none(self, source: str) -> Schema | None:
        """The schema, None when there is no data source or we may not see it."""
        try:
            return self.schema(source) if source else None
        except Gone:
            return None

    def resolve(self, selector: Selector, field_names: Sequence[str], known: Resolution | None) -> Resolution:
        """See ``Host.resolve``."""
        if selector.kind is SelectorKind.DATABASE:
            return self._database(selector, field_names, known)
        if selector.kind is SelectorKind.ROWS:
            return self._rows(selector, field_names, known)
        raise Refused(f'Notion has no "{selector.kind.value}"; select a database or rows', code="wrong_selector")

    def _database(self, selector: Selector, field_names: Sequence[str], known: Resolution | None) -> Resolution:
        schema = self._locate(selector, known)
        names = [*selector.filter, *field_names]
        fields, missing = self._fields([schema], names, known)
        wrong: list[str] = []
        for name, values in selector.filter.items():
            for ident in fields.get(name, ()):
                if prop := schema.properties.get(ident):
                    wrong += check_filter(schema, prop, values)
        if wrong and known is None:
            raise Refused("; ".join(wrong), code="unknown_option")
        return Resolution(
            fields=fields,
            containers=(schema.source,),
            titles={schema.source: schema.name},
            missing=(*missing, *wrong),
            renamed=_renamed(schema, fields, missing),
            not_numbers=_not_numbers([schema], fields),
        )

    def _rows(self, selector: Selector, field_names: Sequence[str], known: Resolution | None) -> Resolution:
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
            return Resolution(refs, known.fields, known.containers, {**known.titles, **titles}, tuple(missing))
        if not sources and field_names:
            raise Refused(f"the rows belong to no database, so they have no property {field_names[0]!r}", code="unknown_property")
        fields, absent = self._fields(list(sources.values()), field_names, known)
        numbers = _not_numbers(list(sources.values()), fields)
        return Resolution(refs, fields, tuple(sources), titles, (*missing, *absent), not_numbers=numbers)

    def _fields(
        self, schemas: Sequence[Schema], names: Sequence[str], known: Resolution | None
    ) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
        """Name → property ids over all schemas, and the names that no longer exist. "" is what tells that a row is done."""
        fields: dict[str, tuple[str, ...]] = {}
        missing: list[str] = []
        for name in dict.fromkeys(each for each in names if each):
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
        return self.schema(_choose(sources, selector.data_source), fresh=True)

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


def _not_numbers(schemas: Sequence[Schema], fields: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Of the resolved names those whose properties hold no number, with the type of the first."""
    known = {
        name: [schema.properties[ident].type for schema in schemas for ident in ids if ident in schema.properties]
        for name, ids in fields.items()
        if name
    }
    return {name: types[0] for name, types in known.items() if types and not NUMERIC & set(types)}


def _choose(sources: dict[str, str], wanted: str) -> str:
    listed = ", ".join(f'"{name}" ({ident})' for ident, name in sources.items()) or "none"
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
