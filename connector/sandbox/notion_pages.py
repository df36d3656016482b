"""Pages of the Notion stand-in: databases as tables, rows as pages with their blocks and comments, all of it to be edited.

Every edit goes into the stand-in as the person whom the page plays (``?as=ben``); the connector hears of it by webhook only.
"""

from __future__ import annotations

from typing import Any

from flask import Response, abort, make_response, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from connector.hosts.notion.ids import known_id
from connector.hosts.notion.sandbox_world import World
from connector.sandbox import content, workspace
from connector.sandbox.pages import answer_done, blueprint, standins

PLAYED = content.ADMIN  # who edits unless another person was chosen
# As everywhere, but a page may hold a frame of this same server: an embed of our live page.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; frame-src 'self'"
)
__all__ = ["blueprint"]
BLOCK_ACTS = ("delete", "restore")


def _world() -> World:
    return standins().notion.world


def _played() -> str:
    """The short name of the person whom the page plays."""
    asked = request.values.get("as", "")
    return asked if asked and workspace.account_of(_world(), asked) else PLAYED


def _account() -> str:
    """The account of the person whom the page plays."""
    found = workspace.account_of(_world(), _played())
    return found[0] if found else str(_world().data["person"])


def _there(ident: str) -> str:
    """The id of a page that exists."""
    found = known_id(ident) or ""
    if found not in _world().data["pages"]:
        abort(404, "The stand-in has no such page.")
    return found


def _shown(template: str, **facts: Any) -> Response:
    world, played = _world(), _played()
    answer = make_response(
        render_template(
            template,
            databases=workspace.okrs_first(workspace.databases(world)),
            pages=workspace.pages(world),
            people=workspace.people(world),
            played=played,
            asked={"as": played} if played != PLAYED else {},
            several=workspace.SEVERAL,
            paused=standins().presses.paused,
            **facts,
        )
    )
    answer.headers["Content-Security-Policy"] = POLICY
    return answer


def _back(endpoint: str, anchor: str = "", **where: str) -> AnyResponse:
    """To where the form was, still as the same person."""
    kept = {"as": _played()} if _played() != PLAYED else {}
    values: dict[str, Any] = {**where, **kept}
    return answer_done(url_for(endpoint, _anchor=anchor or None, **values))


# --- looking -------------------------------------------------------------------------------------------------------------------


@blueprint.get("/workspace")
def show_table() -> Response:
    """One database as a table."""
    known = workspace.databases(_world())
    found = workspace.table(_world(), request.args.get("database") or (known[0][0] if known else ""))
    if found is None:
        abort(404, "The stand-in has no such database.")
    return _shown("sandbox/notion_table.html", table=found)


@blueprint.get("/workspace/pages/<ident>")
def show_page(ident: str) -> AnyResponse:
    """One page with its properties, blocks and comments; the address of a database leads to its table, as at Notion."""
    found = workspace.page(_world(), ident)
    if found is None:
        if known_id(ident) in dict(workspace.databases(_world())):
            return _back("sandbox.show_table", database=ident)
        abort(404, "The stand-in has no such page.")
    return _shown("sandbox/notion_page.html", page=found)


# --- editing -------------------------------------------------------------------------------------------------------------------


@blueprint.post("/workspace/set")
def set_property() -> AnyResponse:
    """Set the properties of one row that the form names and that a person changed: ``page``, a field per property, ``was:…`` of each."""
    ident = known_id(request.form.get("page", "")) or ""
    shown = workspace.page(_world(), ident)
    if shown is None or shown.database is None:
        abort(400, "The stand-in has no such row.")
    for cell in shown.cells:
        sent, was = request.form.getlist(cell.name), request.form.get(f"was:{cell.name}")
        if not cell.editable or (not sent and was is None) or (was is not None and "\n".join(sent) == was.replace("\r\n", "\n")):
            continue
        try:
            value = workspace.chosen_of(cell, [each.replace("\r\n", "\n") for each in sent])
        except ValueError as error:
            abort(400, str(error))
        if value != workspace.chosen_of(cell, cell.chosen):
            _world().set_property(ident, cell.name, value, author=_account())
    if request.form.get("from") == "page":
        return _back("sandbox.show_page", ident=ident)
    return _back("sandbox.show_table", database=shown.database[0])


@blueprint.post("/workspace/rows")
def add_row() -> AnyResponse:
    """A new row: ``database``, ``title``."""
    found = workspace.table(_world(), request.form.get("database", ""))
    if found is None:
        abort(400, "The stand-in has no such database.")
    source = _world().data["databases"][found.id]["sources"][0]
    ident = _world().add_row(source, {found.columns[0]: request.form.get("title", "").strip()}, author=_account())
    return _back("sandbox.show_table", anchor=f"row-{ident}", database=found.id)


@blueprint.post("/workspace/pages/<ident>/<act>")
def change_page(ident: str, act: str) -> AnyResponse:
    """Trash or restore a page, share it or not, press its button."""
    page = _there(ident)
    if act == "trash":
        _world().trash(page, author=_account())
    elif act == "restore":
        _world().restore(page, author=_account())
    elif act == "press":
        standins().presses.press(page, _account())
        if request.form.get("from") == "table":
            return _back("sandbox.show_table", database=request.form.get("database", ""))
    elif act in ("share", "unshare"):
        (_world().share if act == "share" else _world().unshare)(page)
        standins().note_change("notion")
    else:
        abort(404)
    return _back("sandbox.show_page", ident=page)


@blueprint.post("/workspace/automation")
def resume_automation() -> AnyResponse:
    """Switch the button's automation on again: ``page``."""
    standins().presses.resume()
    return _back("sandbox.show_page", ident=_there(request.form.get("page", "")))


@blueprint.post("/workspace/databases/<ident>/<act>")
def change_database(ident: str, act: str) -> AnyResponse:
    """Share a database with the connection or not; give a column another name: ``column``, ``name``."""
    found = workspace.table(_world(), ident)
    if found is None:
        abort(404, "The stand-in has no such database.")
    if act in ("share", "unshare"):
        (_world().share if act == "share" else _world().unshare)(found.id)
        standins().note_change("notion")
    elif act == "rename":
        column, name = request.form.get("column", ""), request.form.get("name", "").strip()
        if column not in found.columns or not name or name in found.columns:
            abort(400, "A column gets a name that no other column has.")
        _world().rename_property(_world().data["databases"][found.id]["sources"][0], column, name)
    else:
        abort(404)
    return _back("sandbox.show_table", database=found.id)


@blueprint.post("/workspace/blocks/<ident>/<act>")
def change_block(ident: str, act: str) -> AnyResponse:
    """Delete a block, or take it out of the trash again."""
    block = _world().data["blocks"].get(ident)
    if block is None or act not in BLOCK_ACTS:
        abort(404, "The stand-in has no such block.")
    (_world().delete_block if act == "delete" else _world().restore_block)(ident, _account())
    return _back("sandbox.show_page", ident=block["page"])


@blueprint.post("/workspace/pages/<ident>/comments")
def comment_on_page(ident: str) -> AnyResponse:
    """A comment, or an answer in a ``discussion``: ``text``."""
    page, text = _there(ident), request.form.get("text", "").strip()
    if not text:
        abort(400, "A comment needs a text.")
    _world().add_comment(page, text, _account(), discussion=request.form.get("discussion", ""))
    return _back("sandbox.show_page", anchor="comments", ident=page)
