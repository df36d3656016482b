"""Carries out a plan inside one open transaction: rows, audit trail, and the work that the change makes necessary.

Calls no host and commits nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from connector.runtime import Runtime
from connector.services import connections, panels
from connector.services.declare import forum_fields, views
from connector.services.declare.aftermath import WorkToDo
from connector.services.declare.checks import Answers, must_be_checked
from connector.services.declare.plan import CREATE, Plan, Step
from connector.services.declare.values import DeclaredCycle, DeclaredForum, DeclaredPerson, DeclaredTeam
from connector.services.sign_in import sessions
from connector.store.tables import (
    Audit,
    Connection,
    Cycle,
    Forum,
    KeyResult,
    Mapping,
    MappingItem,
    Objective,
    ObjectiveReader,
    Person,
    PersonAccount,
    Team,
    TeamMember,
)
from connector.store.visibility import READY
from mappings.repository import load_resolved
from mappings.rules import SelectorKind

SECRET_KEPT = timedelta(hours=24)  # how long deliveries signed with the former secret are accepted
ARMED = timedelta(hours=24)  # how long a handshake is waited for


class Writer:
    """One run of ``apply``: use it once."""

    def __init__(self, runtime: Runtime, session: Session, plan: Plan, answers: Answers, actor: str, reason: str = "") -> None:
        self._runtime, self._session, self._plan, self._answers, self._actor = runtime, session, plan, answers, actor
        self._reason = reason
        self._now, self._epoch = runtime.now(), runtime.epoch()
        self._work = WorkToDo()
        stored = plan.stored
        self._connections = dict(stored.connections)
        self._people = dict(stored.people)
        self._forums = dict(stored.forums)
        self._teams = dict(stored.teams)
        self._cycles = dict(stored.cycles)
        self._objectives = dict(stored.objectives)
        self._key_results = dict(stored.key_results)

    def write(self) -> None:
        """Everything, in the order of references; then what must be done again."""
        for entity, carry_out in (
            ("connection", self._connection),
            ("forum", self._forum),
            ("team", self._team),
            ("cycle", self._cycle),
            ("objective", self._objective),
            ("key result", self._key_result),
            ("mapping", self._mapping),
        ):
            if entity == "forum":
                self._write_people(self._plan.steps["person"])
            for step in self._plan.steps[entity]:
                carry_out(step)
                self._audit(step)
            self._session.flush()
        self._link_objectives()
        self._work.want(self._session, self._epoch)

    def _audit(self, step: Step) -> None:
        change = step.change
        self._session.add(
            Audit(
                at=self._now,
                actor=self._actor,
                action="revive" if step.revived else change.action,
                entity=change.entity.replace(" ", "_"),
                entity_id=change.id,
                before=step.before,
                after=step.after,
                reason=self._reason,
            )
        )

    # --- connections -------------------------------------------------------------------------------------------------------

    def _connection(self, step: Step) -> None:
        if step.wanted is None:
            step.row.retired_at = self._now
            return
        wanted, row = step.wanted, step.row
        if row is None:
            row = Connection(name=wanted.name, host=wanted.host, url=wanted.url, auth="", options={}, created_at=self._now)
            self._session.add(row)
            self._connections[wanted.name] = row
        after = step.after or {}
        if row.id is not None and (row.options or {}).get("fields") != wanted.options.get("fields"):
            panels.want_again(self._session, row.id, self._epoch)
        row.url, row.options, row.retired_at = wanted.url, dict(wanted.options), None
        if after.get("auth") == views.NEW or step.row is None:
            row.auth = self._runtime.vault.seal(dict(wanted.auth))
        if after.get("webhook_secret") == views.NEW:
            if row.webhook_secret:
                row.previous_webhook_secret, row.previous_secret_until = row.webhook_secret, self._now + SECRET_KEPT
            row.webhook_secret, row.armed_until = self._runtime.vault.seal(wanted.webhook_secret), None
        if after.get("handshake"):
            row.armed_until = self._now + ARMED
        self._session.flush()
        if must_be_checked(step):
            self._start_anew(step, row)

    def _start_anew(self, step: Step, row: Connection) -> None:
        """Other credentials or another address: forget former trouble and list everything again."""
        changed = set(step.after or ())
        if step.row is None or step.revived or changed & {"url", "auth"}:
            row.bot_id = row.account = row.site = ""
            row.failures, row.paused_until = 0, 0.0
            self._session.flush()
            connections.unpark(self._session, row.id, self._now, self._actor)
        identity = self._answers.identities.get(row.name)
        if identity is not None:
            row.bot_id, row.account, row.site = identity.bot_id, identity.account, identity.site or row.site
        if step.row is not None:
            self._work.mappings.update(
                self._session.scalars(select(Mapping.id).where(Mapping.connection_id == row.id, Mapping.retired_at.is_(None)))
            )

    # --- people, teams, cycles ---------------------------------------------------------------------------------------------

    def _write_people(self, steps: Iterable[Step]) -> None:
        """All accounts that change are taken away first, so that two people may swap theirs."""
        steps = list(steps)
        changing = [step for step in steps if step.wanted is None or "accounts" in (step.after or ())]
        ids = [step.row.id for step in changing if step.row is not None]
        self._session.execute(delete(PersonAccount).where(PersonAccount.person_id.in_(ids)))
        for step in steps:
            self._person(step)
            self._audit(step)
        self._session.flush()
        for step in changing:
            if step.wanted is not None:
                self._accounts(step.wanted)
        self._session.flush()

    def _person(self, step: Step) -> None:
        if step.wanted is None:
            step.row.active = False
            sessions.end_all(self._session, step.row.id, self._now)
            self._touch_owned(step.row.id)
            return
        wanted: DeclaredPerson = step.wanted
        if step.row is None:
            row = self._people[wanted.email] = Person(email=wanted.email, name=wanted.name, active=wanted.active)
            self._session.add(row)
            _said_of_person(row, wanted.said)
            return
        step.row.name, step.row.active = wanted.name, wanted.active
        _said_of_person(step.row, wanted.said)
        if not wanted.active:
            sessions.end_all(self._session, step.row.id, self._now)
        elif "role" in (step.after or ()):
            sessions.end_links(self._session, step.row.id, self._now)
        if set(step.after or ()) - {"accounts", "role", "zone", "away_until"}:
            self._touch_owned(step.row.id)

    def _touch_owned(self, person_id: int) -> None:
        self._work.key_results.update(row.id for row in self._key_results.values() if row.owner_id == person_id)

    def _accounts(self, wanted: DeclaredPerson) -> None:
        person_id = self._people[wanted.email].id
        for connection, account in wanted.accounts.items():
            connection_id = self._connections[connection].id
            self._session.execute(
                delete(PersonAccount).where(PersonAccount.connection_id == connection_id, PersonAccount.account == account)
            )
            self._session.add(PersonAccount(person_id=person_id, connection_id=connection_id, account=account))

    def _forum(self, step: Step) -> None:
        if step.wanted is None:
            step.row.retired_at = self._now
            self._session.execute(update(Team).where(Team.forum_id == step.row.id).values(forum_id=None))
            return
        wanted: DeclaredForum = step.wanted
        row = step.row
        if row is None:
            row = self._forums[wanted.name] = Forum(name=wanted.name, cadence="weekly")
            self._session.add(row)
        row.caller_id = self._people[wanted.caller].id if wanted.caller else None
        row.retired_at = None
        said = wanted.said
        if "sponsor" in said:
            row.sponsor_id = self._people[said["sponsor"]].id if said["sponsor"] else None
        forum_fields.write_row(row, said, self._now.astimezone(self._runtime.settings.zone).date())
        self._session.flush()
        seats = [[self._people[each].id for each in said[name]] if name in said else None for name in ("leaders", "members")]
        forum_fields.write_people(self._session, row.id, *seats)

    def _team(self, step: Step) -> None:
        if step.wanted is None:
            step.row.retired_at = self._now
            return
        wanted: DeclaredTeam = step.wanted
        row = step.row
        if row is None:
            row = self._teams[wanted.name] = Team(name=wanted.name)
            self._session.add(row)
        row.lead_id = self._people[wanted.lead].id if wanted.lead else None
        row.retired_at = None
        if "forum" in wanted.said:
            row.forum_id = self._forums[wanted.said["forum"]].id if wanted.said["forum"] else None
        if "members" in wanted.said:
            self._session.flush()
            self._session.execute(delete(TeamMember).where(TeamMember.team_id == row.id))
            self._session.add_all(TeamMember(team_id=row.id, person_id=self._people[each].id) for each in wanted.said["members"])

    def _cycle(self, step: Step) -> None:
        if step.wanted is None:
            step.row.retired_at = self._now
            return
        wanted: DeclaredCycle = step.wanted
        row = step.row
        if row is None:
            row = self._cycles[wanted.name] = Cycle(name=wanted.name)
            self._session.add(row)
        else:
            for objective in self._objectives.values():
                if objective.cycle_id == row.id:
                    self._touch_objective(objective)
        row.start, row.end, row.retired_at = wanted.start, wanted.end, None
        started = wanted.said.get("started", step.row is None or row.started_at is not None)  # not said: a new one is started
        row.started_at = (row.started_at or self._now) if started else None

    # --- objectives and key results ----------------------------------------------------------------------------------------

    def _objective(self, step: Step) -> None:
        if step.row is not None:
            self._touch_objective(step.row)
        if step.wanted is None:
            step.row.retired_at = self._now
            return
        wanted, after, row = step.wanted, step.after or {}, step.row
        if row is None:
            row = self._objectives[wanted.id] = Objective(id=wanted.id, created_at=self._now, stage=READY, restricted=False)
            self._session.add(row)
        row.title = wanted.title
        row.cycle_id = self._cycles[wanted.cycle].id
        row.team_id = self._teams[wanted.team].id if wanted.team else None
        row.pages = [{"connection": self._connections[name].id, "ref": ref} for name, ref in wanted.pages]
        row.position = after.get("position", row.position)
        row.retired_at = None
        row.stage, row.restricted = wanted.said.get("stage", row.stage), wanted.said.get("restricted", row.restricted)
        if "readers" in wanted.said:
            self._session.flush()
            self._session.execute(delete(ObjectiveReader).where(ObjectiveReader.objective_id == row.id))
            self._session.add_all(ObjectiveReader(objective_id=row.id, person_id=self._people[each].id) for each in wanted.said["readers"])
        self._touch_objective(row)

    def _touch_objective(self, row: Objective) -> None:
        """Its pages are written again, former ones too, which clears them; and its key results with it."""
        self._work.objectives.add(row.id)
        self._work.places.update((page["connection"], page["ref"]) for page in row.pages or ())
        self._work.key_results.update(each.id for each in self._key_results.values() if each.objective_id == row.id)

    def _link_objectives(self) -> None:
        """Which objective serves which, once all of them are there."""
        for step in self._plan.steps["objective"]:
            if step.wanted is not None:
                self._objectives[step.wanted.id].supports_id = step.wanted.supports
        self._session.flush()

    def _key_result(self, step: Step) -> None:
        if step.row is not None:
            self._touch_key_result(step.row)
        if step.wanted is None:
            step.row.retired_at = self._now
            return
        wanted, after, row = step.wanted, step.after or {}, step.row
        if row is None:
            row = KeyResult(id=wanted.id, created_at=self._now, by_hand=False)
            self._session.add(row)
            self._key_results[wanted.id] = row
        for name, value in views.definition_view(wanted.definition).items():
            setattr(row, name, value)
        row.title, row.weight, row.cadence = wanted.title, wanted.weight, wanted.cadence.value
        row.owner_id = self._people[wanted.owner].id
        row.objective_id = after.get("objective", row.objective_id)
        row.position = after.get("position", row.position)
        row.by_hand = wanted.said.get("by_hand", row.by_hand)
        row.retired_at = None
        self._touch_key_result(row)

    def _touch_key_result(self, row: KeyResult) -> None:
        self._work.key_results.add(row.id)
        objective = self._objectives.get(row.objective_id)
        if objective is not None:
            self._work.places.update((page["connection"], page["ref"]) for page in objective.pages or ())
        for mapping in self._plan.stored.mappings.get(row.id, ()):
            if mapping.retired_at is None:
                self._note_epics(mapping)

    # --- mappings ----------------------------------------------------------------------------------------------------------

    def _mapping(self, step: Step) -> None:
        self._work.key_results.add(step.owner)
        row = step.row
        if step.wanted is None:
            row.retired_at = self._now
            row.version += 1
            self._session.execute(delete(MappingItem).where(MappingItem.mapping_id == row.id))
            self._note_epics(row)
            return
        draft = step.wanted.draft
        rule = views.rule_of(draft)
        if row is None:
            row = Mapping(
                key_result_id=step.owner,
                connection_id=self._connections[draft.connection].id,
                rule=rule,
                mode=draft.mode.value,
                created_at=self._now,
                version=1,
            )
            self._session.add(row)
        else:
            row.version += 1
        row.position = step.position
        if "owner" in step.wanted.said:
            owner = step.wanted.said["owner"]
            row.owner_id = self._people[owner].id if owner else None
        if step.change.action == CREATE or step.revived:
            row.retired_at = row.broken = row.listed_at = None
            answer = self._answers.resolutions.get((step.owner, views.mapping_key(draft.connection, rule)))
            if answer is not None:
                row.resolved = asdict(answer)
            self._session.flush()
            self._work.mappings.add(row.id)
            self._note_epics(row)

    def _note_epics(self, row: Mapping) -> None:
        if SelectorKind.EPICS.value in row.rule["select"]:
            self._work.places.update((row.connection_id, ref) for ref in load_resolved(row.resolved).refs.values())


def _said_of_person(row: Person, said: Any) -> None:
    """What the file says of a person beside name, state and accounts."""
    if "role" in said:
        row.role = said["role"]
    if "zone" in said:
        row.zone = said["zone"]
    if "away_until" in said:
        row.away_until = date.fromisoformat(said["away_until"]) if said["away_until"] else None
