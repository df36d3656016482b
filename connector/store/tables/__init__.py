"""The tables, by topic. Importing this package knows them all (migrations rely on it)."""

from connector.store.tables.okrs import Cycle, KeyResult, Objective, Person, PersonAccount, Team
from connector.store.tables.record import ApiToken, Audit, Counter, Task
from connector.store.tables.values import CheckIn, Panel, Reading
from connector.store.tables.work import Connection, Delivery, Item, Mapping, MappingItem, Run

__all__ = [
    "ApiToken",
    "Audit",
    "CheckIn",
    "Connection",
    "Counter",
    "Cycle",
    "Delivery",
    "Item",
    "KeyResult",
    "Mapping",
    "MappingItem",
    "Objective",
    "Panel",
    "Person",
    "PersonAccount",
    "Reading",
    "Run",
    "Task",
    "Team",
]
