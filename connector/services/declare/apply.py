"""``apply``: make the database equal to a file. Everything is checked first; then one transaction, then nudges.

Nothing is written when anything is wrong. A second run of the same file changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from connector.domain.changes import reason_text
from connector.domain.model import Kind
from connector.errors import Conflict
from connector.runtime import Runtime
from connector.services.declare.checks import ask_hosts
from connector.services.declare.plan import ADMIN, Change, Plan, compare
from connector.services.declare.schema import read_declaration
from connector.services.declare.values import Declaration
from connector.services.declare.views import HANDSHAKE
from connector.services.declare.writing import Writer
from connector.services.rhythm import planning
from connector.store.tables import Connection, KeyResult

ACTOR = "apply"
REASON = "applied from a file"  # what the audit trail says when nobody gave another


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was (or, in a dry run, would be) changed. ``warnings`` and ``notes`` are for people; none holds a secret."""

    changes: tuple[Change, ...]
    unchanged: int
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    written: bool = False


def apply_text(
    runtime: Runtime, text: str | bytes, environ: Mapping[str, str], *, dry_run: bool = False, actor: str = ACTOR, reason: str = ""
) -> Outcome:
    """Make connections, people, forums, teams, cycles, objectives, key results and mappings equal to the YAML ``text``.

    ``environ`` gives the values of ``${NAME}``; ``reason`` stands in the audit trail beside every change.
    Raises ``Faults`` (an ``InputError``) with all errors, each with line and field;
    ``StoreUnavailable``; ``Conflict`` when something else changed the same rows at the same moment. Nothing is written then.
    """
    reason = reason_text(reason, ()) or REASON
    declaration = read_declaration(text, environ, many=runtime.settings.many_key_results)
    with runtime.store.read() as session:
        plan = compare(session, declaration, runtime.vault, runtime.now())
        session.expunge_all()
    answers = ask_hosts(runtime, declaration, plan)
    warnings = tuple(dict.fromkeys((*declaration.warnings, *answers.warnings, *_quiet_webhooks(declaration, plan))))
    notes = (*_handshakes(runtime, declaration, plan), *_kept_admins(declaration, plan))
    if dry_run or not plan.changes:
        return Outcome(plan.changes, plan.unchanged, warnings, notes)
    try:
        with runtime.store.write() as session:
            # Steps are ticked in check-ins: one of the same moment is waited for, so that its ticks are seen and kept.
            session.execute(select(KeyResult.id).where(KeyResult.kind == Kind.MILESTONES.value).order_by(KeyResult.id).with_for_update())
            # Compared again under the write lock: what was read before may have changed while the hosts were asked.
            plan = compare(session, declaration, runtime.vault, runtime.now())
            Writer(runtime, session, plan, answers, actor, reason).write()
            ids = session.scalars(select(Connection.id).where(Connection.retired_at.is_(None)).order_by(Connection.id)).all()
    except IntegrityError as error:
        raise Conflict("somebody else changed the same things at the same moment; nothing was written, run it again") from error
    planning.plan_ahead(runtime)
    runtime.queue.nudge("settle")
    for connection_id in ids:
        runtime.queue.nudge("list", connection_id)
        runtime.queue.nudge("drain", connection_id)
    return Outcome(plan.changes, plan.unchanged, warnings, notes, written=True)


def _handshakes(runtime: Runtime, declaration: Declaration, plan: Plan) -> tuple[str, ...]:
    """Connections that wait for the host to tell its secret."""
    return tuple(
        f"{each.name} has no webhook_secret: within 24 hours, create the webhook subscription for "
        f"{runtime.settings.base_url}/webhooks/{each.name}; the first verification token that arrives is stored"
        for each in declaration.connections
        if each.host in HANDSHAKE and _has_no_secret(each.webhook_secret, each.name, plan)
    )


def _kept_admins(declaration: Declaration, plan: Plan) -> tuple[str, ...]:
    """Admins whom the file does not name."""
    named = {each.email for each in declaration.people}
    return tuple(
        f"{email} is an admin whom the file does not name, and stays one; to end that, write them with active: false"
        for email, row in sorted(plan.stored.people.items())
        if row.role == ADMIN and row.active and email not in named
    )


def _quiet_webhooks(declaration: Declaration, plan: Plan) -> list[str]:
    return [
        f"{each.name} has no webhook_secret: its webhooks are refused, and changes arrive with the nightly sync only"
        for each in declaration.connections
        if each.host not in HANDSHAKE and _has_no_secret(each.webhook_secret, each.name, plan)
    ]


def _has_no_secret(declared: str | None, name: str, plan: Plan) -> bool:
    row = plan.stored.connections.get(name)
    return declared is None and (row is None or row.webhook_secret is None)
