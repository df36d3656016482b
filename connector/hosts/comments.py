"""A comment as every host tells it. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment as read from the host, without what it quotes. ``editor``: who wrote its present words, "" for the author.

    ``edited_at``: when; None where the host does not tell. ``restricted``: None when all who see the item see it, else who does, in the
    host's own words: an answer is given the same.
    """

    id: str
    author: str
    text: str
    created_at: datetime | None = None
    editor: str = ""
    edited_at: datetime | None = None
    restricted: Mapping[str, Any] | None = None

    @property
    def speaker(self) -> str:
        """Whose words they are now: an edit by somebody else makes them theirs."""
        return self.editor or self.author

    @property
    def said_at(self) -> datetime | None:
        """When the present words were written, by the host's clock."""
        return self.edited_at or self.created_at
