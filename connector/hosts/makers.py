"""What a host offers that makes an issue or a row for a decision. Values only; optional for a host.

A host that does gives its module a function ``build_item_maker`` which returns an ``ItemMaker``; see ``connector.runtime``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Made:
    """An issue or row at the host."""

    ref: str
    key: str
    url: str


class ItemMaker(Protocol):
    """Makes items on one connection. Every call raises a ``HostError`` for all but success."""

    def make(self, container: str, kind: str, title: str, text: str, mark: Mapping[str, str]) -> Made:
        """Make an item in a project or data source. Not repeatable: after ``Uncertain`` look for it with ``find``.

        ``mark``: what only this one has, kept with it where the host can. Raises ``Refused`` with what the host asks for, in words.
        """
        ...

    def find(self, container: str, title: str, mark: Mapping[str, str], since: timedelta, apart_from: Collection[str] = ()) -> Made | None:
        """The item that was made with this mark since then; ``apart_from``: refs that are known to be others. None without one."""
        ...

    def close(self) -> None:
        """Give back network resources."""
        ...
