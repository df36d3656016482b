"""What the editor asks for while it is filled in: choices, the parts that depend on the host, and the preview as a stream.

The preview's answer holds several fragments, each ended by ``END``: the later one replaces the earlier. Saves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from flask import Response, render_template, stream_with_context

from connector.domain.rhythm import expected
from connector.domain.rights import Act
from connector.errors import Conflict, HostError, InputError, NotFound, StoreUnavailable
from connector.services.preview import Answer, preview_steps
from connector.store.visibility import sees_key_result
from connector.web.context import runtime
from connector.web.forms import Form, submitted
from connector.web.gate import need, viewer
from mappings.forms import moved, read_form
from mappings.views import blueprint
from mappings.views.editing import connection_of
from mappings.views.parts import build_parts, picked, property_types, search
from mappings.views.shown import show

END = "\n<!--next-->\n"  # text inside a fragment is escaped, so it cannot hold this


@blueprint.post("/choices")
@need(Act.WRITE)
def choices() -> str:
    """Epics or databases that fit what was typed, below those that are picked."""
    form = submitted()
    connection = connection_of(form)
    found, trouble = search(runtime(), connection, form) if connection is not None else ((), "choose a connection first")
    return render_template(
        "mappings/_choices.html", form=form, picked=picked(form, form["kind"]), found=found, trouble=trouble, loaded=True
    )


@blueprint.post("/parts")
@need(Act.WRITE)
def parts() -> str:
    """The part of the form that depends on connection and database."""
    form = submitted()
    connection = connection_of(form)
    host = connection.host if connection is not None else "jira"
    if form["parts_of"] != form["connection"]:  # what was picked belongs to another connection
        for name in ("q", "source", "project", "within", "within_of", "field", "points", "checkbox", "decides"):
            form.values.pop(name, None)
        for name in ("epic", "known", "filter_name", "filter_test", "filter_value"):
            form.lists.pop(name, None)
    return render_template("mappings/_parts.html", form=form, parts=build_parts(runtime(), connection, host, form, ask=True))


@blueprint.post("/preview")
@need(Act.WRITE)
def preview() -> Response:
    """What the value would become: first from a part of the items, at last from all of them."""
    form = submitted()
    answer = Response(stream_with_context(_fragments(form)), content_type="text/html; charset=utf-8")
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Accel-Buffering"] = "no"  # a proxy must not hold back the first numbers
    return answer


def _fragments(form: Form) -> Iterator[str]:
    try:
        key_result = form["key_result"] or None
        with runtime().store.read() as session:
            if key_result is not None and not sees_key_result(session, viewer(), key_result):
                raise NotFound("this key result is not there any more")
        connection = connection_of(form)
        if connection is None:
            raise InputError("choose a connection that can be read", where="connection")
        types = property_types(runtime(), connection, form)
        data = read_form(form, connection.host, types=types)
        replacing = int(form["mapping"]) if form["mapping"].isascii() and form["mapping"].isdigit() else None
        with closing(preview_steps(runtime(), data, key_result=key_result, replacing=replacing)) as steps:
            for answer in steps:
                yield render_template("mappings/_preview.html", shown=show(answer, _expected(answer))) + END
    except InputError as error:
        found = moved(error, form["kind"])
        faults = {each.where: each.message for each in getattr(found, "errors", (found,))}
        yield render_template("mappings/_preview.html", faults=faults) + END
    except (NotFound, Conflict) as error:
        yield render_template("mappings/_preview.html", trouble=str(error)) + END
    except HostError as error:
        trouble = (
            f"{form['connection']} does not answer as it should: {error.message}. Nothing is lost; the mapping can be changed meanwhile"
        )
        yield render_template("mappings/_preview.html", trouble=trouble) + END
    except StoreUnavailable:
        yield render_template("mappings/_preview.html", trouble="The database does not answer now. Try again shortly") + END


def _expected(answer: Answer) -> float | None:
    """The share of the way that should be gone today; None while it is too early to say."""
    facts = answer.question.facts
    if facts is None:
        return None
    plan = expected(facts.cycle, runtime().now().astimezone(runtime().settings.zone).date(), facts.definition)
    return None if plan.too_early else plan.value
