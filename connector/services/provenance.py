"""Who or what told the number that stands: the last reading that set it, a person's check-in or a source. Reads nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connector.domain import wording
from connector.domain.model import Definition

_NOBODY = {"api": "an API token", "import": "an import"}
AUTHOR_NOT_KNOWN = "author not known"
SOMEBODY = "a check-in"  # its author is not among what was read

Source = Mapping[str, Any] | None  # what the roll-up stored with the value: ``KeyResult.source``


def is_told(source: Source) -> bool:
    """Whether the number that stands was told in a check-in; then a source is only read beside it."""
    return (source or {}).get("kind") == "check_in"


def telling(source: Source, check_ins: Sequence[Any]) -> Any:
    """The check-in (of ``check_ins``, oldest first, without drafts) that told the number that stands; None where none did."""
    if not is_told(source):
        return None
    ident = (source or {}).get("check_in")
    if ident is not None:
        return next((row for row in reversed(check_ins) if row.id == ident), None)
    return next((row for row in reversed(check_ins) if row.value is not None), None)  # stored before the check-in was named there


def unauthored(source: Source) -> str:
    """What gave a number that nobody said in a check-in and no mapping reads: "an import", "its steps"; "" for anything else."""
    return {"import": _NOBODY["import"], "milestones": "its steps"}.get((source or {}).get("kind") or "", "")


def author_text(name: str | None, where: str) -> str:
    """Who said a check-in: a person's name, or what filed it for nobody."""
    return name or _NOBODY.get(where, AUTHOR_NOT_KNOWN)


def reads_text(source: Source, names: Sequence[str], definition: Definition) -> str:
    """What the sources read beside a number that was told: "Jira reads 70 %"; "" without sources."""
    if not is_told(source) or "reads" not in (source or {}):
        return ""
    return wording.reads_text(names, (source or {})["reads"], definition)
