"""Works off the comments that wait: read each at the host, carry it out, answer it. The one place here that calls a host.

Everything may come twice: a check-in is filed under the identity of its comment, an answer is found again by the host's receipt or mark.
That one may have been written is noted before it is: whoever comes after a worker that died looks for it, all others need not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import func, select, update

from connector.domain.commands import Spoken, parse_commands
from connector.errors import Gone, HostError, Refused, Uncertain
from connector.hosts.base import Comment, Host
from connector.runtime import Runtime
from connector.services import connections
from connector.services.comment_commands.carrying_out import Outcome, carry_out
from connector.services.comment_commands.noting import note_comments
from connector.services.comment_commands.sites import answering
from connector.services.counters import count
from connector.services.sites import connections_of_site
from connector.store import work
from connector.store.tables import CommentCommand, Connection

log = structlog.get_logger(__name__)

SLICE = 10  # comments read before new deliveries are looked at again
MOST_ANSWERS = 60  # to one item within an hour: should another robot talk back, the talk ends there
_TRIED = "tried"  # in place of a receipt: an answer may have been written
_FIRST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Heard:
    """A comment that was read. ``comment`` is None when it is gone."""

    claim: work.Claim
    row: CommentCommand
    comment: Comment | None


def answer_due(runtime: Runtime, connection: Connection, host: Host, *, limit: int = SLICE) -> int:
    """Carry out some comments that are due, in the order in which they were said. Raises ``HostError`` for the connection."""
    now = runtime.epoch()
    with runtime.store.write() as session:
        mine = [CommentCommand.connection_id == connection.id]
        claims = work.claim(session, CommentCommand, now, limit=limit, lease_seconds=90, where=mine)
    if not claims:
        return 0
    bot = _bot_of(runtime, connection, host, claims)
    left = list(claims)
    heard: list[_Heard] = []
    for claim in claims:
        if (found := _tried(runtime, connection, host, claim, left, partial(_read, runtime, connection, host, claim))) is not None:
            heard.append(found)
    for each in sorted(heard, key=_moment):
        _tried(runtime, connection, host, each.claim, left, partial(_answer, runtime, connection, host, each, bot))
        left = [claim for claim in left if claim.id != each.claim.id]
    return len(claims)


def _moment(heard: _Heard) -> tuple[datetime, int]:
    """Comments are carried out as they were said, however their events came; ids of comments grow where they are numbers.

    Else, where a host rounds moments, the one that we heard of first.
    """
    comment = heard.comment
    number = int(comment.id) if comment is not None and comment.id.isdecimal() else heard.row.id
    return (comment.said_at if comment is not None and comment.said_at is not None else _FIRST, number)


def _tried(runtime: Runtime, connection: Connection, host: Host, claim: work.Claim, left: Sequence[work.Claim], act: Any) -> Any:
    """Do one step for one comment. What concerns this comment alone ends it; what concerns the connection gives all of ``left`` back."""
    try:
        return act()
    except HostError as error:
        if _concerns_comment(host, error):
            log.warning("comment_refused", connection=connection.name, comment=claim.id, reason=error.message)
            _close(runtime, connection, claim, Outcome("gone" if isinstance(error, Gone) else "refused"), {}, error.message)
            return None
        with runtime.store.write() as session:
            until = connections.failed(session, connection.id, error, runtime.now(), runtime.epoch())
            work.postpone(session, CommentCommand, [claim], ready_at=max(until, runtime.epoch() + 1.0), error=error.message)
            others = [other for other in left if other.id != claim.id]
            work.postpone(session, CommentCommand, others, ready_at=until, error="", failed=False)
        raise


def _bot_of(runtime: Runtime, connection: Connection, host: Host, claims: Sequence[work.Claim]) -> str:
    """Our own account there. Without it we might talk to ourselves, so it is asked for where no connection test has noted it."""
    if connection.bot_id:
        return connection.bot_id
    try:
        found = host.identify()
    except HostError as error:
        with runtime.store.write() as session:
            until = connections.failed(session, connection.id, error, runtime.now(), runtime.epoch())
            work.postpone(session, CommentCommand, claims, ready_at=max(until, runtime.epoch() + 1.0), error=error.message)
        raise
    with runtime.store.write() as session:
        session.execute(update(Connection).where(Connection.id == connection.id, Connection.bot_id == "").values(bot_id=found))
    connection.bot_id = found
    return found


def _read(runtime: Runtime, connection: Connection, host: Host, claim: work.Claim) -> _Heard | None:
    """The comment at the host; None when another connection of the site answers it, which is told then."""
    with runtime.store.read() as session:
        row = session.get_one(CommentCommand, claim.id)
        voice = answering(session, connection, row.ref, row.comment_id)
    if voice == connection.id:
        return _Heard(claim, row, host.fetch_comment(row.ref, row.comment_id))
    with runtime.store.write() as session:
        note_comments(session, voice, {row.comment_id: row.ref}, runtime.epoch(), runtime.now())
    _close(runtime, connection, claim, Outcome(row.outcome or "none"), row.reply, called=False)
    return None


def _answer(runtime: Runtime, connection: Connection, host: Host, heard: _Heard, bot: str) -> None:
    row, comment = heard.row, heard.comment
    if comment is None:  # deleted: what it did is not undone
        _close(runtime, connection, heard.claim, Outcome("gone"), row.reply)
        return
    bots = _bots_of_site(runtime, connection) | {"", bot}
    if comment.speaker in bots or comment.author in bots - {""} or _is_answer(runtime, connection, row):
        _close(runtime, connection, heard.claim, Outcome("own"), row.reply)
        return
    spoken = parse_commands(comment.text)
    digest = _digest(spoken, comment)
    if not spoken or (row.outcome and digest == row.digest):
        # Nothing is said, or nothing new: an edit that only changes other words is none of our business.
        _close(runtime, connection, heard.claim, Outcome(row.outcome or "none", digest), row.reply)
        return
    outcome = replace(carry_out(runtime, connection, row, comment, spoken), digest=digest)
    _tell(runtime, connection, host, heard, comment, outcome)


def _tell(runtime: Runtime, connection: Connection, host: Host, heard: _Heard, comment: Comment, outcome: Outcome) -> None:
    """Write the answer. What was done stays done, and is noted as such, when the host refuses the answer."""
    row, claim, trouble = heard.row, heard.claim, ""
    known = {name: value for name, value in row.reply.items() if name != _TRIED}
    receipt: dict[str, Any] = dict(row.reply)
    if outcome.text and (known or not _talks_too_much(runtime, row)):
        again = claim.attempts > 0 or _TRIED in row.reply
        if not known and not _note_attempt(runtime, claim):
            log.warning("comment_lease_lost", comment=claim.id)
            return
        try:
            receipt = dict(
                host.reply(row.ref, comment.id, comment.speaker, outcome.text, known, restricted=comment.restricted, again=again)
            )
        except HostError as error:
            if isinstance(error, Uncertain) or not _concerns_comment(host, error):
                raise
            log.warning("comment_answer_refused", connection=connection.name, comment=claim.id, reason=error.message)
            trouble = f"the answer was refused: {error.message}"
    _close(runtime, connection, claim, outcome, receipt, trouble)


def _digest(spoken: Spoken, comment: Comment) -> str:
    """Of what is said and to whom: an answer follows its comment when that is restricted later."""
    if not comment.restricted:
        return spoken.digest
    return f"{spoken.digest}:{hashlib.sha256(json.dumps(comment.restricted, sort_keys=True).encode()).hexdigest()[:16]}"


def _note_attempt(runtime: Runtime, claim: work.Claim) -> bool:
    """Note that an answer may have been written from now on; False when somebody else took the comment over."""
    with runtime.store.write() as session:
        found = session.execute(
            update(CommentCommand)
            .where(CommentCommand.id == claim.id, CommentCommand.lease == claim.lease)
            .values(reply={_TRIED: True})
            .returning(CommentCommand.id)
        ).all()
    return bool(found)


def _bots_of_site(runtime: Runtime, connection: Connection) -> set[str]:
    with runtime.store.read() as session:
        return {each.bot_id for each in connections_of_site(session, connection) if each.bot_id}


def _is_answer(runtime: Runtime, connection: Connection, row: CommentCommand) -> bool:
    """Whether this comment is an answer of ours, whatever account wrote it."""
    with runtime.store.read() as session:
        site = [each.id for each in connections_of_site(session, connection)]
        receipts = session.scalars(
            select(CommentCommand.reply).where(CommentCommand.connection_id.in_(site), CommentCommand.ref == row.ref)
        ).all()
    return any(row.comment_id in receipt.values() for receipt in receipts if receipt)


def _talks_too_much(runtime: Runtime, row: CommentCommand) -> bool:
    since = runtime.now() - timedelta(hours=1)
    with runtime.store.read() as session:
        lately = session.scalar(
            select(func.count())
            .select_from(CommentCommand)
            .where(
                CommentCommand.connection_id == row.connection_id,
                CommentCommand.ref == row.ref,
                CommentCommand.handled_at > since,
                CommentCommand.digest != "",
            )
        )
    return (lately or 0) >= MOST_ANSWERS


def _concerns_comment(host: Host, error: HostError) -> bool:
    """Whether trouble is this comment's alone: other calls go on."""
    return connections.is_item_trouble(error) or (isinstance(error, Refused) and connections.credentials_work(host, error))


def _close(
    runtime: Runtime,
    connection: Connection,
    claim: work.Claim,
    outcome: Outcome,
    receipt: dict[str, Any] | None,
    error: str = "",
    *,
    called: bool = True,
) -> None:
    """Mark a comment done, unless somebody else took it over meanwhile. ``called``: the host was, and answered."""
    with runtime.store.write() as session:
        if not work.finish(session, CommentCommand, [claim], runtime.epoch()):
            log.warning("comment_lease_lost", comment=claim.id)
            return
        values: dict[str, Any] = {"outcome": outcome.word, "handled_at": runtime.now(), "error": error[:500] or None}
        if outcome.digest:
            values["digest"] = outcome.digest
        if receipt:
            values["reply"] = receipt
        session.execute(update(CommentCommand).where(CommentCommand.id == claim.id).values(**values))
        count(session, "okr_comment_commands_total", connection=connection.name, outcome=outcome.word)
        if called and not error:
            connections.succeeded(session, connection.id, runtime.now())
