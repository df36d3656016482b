"""What the check-in form knows while a request is answered: where it stands, what it shows, what a save said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from connector.domain.rights import Viewer
from connector.runtime import Runtime
from connector.services.check_ins import Filed, Opening
from connector.views.query import KeyResultView


@dataclass(frozen=True, slots=True)
class Place:
    """Where the form stands: ``name`` goes into the stored check-in, the addresses into the form. ``page``: a page of ours."""

    name: str
    post: str
    check: str
    back: str
    page: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """What is known of the key result, read once for a request."""

    runtime: Runtime
    viewer: Viewer
    place: Place
    opening: Opening
    view: KeyResultView
    now: datetime

    @property
    def ident(self) -> str:
        """The key result's id."""
        return self.view.id


@dataclass(frozen=True, slots=True)
class Saved:
    """A save that went through: ``said`` is what the person is told."""

    filed: Filed
    said: str
