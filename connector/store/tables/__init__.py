"""The tables, by topic. Importing this package knows them all (migrations rely on it)."""

from connector.store.tables.forge import CommentCommand, ForgeInstallation, GoalTarget
from connector.store.tables.messages import Channel, Message, Raised, Reminded
from connector.store.tables.okr_databases import Decision, DecisionIssue, LeadsPage, OkrDatabase, OkrRow
from connector.store.tables.okrs import Cycle, KeyResult, Objective, ObjectiveReader, SignOff
from connector.store.tables.people import (
    BrowserSession,
    Forum,
    Identity,
    Notice,
    Person,
    PersonAccount,
    SignInLink,
    Team,
    TeamMember,
)
from connector.store.tables.record import ApiToken, Audit, Counter, Import, Task
from connector.store.tables.rhythm import CallNeeded, Celebration, ForumMember, PreRead, PreReadReading, Recognition, Review, ReviewItem
from connector.store.tables.signals import Blocker, FormOpening, HeldValue, Signal, StateChange
from connector.store.tables.values import CheckIn, Panel, Reading
from connector.store.tables.work import Candidate, Connection, Delivery, DriftFinding, Item, Mapping, MappingDay, MappingItem, Run

__all__ = [
    "ApiToken",
    "Audit",
    "Blocker",
    "BrowserSession",
    "CallNeeded",
    "Candidate",
    "Celebration",
    "Channel",
    "CheckIn",
    "CommentCommand",
    "Connection",
    "Counter",
    "Cycle",
    "Decision",
    "DecisionIssue",
    "Delivery",
    "DriftFinding",
    "ForgeInstallation",
    "FormOpening",
    "Forum",
    "ForumMember",
    "GoalTarget",
    "HeldValue",
    "Identity",
    "Import",
    "Item",
    "KeyResult",
    "LeadsPage",
    "Mapping",
    "MappingDay",
    "MappingItem",
    "Message",
    "Notice",
    "Objective",
    "ObjectiveReader",
    "OkrDatabase",
    "OkrRow",
    "Panel",
    "Person",
    "PersonAccount",
    "PreRead",
    "PreReadReading",
    "Raised",
    "Reading",
    "Recognition",
    "Reminded",
    "Review",
    "ReviewItem",
    "Run",
    "SignInLink",
    "SignOff",
    "Signal",
    "StateChange",
    "Task",
    "Team",
    "TeamMember",
]
