"""Errors as problem details (RFC 9457): one media type, one shape, one table from our errors to statuses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from flask import Response
from pydantic import ValidationError

from connector.errors import Busy, Conflict, ConnectorError, Faults, Forbidden, HostError, InputError, NotFound, Offline, StoreUnavailable
from connector.problems import problem
from connector.services.changes import Stale

RETRY_SECONDS = 5


class ProblemError(ConnectorError):
    """An answer other than success, with its status, detail, fields at fault and extra headers."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[dict[str, str]] = (),
        headers: dict[str, str] | None = None,
        more: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = list(errors)
        self.headers = headers or {}
        self.more = more or {}


def answer(error: ProblemError) -> Response:
    """The problem as a response."""
    members: dict[str, Any] = {**error.more, **({"errors": error.errors} if error.errors else {})}
    return problem(error.status, error.detail, headers=error.headers, **members)


def as_problem(error: ConnectorError) -> ProblemError:
    """What an error of ours means to the caller."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, Faults):
        return ProblemError(422, str(error), errors=[{"field": each.where, "message": each.message} for each in error.errors])
    if isinstance(error, InputError):
        return ProblemError(422, str(error), errors=[{"field": error.where, "message": error.message}])
    if isinstance(error, NotFound):
        return ProblemError(404, str(error))
    if isinstance(error, Forbidden):
        return ProblemError(403, str(error))
    if isinstance(error, Stale):
        return ProblemError(409, str(error), more={"theirs": error.theirs, "version": error.version})
    if isinstance(error, Conflict):
        return ProblemError(409, str(error))
    if isinstance(error, StoreUnavailable):
        return ProblemError(503, str(error), headers={"Retry-After": str(RETRY_SECONDS)})
    if isinstance(error, Busy):
        return ProblemError(503, error.message, headers={"Retry-After": str(math.ceil(error.retry_after or RETRY_SECONDS))})
    if isinstance(error, Offline):
        return ProblemError(503, error.message, headers={"Retry-After": str(RETRY_SECONDS)})
    if isinstance(error, HostError):
        return ProblemError(502, error.message)
    return ProblemError(500, "something went wrong here")


def invalid(error: ValidationError, status: int) -> ProblemError:
    """Every field that does not fit, as one problem: 400 for the query, 422 for the body."""
    found = []
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        field = ".".join(str(part) for part in fault["loc"])
        message = "there is no such field" if fault["type"] == "extra_forbidden" else fault["msg"].removeprefix("Value error, ")
        found.append({"field": field, "message": message})
    detail = "; ".join(f"{fault['field']}: {fault['message']}".removeprefix(": ") for fault in found[:5])
    return ProblemError(status, detail, errors=found)
