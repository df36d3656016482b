"""The commands `notion …`: OKR databases and the leads' page in Notion. Only wiring; the work is ``connector.services``' business."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from connector.cli.opening import opened
from connector.domain.okr_columns import IN_ORDER, TITLES, DatabaseKind
from connector.domain.rights import SYSTEM
from connector.errors import InputError, NotFound
from connector.log import visible_text
from connector.runtime import Runtime
from connector.services.drain import drain, settle
from connector.services.leads_page.setting import set_leads_page
from connector.services.okr_databases import adopting, setting_up
from connector.services.okr_databases.importing import read_all
from connector.services.okr_databases.options import DEFINITIONS, PANELS
from connector.services.okr_databases.overview import Overview, overview
from connector.services.okr_databases.trying_out import DryRun, try_out
from connector.store import work
from connector.store.tables import Connection, Cycle, Forum, OkrDatabase, OkrRow, Team

MADE_WITHIN = 60.0  # seconds for which the end waits for rows that are made
_HOW = {"to make": "to be made", "made": "made", "found": "found again", "kept": "there already"}
_SHOWN = 20  # rows that are told one by one


def _only_one(context: click.Context, parameter: click.Parameter, value: str | None) -> str:
    """The connection that is meant when none is named: the only one to Notion."""
    if context.resilient_parsing:
        return value or ""
    with opened() as runtime, runtime.store.read() as session:
        query = select(Connection.name).where(Connection.host == "notion", Connection.retired_at.is_(None)).order_by(Connection.name)
        names = session.scalars(query).all()
    if value and value not in names:
        known = f"; there {'is' if len(names) == 1 else 'are'} {', '.join(names)}" if names else ""
        raise InputError(f"no connection to Notion is called {value!r}{known}", where="--connection")
    if value or len(names) == 1:
        return value or names[0]
    if not names:
        raise InputError("there is no connection to Notion yet: make one on the page Connections, or with apply", where="--connection")
    raise InputError(f"several connections lead to Notion; name one of {', '.join(names)}", where="--connection")


_connection = click.option(
    "--connection", "name", metavar="NAME", callback=_only_one, help="The Notion connection; may be left out where there is only one."
)
_definitions = click.option("--definitions", type=click.Choice(DEFINITIONS), help="Who may change title, owner, from and to in rows.")
_panel = click.option("--panel", type=click.Choice(PANELS), help="What a row's page shows: a callout, or its properties alone.")
_table = click.option("--table/--no-table", default=None, help="A small table beneath the callout of an objective.")
_embed = click.option("--embed/--no-embed", default=None, help="The live page beneath the callout; wants an https OKR_PUBLIC_URL.")
_cycles = click.option("--cycle", "cycles", metavar="NAME", multiple=True, help="Only rows of this cycle; may be repeated.")


@click.group()
def notion() -> None:
    """OKR databases and the leads' page in Notion."""


@notion.command()
@_connection
@click.option("--page", metavar="LINK", required=True, help="The page under which the databases stand; shared with the connection.")
@_definitions
@_panel
@_table
@_embed
@_cycles
@click.option("--dry-run", is_flag=True, help="Test everything and say what would be made; make nothing.")
def setup(name: str, page: str, dry_run: bool, **given: Any) -> None:
    """Make Objectives, Key Results, Check-ins and Decisions under a page, or complete those that are there.

    May be repeated: nothing is made twice. Options that are not given stay as they are.
    """
    with opened() as runtime:
        if dry_run:
            done = setting_up.look(runtime, SYSTEM, name, page, options=_options(given))
        else:
            done = setting_up.set_up(
                runtime,
                SYSTEM,
                name,
                page,
                options=_options(given),
                on_progress=lambda words: click.echo(words, err=True),
                reading=True,
            )
        for each in done.databases:
            added = f", added {', '.join(each.added)}" if each.added else ""
            click.echo(visible_text(f"{each.title}: {_HOW[each.how]}{added}{f'  {each.url}' if each.url else ''}"))
        for note in done.notes:
            click.echo(visible_text(f"note: {note}"), err=True)
        if dry_run:
            click.echo("Dry run: nothing was made")
            return
        _follow(runtime, name)


@notion.command()
@_connection
@click.option("--key-results", "key_results", metavar="LINK", required=True, help="The database that holds the key results.")
@click.option("--objectives", metavar="LINK", default="", help="The database of the objectives; found by the relation to it.")
@click.option("--check-ins", "check_ins", metavar="LINK", default="", help="The database of the check-ins.")
@click.option("--decisions", metavar="LINK", default="", help="The database of the decisions.")
@click.option(
    "--column",
    "columns",
    metavar="FIELD=NAME",
    multiple=True,
    help="Which column feeds a field; of another database: objectives.team=NAME.",
)
@click.option("--add", is_flag=True, help="Agree that the columns that are missing are added.")
@_definitions
@_panel
@_table
@_embed
@_cycles
@click.option("--dry-run", is_flag=True, help="Say what each row would become; write nothing.")
@click.pass_context
def adopt(
    ctx: click.Context,
    /,
    name: str,
    key_results: str,
    objectives: str,
    check_ins: str,
    decisions: str,
    columns: Sequence[str],
    add: bool,
    dry_run: bool,
    **given: Any,
) -> None:
    """Keep databases that are there already in step: which column is which is guessed, shown, and changed with --column.

    A dry run reads all rows and says what each would become.
    """
    links = {"key_results": key_results, "objectives": objectives, "check_ins": check_ins, "decisions": decisions}
    with opened() as runtime:
        chosen = _columns(columns)
        if dry_run:
            tried = try_out(runtime, SYSTEM, name, links, chosen, options=_options(given))
            _tell_proposals(tried.proposals)
            _tell_rows(tried)
            if any(each.faults for each in tried.proposals):
                ctx.exit(2)
            return
        _tell_proposals(adopting.propose(runtime, SYSTEM, name, links, chosen))
        done = adopting.adopt(runtime, SYSTEM, name, links, chosen, options=_options(given), complete=add)
        for kind, title in done.databases.items():
            added = f", added {', '.join(done.added[kind])}" if done.added[kind] else ""
            click.echo(visible_text(f"{TITLES[kind]}: {title} is kept in step{added}"))
        read_all(runtime, _named(runtime, name), on_progress=lambda kind, read: click.echo(f"{TITLES[kind]}: {read} rows read", err=True))
        _follow(runtime, name)


@notion.command()
@click.option("--connection", "name", metavar="NAME", help="Only this connection.")
def status(name: str | None) -> None:
    """Show the OKR databases: rows, drafts with what they need, what differs, what cannot be reached."""
    with opened() as runtime, runtime.store.read() as session:
        query = select(Connection).where(
            Connection.retired_at.is_(None),
            select(OkrDatabase.id).where(OkrDatabase.connection_id == Connection.id, OkrDatabase.retired_at.is_(None)).exists(),
        )
        found = session.scalars(query.order_by(Connection.name)).all()
        if name is not None:
            found = [setting_up.named(session, name)]
        seen = [overview(session, SYSTEM, each, runtime.epoch()) for each in found]
    if not any(each.is_set_up for each in seen):
        click.echo("no OKR databases are kept; make them with: okr-connector notion setup --connection NAME --page LINK")
    for each in seen:
        _tell_overview(each)


@notion.command()
@_connection
def leave(name: str) -> None:
    """Stop keeping the databases in step. Nothing is deleted, there or here; `notion setup` takes them up again."""
    with opened() as runtime:
        count = setting_up.leave(runtime, SYSTEM, name)
    click.echo(f"{count} databases are not kept in step any more; their rows stay as they are")


@notion.command("make-again")
@_connection
@click.argument("record", metavar="ID")
def make_again(name: str, record: str) -> None:
    """Make a new row for the objective or key result ID, whose row was put into the trash."""
    with opened() as runtime:
        setting_up.make_again(runtime, SYSTEM, name, record)
        _follow(runtime, name)
    click.echo(f"{record} has a row again")


@notion.command("leads-page")
@_connection
@click.option("--page", metavar="LINK", default="", help="A page that is shared with the connection and shows nothing else of ours.")
@click.option("--under", metavar="LINK", default="", help="Make a new page below this one instead.")
@click.option("--forum", metavar="NAME", default="", help="Only what this forum looks at.")
@click.option("--team", metavar="NAME", default="", help="Only this team.")
@click.option("--cycle", metavar="NAME", default="", help="Only this cycle.")
def leads_page(name: str, page: str, under: str, forum: str, team: str, cycle: str) -> None:
    """Show leads where things stand: three buckets, the pre-read, decisions due, blockers by age."""
    with opened() as runtime:
        with runtime.store.read() as session:
            options = {
                "forum": _id_of(session, Forum, forum, "--forum"),
                "team": _id_of(session, Team, team, "--team"),
                "cycle": _id_of(session, Cycle, cycle, "--cycle"),
            }
        set_leads_page(runtime, SYSTEM, name, page=page, parent=under, options=options)
        drain(runtime, _named(runtime, name).id)
    click.echo("the leads' page is kept up to date from now on")


# --- parts -------------------------------------------------------------------------------------------------------------


def _named(runtime: Runtime, name: str) -> Connection:
    with runtime.store.read() as session:
        return setting_up.named(session, name)


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were said; what was not said stays as it is."""
    found = {name: value for name, value in given.items() if value is not None and value != ()}
    return {name: list(value) if name == "cycles" else value for name, value in found.items()}


def _columns(given: Sequence[str]) -> dict[str, dict[str, str]]:
    """ "owner=DRI", "objectives.team=Group" → kind → field → column."""
    found: dict[str, dict[str, str]] = {}
    kinds = [kind.value for kind in IN_ORDER]
    for each in given:
        field, sign, column = each.partition("=")
        kind, dot, inner = field.strip().partition(".")
        if not sign or not field.strip():
            raise InputError("write FIELD=NAME, such as owner=DRI; an empty name leaves the field out", where="--column")
        if dot and kind not in kinds:
            raise InputError(f"{kind!r} is no database; there are {', '.join(kinds)}", where="--column")
        found.setdefault(kind if dot else DatabaseKind.KEY_RESULTS.value, {})[inner if dot else kind] = column.strip()
    return found


def _id_of(session: Session, table: Any, name: str, where: str) -> str:
    if not name.strip():
        return ""
    rows = {row.name: row.id for row in session.execute(select(table.name, table.id).where(table.retired_at.is_(None)))}
    if name.strip() not in rows:
        raise NotFound(f"{where}: nothing is called {name.strip()[:80]!r}; there are {', '.join(sorted(rows)) or 'none'}")
    return str(rows[name.strip()])


def _tell_proposals(proposals: Sequence[adopting.Proposal]) -> None:
    for each in proposals:
        click.echo(visible_text(f"{TITLES[each.kind]}: {each.title}"), err=True)
        names = {column.id: column.name for column in each.columns}
        for choice in each.fields:
            if choice.column:
                click.echo(visible_text(f"  {choice.field} = {names[choice.column]} ({choice.why})"), err=True)
        if each.to_add:
            click.echo(visible_text(f"  missing columns: {', '.join(each.to_add)}"), err=True)
        for note in each.notes:
            click.echo(visible_text(f"  note: {note}"), err=True)
        for fault in each.faults:
            click.echo(visible_text(f"error: {fault}"), err=True)


def _tell_rows(tried: DryRun) -> None:
    for fate in tried.fates[:_SHOWN]:
        told = "; ".join(fate.missing) or (f"is {fate.record}" if fate.record else "")
        click.echo(visible_text(f"{fate.title or '(no title)'}: {fate.fate}{f': {told}' if told else ''}"))
    if len(tried.fates) > _SHOWN:
        click.echo(f"… and {len(tried.fates) - _SHOWN} more")
    for tally in tried.tallies:
        click.echo(tally.sentence)
    click.echo("Dry run: nothing was written")


def _tell_overview(seen: Overview) -> None:
    for each in seen.databases:
        read = f"read {each.read_at:%Y-%m-%d %H:%M}Z" if each.read_at else "not read yet"
        counts = f"{each.rows} rows, {each.drafts} drafts, {each.gone} gone, {each.waiting} waiting"
        click.echo(
            visible_text(f"{seen.connection}  {each.title or TITLES[each.kind]}: {counts}, {read}{f'  {each.url}' if each.url else ''}")
        )
        for words in ([each.broken] if each.broken else []) + list(each.drift):
            click.echo(visible_text(f"  {words}"))
    for draft in seen.drafts[:_SHOWN]:
        click.echo(visible_text(f"  draft “{draft.title or 'no title'}”: {'; '.join(draft.missing) or 'not looked at yet'}"))
    if seen.drafts_total > _SHOWN:
        click.echo(f"  … and {seen.drafts_total - _SHOWN} more drafts")
    for page in seen.leads_pages:
        written = f"written {page.written_at:%Y-%m-%d %H:%M}Z" if page.written_at else "not written yet"
        click.echo(visible_text(f"{seen.connection}  leads' page {page.url}: {page.error or written}"))


def _follow(runtime: Runtime, name: str) -> None:
    """Have the rows made that are wanted; where a worker does that already, wait for it a while."""
    connection = _named(runtime, name)
    end = time.monotonic() + MADE_WITHIN
    while True:
        settle(runtime)
        drain(runtime, connection.id)
        with runtime.store.read() as session:
            rows = work.waiting(session, OkrRow, OkrRow.connection_id == connection.id)
            row = session.get_one(Connection, connection.id)
        if not rows or row.parked_at is not None or row.paused_until > runtime.epoch() or time.monotonic() > end:
            break
        time.sleep(0.2)
    if rows:
        click.echo(f"{rows} rows are still to be written; the worker goes on with them")
