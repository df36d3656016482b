"""Who may do what: five roles, a few acts, one table. Pure; what a person may *see* of the stored objectives is ``store.visibility``'s."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Act(StrEnum):
    """Something that a role may do. Reading is everybody's."""

    CHECK_IN = "check in"  # file an update of a key result
    WRITE = "write"  # objectives, key results, mappings, cycles, teams
    SIGN_OFF = "sign off"  # a champion's word on wording
    EXPORT = "export"
    OPERATE = "operate"  # see deliveries, sync runs, health of connections
    ADMINISTER = "administer"  # connections, people, tokens, audit, backup


ROLES = ("admin", "lead", "champion", "member", "viewer")
DEFAULT_ROLE = "member"
ROLE_WORDS = {
    "admin": "Everything, connections, people and the audit trail too",
    "lead": "Writes objectives, key results and mappings; checks in; sees how the connections are",
    "champion": "Signs off or returns wording, sees drafts and reports; edits no values",
    "member": "Checks in key results",
    "viewer": "Reads",
}
# A champion may not edit values (R105).
_MAY: dict[str, frozenset[Act]] = {
    "admin": frozenset(Act),
    "lead": frozenset({Act.CHECK_IN, Act.WRITE, Act.EXPORT, Act.OPERATE}),
    "champion": frozenset({Act.SIGN_OFF, Act.EXPORT}),
    "member": frozenset({Act.CHECK_IN, Act.EXPORT}),
    "viewer": frozenset({Act.EXPORT}),
}


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks. ``name`` is what the audit trail says; ``person_id`` is None for a token or command that is nobody's own."""

    name: str
    role: str
    person_id: int | None = None
    email: str = ""
    shown: str = ""  # a person's name, as pages print it
    token_id: int | None = field(default=None, compare=False)  # the API token that asks, so that later work can look whether it holds

    def may(self, act: Act) -> bool:
        """Whether the role allows it."""
        return act in _MAY.get(self.role, frozenset())

    @property
    def sees_everything(self) -> bool:
        """True for admins: no objective is hidden from them."""
        return self.role == "admin"

    @property
    def sees_drafts(self) -> bool:
        """True for those who write objectives or judge their wording."""
        return self.may(Act.WRITE) or self.may(Act.SIGN_OFF)


SYSTEM = Viewer("system", "admin")  # background work and commands on the machine itself
VISITOR = Viewer("visitor", "viewer", shown="Visitor")  # the sandbox lets everybody read


def roles_that_may(act: Act | None) -> tuple[str, ...]:
    """The roles that may do ``act`` (None: reading), most powerful first."""
    return ROLES if act is None else tuple(role for role in ROLES if act in _MAY[role])
