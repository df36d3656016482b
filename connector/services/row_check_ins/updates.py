"""An update that is being typed into a row, as it is kept at the row: who, since when, which fields, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connector.domain.model import FieldValue
from connector.services.mirror import load_value
from connector.store.tables import OkrRow

# Why an update waits in the row and is not filed. Nothing of it is lost: the next edit, or an admin, lets it go on.
INCOMPLETE, FAULTY, STRANGER = "incomplete", "faulty", "stranger"
_MINUTE = timedelta(minutes=1)


@dataclass
class Update:
    """What one author types. ``values``: field → what they typed, as stored · ``first``: the moment of their first edit, by the host.

    ``first_at``, ``last_at``: when we heard of the first and the last edit (epoch seconds) · ``burst_at``: of the first edit that is not
    filed yet · ``due_at``: when it is filed, 0.0 while it rests · ``said``: the moment of the last edit · ``pressed``: by the row's button.
    ``filed``: the check-in that it became · ``waits``: why it is not filed, "" for no reason.
    """

    account: str
    first: str
    first_at: float
    last_at: float
    burst_at: float
    due_at: float
    said: str
    values: dict[str, Any] = field(default_factory=dict)
    pressed: bool = False
    filed: int | None = None
    waits: str = ""

    def identity(self, row: int) -> str:
        """What the check-in is known by, the same however often it is filed."""
        return f"{row}:{self.account}:{round(datetime.fromisoformat(self.first).timestamp() * 1000)}"

    @property
    def said_at(self) -> datetime:
        """The latest moment at which the last edit can have been made: hosts round down to the minute."""
        moment = datetime.fromisoformat(self.said)
        return moment + _MINUTE if (moment.second, moment.microsecond) == (0, 0) else moment

    @property
    def open(self) -> bool:
        """Whether something of it is still to be filed: also a change of what was filed that waits because it is wrong."""
        return self.filed is None or self.due_at > 0.0 or bool(self.waits)

    def field_values(self) -> dict[str, FieldValue]:
        """What was typed, as values."""
        return {name: load_value(value) for name, value in self.values.items()}

    def is_same(self, other: Update) -> bool:
        """Whether this is that update, whatever was typed since."""
        return (self.account, self.first) == (other.account, other.first)


def updates_of(row: OkrRow) -> list[Update]:
    """The updates that are kept at a row, oldest first."""
    return [Update(**each) for each in (row.typing or {}).get("updates", ())]


def keep(row: OkrRow, updates: Sequence[Update]) -> None:
    """Keep these updates at the row, and note when the next of them is due."""
    row.typing = {"updates": [asdict(each) for each in updates]} if updates else None
    row.settle_at = min((each.due_at for each in updates if each.due_at > 0.0), default=0.0)


def held(row: OkrRow) -> frozenset[str]:
    """The check-in fields that hold what somebody typed and nobody has filed yet: these columns are not written now."""
    return frozenset(name for each in updates_of(row) if each.open for name in each.values)


def seconds_of(options: Mapping[str, Any], name: str, default: float) -> float:
    """A figure that an admin may have chosen for these databases."""
    value = options.get(name)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0 else default
