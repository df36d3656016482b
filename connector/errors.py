"""The errors that cross the product's seams, each with what went wrong and how to mend it.

``HostError`` and its kinds are what a host may raise; ``connector.jobs`` maps each kind to a retry in one table.
``InputError`` is a person's mistake: it names the place and the mend, and becomes exit code 2 or a 4xx answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class ConnectorError(Exception):
    """Base of every error that the product raises on purpose. ``str()`` is fit for a person."""


class InputError(ConnectorError):
    """Input that cannot be used: ``where`` (a field path, possibly with file and line), what is wrong, how to mend it."""

    def __init__(self, message: str, *, where: str = "", line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.line = line

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line is not None else ""
        field = f"{self.where}: " if self.where else ""
        return f"{place}{field}{self.message}"


class Faults(InputError):
    """Everything that is wrong with one form, body or file; ``errors`` in the order of their lines, each with its field."""

    def __init__(self, errors: Sequence[InputError]) -> None:
        ordered = sorted(errors, key=lambda error: error.line or 0)
        super().__init__("\n".join(str(error) for error in ordered))
        self.errors: tuple[InputError, ...] = tuple(ordered)


class Forbidden(ConnectorError):
    """The caller is known and may not do this."""


class Conflict(ConnectorError):
    """Somebody else changed the same thing first; read again and repeat."""


class NotFound(ConnectorError):
    """The named thing does not exist, or the caller may not know that it does."""


class StoreUnavailable(ConnectorError):
    """Our own database does not answer. At the door this is a 503: the sender must try again."""


# Codes of ``Busy`` for waits of our own making: of everybody, and of work that nobody waits for (others go on)
OWN_BUDGET, BACKGROUND_BUDGET = "own_budget", "background_budget"
SITE_WIDE = "site_wide"  # key in ``details`` of a ``Busy`` that holds for every connection to the same site


class HostError(ConnectorError):
    """A call to a host did not succeed. ``status`` is the HTTP status, None when there was no answer."""

    def __init__(self, message: str, *, status: int | None = None, code: str = "", details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code  # the host's own error code, "" when it gave none
        self.details: Mapping[str, Any] = details or {}


class Refused(HostError):
    """Final: the host understood and said no (400, 401, 403, 409 after re-reading, 410, 422). Repeating will not help.

    401 and 403 park the connection until an admin mends the credentials or rights.
    """

    @property
    def parks(self) -> bool:
        """True when the refusal concerns the credentials, so that every further call would fail too."""
        return self.status in (401, 403)


class Blocked(Refused):
    """Final: the host has shut us out and wants no further call, not even one that asks whether that has ended. Parks the connection."""

    @property
    def parks(self) -> bool:
        """True: every further call would be refused."""
        return True


class Gone(HostError):
    """Final, but no failure: the thing does not exist any more, or is not shared with us any more (404, trashed)."""


class Busy(HostError):
    """The host asked us to wait: 429, or 503/529 with a wish. ``retry_after`` seconds are a minimum, None when not told."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        status: int | None = None,
        code: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, status=status, code=code, details=details)
        self.retry_after = retry_after


class Offline(HostError):
    """No usable answer: connection refused or reset, time-out, 5xx, a proxy's HTML page."""


class Uncertain(Offline):
    """A write that is not idempotent got no clear answer and may have been carried out: read again before repeating.

    ``committed`` holds ids that the host reported as written (Notion: ``committed_resource_id``, ``committed_child_ids``).
    """

    def __init__(
        self,
        message: str,
        *,
        committed: tuple[str, ...] = (),
        status: int | None = None,
        code: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, status=status, code=code, details=details)
        self.committed = committed
