"""What the endpoints of OKR databases take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from connector.api.models import Shape
from connector.api.requests import Given, Text

Kind = Literal["objectives", "key_results", "check_ins", "decisions"]

# --- bodies ------------------------------------------------------------------------------------------------------------------


class ChoicesBody(Given):
    """What can be chosen; what is left out stays as it is, or has its default."""

    definitions: Annotated[
        Literal["everybody", "leads"] | None, Field(description="who may change titles, owners, from, to and unit in rows")
    ] = None
    panel: Annotated[Literal["callout", "properties"] | None, Field(description="properties: no block is ever made")] = None
    table: Annotated[bool | None, Field(description="a small table below an objective's callout")] = None
    embed: Annotated[bool | None, Field(description="the live page below the callout; needs an https address of the connector")] = None
    cycles: Annotated[list[Text] | None, Field(max_length=50, description="names; empty: those that run and those that come")] = None
    settle_seconds: Annotated[int, Field(ge=5, le=40, description="without typing, until an update typed into a row is filed")] | None = (
        None
    )
    amend_minutes: Annotated[int, Field(ge=0, le=60, description="in which an author's further edits belong to the same update")] | None = (
        None
    )


class SetUpBody(Given):
    """The page below which the databases are made: its link or id. With ``test`` nothing is made."""

    page: Text
    options: ChoicesBody | None = None
    test: bool = False


class LinksBody(Given):
    """Links or ids of databases that people made. The objectives' one is found by the key results' relation when it is left out."""

    key_results: Text
    objectives: Text | None = None
    check_ins: Text | None = None
    decisions: Text | None = None


class AdoptBody(Given):
    """Databases to take over. ``columns``: kind → field → name or id of a column, empty for none; what is left out is guessed.

    ``complete``: columns of ours that are missing are added. With ``dry_run`` nothing is changed and ``rows`` tells what each would become.
    """

    links: LinksBody
    columns: Annotated[dict[Kind, dict[Text, Text]] | None, Field(max_length=4)] = None
    options: ChoicesBody | None = None
    complete: bool = False
    dry_run: bool = True


class RowBody(Given):
    """The id of the objective, key result or decision whose row is gone."""

    record: Text


class LeadsPageBody(Given):
    """``page``: one that is there; ``parent``: a new one is made below it; one of the two. ``forum``, ``team``: names, none for all."""

    page: Text | None = None
    parent: Text | None = None
    forum: Text | None = None
    team: Text | None = None


# --- answers -----------------------------------------------------------------------------------------------------------------


class MadeDatabase(Shape):
    """One database. ``how``: to make, made, found (of an earlier set-up) or kept (in step already). ``added``: columns."""

    kind: Kind
    title: str
    url: str
    how: Literal["to make", "made", "found", "kept"]
    added: list[str]


class SetUpDone(Shape):
    """What a set-up did, or would do. ``rows``: objectives and key results whose rows are made next."""

    connection: str
    page: str
    databases: list[MadeDatabase]
    rows: int
    notes: list[str]
    requests: int


class OkrColumn(Shape):
    """One of our fields; ``name`` is the host's column for it, empty while there is none."""

    field: str
    label: str
    name: str
    type: str
    human: bool
    needed: bool


class OkrDatabaseState(Shape):
    """One database. ``drift``: what differs from what was set up, with the mend; ``broken``: why it is out of reach, or empty."""

    kind: Kind
    title: str
    url: str
    adopted: bool
    columns: list[OkrColumn]
    rows: int
    drafts: int
    gone: int
    waiting: int
    drift: list[str]
    broken: str
    read_at: datetime | None
    reading: int | None


class LeadsPageState(Shape):
    """A leads' page; ``error``: why it could not be written."""

    id: int
    url: str
    options: dict[str, Any]
    written_at: datetime | None
    gone_at: datetime | None
    error: str


class GoneRow(Shape):
    """A row in the trash or not shared any more; its record stays."""

    id: int
    kind: Kind
    title: str
    url: str
    record: str
    gone_at: datetime


class OkrDatabasesState(Shape):
    """Everything about the OKR databases of a connection. ``able``: its host can keep some."""

    connection: str
    able: bool
    page: str
    options: dict[str, Any]
    databases: list[OkrDatabaseState]
    drafts_total: int
    gone: list[GoneRow]
    gone_total: int
    leads_pages: list[LeadsPageState]


class DraftRow(Shape):
    """A row that is no record yet, and what it needs."""

    id: int
    kind: Kind
    title: str
    url: str
    missing: list[str]
    created_at: datetime


class Drafts(Shape):
    """The latest drafts, and how many there are in all."""

    items: list[DraftRow]
    total: int


class FieldColumn(Shape):
    """One of our fields and the column that feeds it, with the reason; ``adds``: the column that would be added for it."""

    field: str
    label: str
    column: str
    type: str
    why: str
    adds: str
    samples: list[str]


class Adoption(Shape):
    """How one database is, or would be, taken over."""

    kind: Kind
    title: str
    url: str
    fields: list[FieldColumn]
    faults: list[dict[str, str]]
    notes: list[str]


class RowOutcome(Shape):
    """What a row would become: make, match, bound or draft; ``missing`` is what a draft needs."""

    kind: Kind
    title: str
    url: str
    fate: Literal["make", "match", "bound", "draft"]
    record: str
    missing: list[str]


class AdoptDone(Shape):
    """``adopted``: false for a dry run. ``summary``: one sentence for each database."""

    adopted: bool
    databases: list[Adoption]
    summary: list[str]
    rows: list[RowOutcome]


class LeadsPages(Shape):
    """The leads' pages of a connection."""

    items: list[LeadsPageState]


class Left(Shape):
    """How many databases are no longer kept in step; none was deleted."""

    databases: int
