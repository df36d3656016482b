"""Channels: the mail server that writes to people, and the chat rooms of forums. Addresses are written once and never shown."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from connector.domain.rights import Act
from connector.errors import InputError, NotFound
from connector.services.messages import channels
from connector.services.messages.outgoing import MAIL
from connector.store.tables import Forum
from connector.views.connections.blueprint import blueprint
from connector.web.context import runtime
from connector.web.forms import Form, submitted
from connector.web.gate import need, viewer

Answered = str | Response | tuple[str, int]


@blueprint.get("/channels", endpoint="channels")
@need(Act.ADMINISTER)
def channel_list() -> str:
    """All channels, and the form for a new one."""
    return _page(Form({"kind": "mail"}))


@blueprint.post("/channels")
@need(Act.ADMINISTER)
def add_channel() -> Answered:
    """Set a channel up, and send a test through it at once."""
    form = submitted()
    try:
        forum = form["forum"] if form["kind"] != MAIL else ""  # the page shows the field for rooms alone
        made = channels.add_channel(runtime(), viewer(), name=form["name"], kind=form["kind"], address=form["address"], forum=forum)
    except InputError as error:
        form.note(error)
        form.values["address"] = ""
        return _page(form), form.status
    flash(f"{made.name} is set up. Send a test to see that messages arrive.")
    return redirect(url_for("connections.channels"), 303)


@blueprint.post("/channels/<name>/test")
@need(Act.ADMINISTER)
def test_channel(name: str) -> Answered:
    """Send a test message."""
    try:
        trouble = channels.send_test(runtime(), viewer(), name)
    except (InputError, NotFound) as error:
        trouble = str(error)
    flash(f"The test of {name} was not taken: {trouble}." if trouble else f"{name} took the test message.")
    return redirect(url_for("connections.channels"), 303)


@blueprint.post("/channels/<name>/remove")
@need(Act.ADMINISTER)
def remove_channel(name: str) -> Answered:
    """Take a channel away."""
    try:
        channels.remove_channel(runtime(), viewer(), name)
    except NotFound:
        flash(f"{name} was removed before.")
    else:
        flash(f"{name} is removed, with its address. What waited for it is not sent.")
    return redirect(url_for("connections.channels"), 303)


def _page(form: Form) -> str:
    with runtime().store.read() as session:
        forums = session.scalars(select(Forum.name).where(Forum.retired_at.is_(None)).order_by(Forum.name)).all()
    return render_template(
        "connections/channels.html",
        channels=channels.list_channels(runtime()),
        form=form,
        kinds=channels.KINDS,
        forums=[("", "choose the forum of the room"), *((name, name) for name in forums)],
        quiet=runtime().settings.quiet_hours,
        zone=runtime().settings.zone,
    )
