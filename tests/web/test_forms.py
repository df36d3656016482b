"""Forms when somebody else saved first: what was not touched follows, what was typed stays."""

from __future__ import annotations

from flask import Flask

from connector.services.changes import Stale, version_of
from connector.web.forms import Form, filled, submitted


def sent(before: Form, **typed: str) -> Form:
    """The form as a browser sends it after somebody typed."""
    data = {**before.values, "shown": before.memory, "version": before.version, **typed}
    with Flask("forms").test_request_context("/", method="POST", data=data):
        return submitted()


def test_only_what_was_typed_stands_against_what_others_saved() -> None:
    before = {"title": "Sign-ups", "target": 100.0, "weight": 1.0, "strict": False, "unit": None}
    theirs = {**before, "target": 90.0, "strict": True, "title": "Active sign-ups"}
    form = sent(filled({"title": "Sign-ups", "target": "100", "weight": "1", "strict": "", "unit": ""}, "v1"), title="Paid sign-ups")
    form.conflict(Stale(theirs, version=version_of(theirs)))
    assert form.values["target"] == "90"
    assert form.values["strict"] == "1"
    assert form.values["title"] == "Paid sign-ups"
    assert form.version == version_of(theirs)
    assert form.status == 409
    # The next save knows what it showed: a field put back to what is saved now counts as not touched.
    again = sent(form, title="Active sign-ups")
    newest = {**theirs, "title": "All sign-ups"}
    again.conflict(Stale(newest, version=version_of(newest)))
    assert again.values["title"] == "All sign-ups"


def test_a_memory_that_somebody_changed_is_none() -> None:
    form = sent(Form({"title": "x"}, version="v1"), shown="[1, 2")
    assert form.shown == {}
    assert sent(Form({"title": "x"}, version="v1"), shown='{"title": 3, "a": "b"}').shown == {"a": "b"}
    form.conflict(Stale({"title": "y"}, version="v2"))
    assert form.values["title"] == "x"
