"""Import and export: the same files, dry runs and options as the pages and the command line."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from connector.api.models import Shape
from connector.api.requests import Given, Text
from connector.api.routing import Answer, Call, Endpoint
from connector.domain.rights import Act
from connector.errors import InputError, NotFound
from connector.services.exchange import MIME_TYPES, PROFILES, export, uploads
from connector.services.exchange.notion import receive_notion
from connector.services.exchange.options import Options, options_from
from connector.services.exchange.vocabulary import FIELDS

_Profile = Annotated[Text, Field(json_schema_extra={"enum": ["", *PROFILES]}, description="the program that wrote the file")]
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


# --- queries and bodies ------------------------------------------------------------------------------------------------------


class ExportQuery(BaseModel):
    """What to export."""

    model_config = ConfigDict(extra="forbid")
    cycle: Annotated[Text | None, Field(description="name of the cycle; all when left out")] = None


class UploadQuery(BaseModel):
    """What the file is called; its ending says what it is."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[Text, Field(description="name of the file, such as okr.xlsx")]


class ColumnsBody(Given):
    """Field → column header. ``constants`` give a field one text for all rows."""

    profile: _Profile = "generic"
    columns: dict[Text, Text]
    constants: Annotated[dict[Text, Text], Field(default_factory=dict)]
    fill_down: Annotated[bool, Field(description="an empty objective is that of the row above")] = False


class OptionsBody(Given):
    """How a file is imported."""

    cycle: Annotated[Text, Field(description="rows match only objectives of this cycle; new objectives belong to it")] = ""
    create_objectives: bool = False
    match_names: Annotated[bool, Field(description="owners may be named by their exact, unique name")] = False
    encoding: Text = ""
    profile: _Profile = ""
    reason: Annotated[Text, Field(description="stands in the audit trail beside each change")] = ""
    columns: ColumnsBody | None = None


class NotionBody(Given):
    """A Notion database whose rows are objectives and key results. ``data_source``: id or link."""

    connection: Text
    data_source: Text
    options: OptionsBody | None = None


# --- answers -----------------------------------------------------------------------------------------------------------------


class RowFate(Shape):
    """What happens to one row."""

    place: str
    name: str
    action: Literal["create", "update", "unchanged", "left out"]
    changes: list[str]


class CellFault(Shape):
    """What cannot be used, and where."""

    where: str
    message: str


class ImportedFile(Shape):
    """A file on its way in. ``fates`` and ``faults`` hold the first 200; ``columns`` the headers, some values, the guess and the choice."""

    id: int
    name: str
    state: Literal["uploaded", "checking", "checked", "running", "done", "failed", "cancelled"]
    rows_total: int | None
    rows_done: int
    counts: dict[str, int]
    fates: list[RowFate]
    notes: list[str]
    error: str | None
    faults: list[CellFault]
    faults_total: int
    columns: dict[str, Any] | None
    options: dict[str, Any]
    created_by: str
    created_at: datetime
    finished_at: datetime | None


class ImportedFiles(Shape):
    """The latest files."""

    items: list[ImportedFile]


class ImportGuide(Shape):
    """What columns can feed, and the programs whose tables are known. ``confirmed``: their header was seen, not guessed by names."""

    fields: dict[str, str]
    profiles: list[dict[str, Any]]


# --- handlers ----------------------------------------------------------------------------------------------------------------


def _export(kind: str) -> Any:
    def give(call: Call) -> Answer:
        name = f"okr-{call.query.cycle or 'all'}.{kind}"
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
        try:
            pieces = export(call.runtime, kind, call.viewer, call.query.cycle)
        except InputError as error:  # the only thing that can be wrong is the cycle
            raise NotFound(error.message) from None
        return Answer(pieces, headers={"Content-Disposition": f'attachment; filename="{plain}"'})

    give.__name__ = f"export_{kind}"
    give.__doc__ = _TOLD[kind]
    return give


_TOLD = {
    "csv": "The nine columns as CSV, with what the caller may see.",
    "xlsx": "The nine columns as XLSX, one sheet for each cycle, with what the caller may see.",
    "json": "Everything but secrets, as a backup.",
    "pptx": "The review pack, with what the caller may see.",
}


def _options(body: OptionsBody | None) -> Options:
    if body is None:
        return Options()
    columns = body.columns.model_dump() if body.columns is not None else None
    return options_from(body.model_dump(exclude={"columns"}), columns)


def _ident(id: str) -> int:
    if not _NUMBER.fullmatch(id):
        raise NotFound(f"there is no import {id[:40]}")
    return int(id)


def _shown(call: Call, ident: int, status: int = 200) -> Answer:
    return Answer(uploads.progress(call.runtime, call.viewer, ident), status)


def guide_import(call: Call) -> Answer:
    """The fields that columns can feed, and the known programs."""
    profiles = [{"name": each.name, "title": each.title, "confirmed": each.confirmed, "note": each.note} for each in PROFILES.values()]
    return Answer({"fields": dict(FIELDS), "profiles": profiles})


def list_imports(call: Call) -> Answer:
    """The latest files; admins see everybody's, others their own."""
    return Answer({"items": uploads.listed(call.runtime, call.viewer)})


def upload_import(call: Call) -> Answer:
    """Keep a file (CSV, XLSX, or a JSON export, which takes an admin). Nothing is read yet: check it next."""
    return _shown(call, uploads.receive(call.runtime, call.viewer, call.query.name, call.body), 201)


def read_notion(call: Call) -> Answer:
    """Read the rows of a Notion database and keep them like a file: check them next."""
    body: NotionBody = call.body
    ident = receive_notion(call.runtime, call.viewer, body.connection, body.data_source, _options(body.options))
    return _shown(call, ident, 201)


def get_import(call: Call, id: str) -> Answer:
    """One file: its state, and what each row does or would do."""
    return _shown(call, _ident(id))


def choose_import(call: Call, id: str) -> Answer:
    """Other options or columns; the file must be checked again."""
    uploads.choose(call.runtime, call.viewer, _ident(id), _options(call.body))
    return _shown(call, _ident(id))


def check_import(call: Call, id: str) -> Answer:
    """Say what every row would do, and save nothing. Large files are checked in the background."""
    uploads.check(call.runtime, call.viewer, _ident(id))
    return _shown(call, _ident(id))


def run_import(call: Call, id: str) -> Answer:
    """Save all rows, or none. Large files are saved in the background."""
    uploads.run(call.runtime, call.viewer, _ident(id))
    return _shown(call, _ident(id))


def cancel_import(call: Call, id: str) -> Answer:
    """Give up on a file."""
    uploads.cancel(call.runtime, call.viewer, _ident(id))
    return _shown(call, _ident(id))


_CONFLICTS = (404, 409)
TABLE: tuple[Endpoint, ...] = (
    *(
        Endpoint(
            "GET",
            f"/exports/{kind}",
            _export(kind),
            f"Export as {kind.upper()}",
            Shape,
            act=Act.ADMINISTER if kind == "json" else Act.EXPORT,
            query=ExportQuery,
            problems=(404,),
            file=MIME_TYPES[kind].partition(";")[0],
        )
        for kind in _TOLD
    ),
    Endpoint("GET", "/imports", list_imports, "Imported files", ImportedFiles, act=Act.WRITE),
    Endpoint("GET", "/imports/guide", guide_import, "What columns can feed", ImportGuide, act=Act.WRITE),
    Endpoint(
        "POST",
        "/imports",
        upload_import,
        "Upload a file",
        ImportedFile,
        act=Act.WRITE,
        query=UploadQuery,
        statuses=(201,),
        upload=uploads.MOST_UPLOADED + 1,
    ),
    Endpoint(
        "POST",
        "/imports/notion",
        read_notion,
        "Read a Notion database",
        ImportedFile,
        act=Act.WRITE,
        body=NotionBody,
        statuses=(201,),
        problems=(404, 409, 502),
    ),
    Endpoint("GET", "/imports/<id>", get_import, "One imported file", ImportedFile, act=Act.WRITE, problems=(404,)),
    Endpoint(
        "POST",
        "/imports/<id>/options",
        choose_import,
        "Choose columns and options",
        ImportedFile,
        act=Act.WRITE,
        body=OptionsBody,
        problems=_CONFLICTS,
    ),
    Endpoint("POST", "/imports/<id>/check", check_import, "Dry run", ImportedFile, act=Act.WRITE, problems=_CONFLICTS),
    Endpoint("POST", "/imports/<id>/run", run_import, "Import", ImportedFile, act=Act.WRITE, problems=_CONFLICTS),
    Endpoint("POST", "/imports/<id>/cancel", cancel_import, "Give up on a file", ImportedFile, act=Act.WRITE, problems=_CONFLICTS),
)
