"""What only a host knows about the file: do the credentials work, does the JQL parse, do epic, field and database exist?

Asked before the transaction, for new and changed connections and mappings only. A host that does not answer is no error: its
mappings are resolved later, when they are listed. Writes nothing.
"""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass, field

from connector.errors import Busy, Faults, Gone, HostError, InputError, Offline, Refused
from connector.hosts.base import ConnectionSettings, Host, Resolution
from connector.runtime import Runtime
from connector.services.declare import views
from connector.services.declare.document import join
from connector.services.declare.plan import RETIRE, Plan, Step
from connector.services.declare.values import Declaration, DeclaredConnection, DeclaredMapping
from connector.services.mapping.resolving import resolve
from connector.services.sources import stored_resolution
from mappings.repository import load_resolved
from mappings.rules import FIELD_MEASURES, Draft

PATIENCE = 20.0  # seconds that one call may wait for request budget; a person is watching
# Which part of a mapping a refusal is about, by the host's code; else the mapping as a whole.
_PARTS = {
    "jql": ".select.jql",
    "unknown_issue": ".select.{named}",
    "unknown_project": ".select.project",
    "unknown_field": ".measure",
    "unknown_property": ".measure",
    "unknown_option": ".select.filter",
    "unknown_data_source": ".select.data_source",
    "ambiguous_data_source": ".select.data_source",
    "object_not_found": ".select",
    "in_trash": ".select",
    "malformed_id": ".select",
}
_TOUCHES_HOST = frozenset({"url", "auth", "options"})


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are at a host."""

    bot_id: str
    account: str
    site: str = ""


@dataclass
class Answers:
    """What the hosts said. ``resolutions`` by (key result id, mapping key)."""

    identities: dict[str, Identity] = field(default_factory=dict)
    resolutions: dict[tuple[str, str], Resolution] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def must_be_checked(step: Step) -> bool:
    """Whether a connection's step changes how its host is called."""
    return step.change.action != RETIRE and (step.row is None or step.revived or bool(_TOUCHES_HOST & set(step.after or ())))


def ask_hosts(runtime: Runtime, declaration: Declaration, plan: Plan) -> Answers:
    """Check all new and changed connections and mappings. Raises ``Faults`` with everything that the hosts refuse."""
    return _Inquiry(runtime, declaration, plan).run()


def unfit(draft: Draft, found: Resolution) -> list[tuple[str, str]]:
    """What the host's schema says against a mapping that it could resolve: (path below the mapping, sentence) each."""
    told: list[tuple[str, str]] = []
    measured = draft.measure.field
    if draft.measure.kind in FIELD_MEASURES and measured in found.not_numbers:
        kind = found.not_numbers[measured]
        told.append((".measure", f"{measured!r} is no number ({kind}), so it has no {draft.measure.kind.value}; name a number field"))
    for name in draft.points:
        if name in found.not_numbers:
            told.append((".points", f"{name!r} is no number ({found.not_numbers[name]}); name a number field"))
    for name, kind in found.not_epics.items():
        told.append((".select.epics", f"{name} is no epic ({kind}) and has no children to count; select it as issues: [{name}]"))
    return told


class _Inquiry:
    def __init__(self, runtime: Runtime, declaration: Declaration, plan: Plan) -> None:
        self._runtime, self._plan = runtime, plan
        self._document = declaration.document
        self._declared = {each.name: each for each in declaration.connections}
        self._answers = Answers()
        self._errors: list[InputError] = []
        self._silent: set[str] = set()  # connections that are asked nothing more in this run
        self._hosts: dict[str, Host] = {}

    def run(self) -> Answers:
        with ExitStack() as stack:
            for step in self._plan.steps["connection"]:
                if must_be_checked(step):
                    self._check_connection(step.wanted, stack)
            for step in self._plan.steps["mapping"]:
                if step.change.action != RETIRE and (step.row is None or step.revived):
                    self._check_mapping(step, stack)
        if self._errors:
            raise Faults(self._errors)
        return self._answers

    def _host(self, name: str, stack: ExitStack) -> Host:
        if name not in self._hosts:
            declared = self._declared[name]
            row = self._plan.stored.connections.get(name)
            # A budget of its own for each connection that has no id yet.
            budget_key = row.id if row is not None else -1 - list(self._declared).index(name)
            if row is not None and row.url == declared.url and self._plan.stored.renews(row, declared.auth):
                host = self._runtime.connect(row, patience=PATIENCE)  # the tokens in the file ended long ago
            else:
                settings = ConnectionSettings(name, declared.host, declared.url, declared.auth, declared.options)
                host = self._runtime.connect_with(settings, budget_key=budget_key, patience=PATIENCE)
            self._hosts[name] = stack.enter_context(closing(host))
        return self._hosts[name]

    def _check_connection(self, declared: DeclaredConnection, stack: ExitStack) -> None:
        try:
            host = self._host(declared.name, stack)
            bot_id = host.identify()
        except InputError as error:
            self._silent.add(declared.name)
            self._note(error.message, join(declared.where, error.where or "auth"))
            return
        except HostError as error:
            self._refused(declared.name, error)
            return
        account = ""
        try:
            description = host.describe()
            account, bot_id = description.account, description.bot_id or bot_id
            self._answers.warnings += [f"{declared.name}: {warning}" for warning in description.warnings]
        except HostError as error:
            self._warn(f"{declared.name}: could not list what is there to map: {error.message}")
        self._answers.identities[declared.name] = Identity(bot_id, account, host.site)

    def _check_mapping(self, step: Step, stack: ExitStack) -> None:
        wanted: DeclaredMapping = step.wanted
        draft = wanted.draft
        if draft.connection in self._silent:
            return
        known: Resolution | None = None
        if step.row is not None and step.row.resolved:
            known = stored_resolution(load_resolved(step.row.resolved))
        try:
            host, row = self._host(draft.connection, stack), self._plan.stored.connections.get(draft.connection)
            # A person's account may stand in the same file, so an unknown one is only told.
            found = resolve(self._runtime, row.id if row else None, host, draft, known, key_result=step.owner, lenient=True)
        except InputError as error:
            self._note(error.message, wanted.where)
        except (Refused, Gone) as error:
            if isinstance(error, Refused) and (error.parks or error.code == "address_not_allowed"):
                self._refused(draft.connection, error)
                return
            self._note(error.message, self._place(wanted, error))
        except HostError as error:
            self._refused(draft.connection, error)
        else:
            for part, message in unfit(draft, found):
                self._note(message, f"{wanted.where}{part}")
            key = views.mapping_key(draft.connection, views.rule_of(draft))
            self._answers.resolutions[(step.owner, key)] = found
            if found.missing:
                self._warn(f"{wanted.where}: no longer there: {', '.join(found.missing)}")
            for wrong in found.wrong:
                self._warn(f"{wanted.where}: {wrong}")

    def _place(self, wanted: DeclaredMapping, error: HostError) -> str:
        """The path of the refused part; a field that the measure does not name stands somewhere else in the mapping."""
        part = _PARTS.get(error.code, "")
        measured = wanted.draft.measure.field
        if part == ".measure" and not (measured and (f'"{measured}"' in error.message or repr(measured) in error.message)):
            part = ".select.filter" if wanted.draft.selector.filter else ""
        return wanted.where + part.replace("{named}", wanted.draft.selector.kind.value)

    def _refused(self, name: str, error: HostError) -> None:
        """A call failed for a reason that is the whole connection's; nothing more is asked there."""
        if name in self._silent:
            return
        self._silent.add(name)
        where = self._declared[name].where
        if isinstance(error, Refused) and error.code == "address_not_allowed":
            self._note(f"this address may not be called: {error.message}", join(where, "url"))
        elif isinstance(error, Refused) and error.parks:
            self._note(
                f"the host does not accept these credentials ({error.message}); make a new token there, or give the account the rights",
                join(where, "auth"),
            )
        elif isinstance(error, (Offline, Busy)):
            self._warn(f"{name}: could not be checked now, will be when it answers ({error.message})")
        else:
            self._warn(f"{name}: could not be checked ({error.message}); is {join(where, 'url')} the address of the host?")

    def _note(self, message: str, where: str) -> None:
        self._errors.append(self._document.placed(InputError(message, where=where)))

    def _warn(self, message: str) -> None:
        self._answers.warnings.append(self._document.hide(message))
