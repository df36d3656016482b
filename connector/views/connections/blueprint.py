"""The blueprint that the parts of this package hang their pages on, and what they share."""

from __future__ import annotations

from flask import Blueprint

from connector.errors import Busy, Faults, HostError, InputError
from connector.web.forms import Form
from connector.web.gate import guard

blueprint = Blueprint("connections", __name__)
guard(blueprint)


def note(form: Form, error: InputError | HostError) -> None:
    """Put an error at the form's fields; those of credentials and options are named there without their group."""
    if isinstance(error, HostError):
        why = "is busy" if isinstance(error, Busy) else "does not answer"
        form.note(InputError(f"The host {why} now, so nothing could be tested. Nothing was saved; test again shortly. ({error.message})"))
        return
    for each in error.errors if isinstance(error, Faults) else (error,):
        field = each.where.removeprefix("auth.").removeprefix("options.")
        if field.startswith("fields."):
            field = f"{field.removeprefix('fields.')}_field"
        form.note(InputError(each.message[:1].upper() + each.message[1:], where=field))
