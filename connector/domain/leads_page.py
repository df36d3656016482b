"""What a leads' page in a host says, before any markup: sections of lines. Pure; prints times instead of ages, as panels do."""

from __future__ import annotations

from dataclasses import dataclass

from connector.domain.model import State


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text with one look."""

    text: str
    bold: bool = False
    link: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the page, kept by its ``key`` through all changes. ``state``: whose shape stands beside it, None for none."""

    key: str
    heading: str
    lines: tuple[tuple[Piece, ...], ...]
    state: State | None = None
