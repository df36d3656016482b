"""What an admin may choose for one import, as it is stored with an uploaded file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.errors import InputError
from connector.services.exchange.columns import ColumnMapping, mapping_from
from connector.services.exchange.vocabulary import PROFILES

_TEXTS = ("cycle", "encoding", "profile", "reason", "origin")
_FLAGS = ("create_objectives", "match_names")


@dataclass(frozen=True, slots=True)
class Options:
    """``cycle`` limits what rows may match, and holds objectives that are made · ``columns`` None: guessed from the file,
    with ``corrections`` (field → header) where the guess is known to be wrong.

    ``match_names``: owners may be named by their exact, unique name · ``reason`` stands in the audit trail beside each change ·
    ``origin``: where the rows came from when it was no file ("Notion: OKRs 2026").
    """

    cycle: str | None = None
    create_objectives: bool = False
    match_names: bool = False
    encoding: str = ""
    profile: str = ""
    reason: str = ""
    origin: str = ""
    columns: ColumnMapping | None = None
    corrections: Mapping[str, str] | None = None

    def as_json(self) -> dict[str, Any]:
        """As stored; ``options_from`` reads it back. Columns are kept beside it."""
        return {name: getattr(self, name) for name in (*_TEXTS, *_FLAGS)}


def options_from(data: Mapping[str, Any], columns: Mapping[str, Any] | None = None) -> Options:
    """Options from JSON or a form. Raises ``InputError`` naming the field that does not fit."""
    texts: dict[str, str] = {}
    for name in _TEXTS:
        given = data.get(name) or ""
        if not isinstance(given, str) or len(given) > 500:
            raise InputError("enter a text of at most 500 characters", where=name)
        texts[name] = given.strip()
    if texts["profile"] and texts["profile"] not in PROFILES:
        raise InputError(f"there is no profile {texts['profile']!r}; there are {', '.join(PROFILES)}", where="profile")
    return Options(
        texts["cycle"] or None,
        bool(data.get("create_objectives")),
        bool(data.get("match_names")),
        texts["encoding"],
        texts["profile"],
        texts["reason"],
        texts["origin"],
        mapping_from(columns) if columns else None,
    )
