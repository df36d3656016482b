"""Channels as admins set them up: add, test, list, remove. Their addresses are secrets: written once, never shown again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from connector.domain.rights import SYSTEM, Act, Viewer
from connector.errors import Faults, InputError, NotFound
from connector.runtime import Runtime
from connector.services.changes import record, require
from connector.services.messages.addresses import KINDS, read_address
from connector.services.messages.delivering import UNREADABLE, post
from connector.services.messages.outgoing import MAIL, mail_channel
from connector.services.messages.posting import Words
from connector.store.tables import Channel, Forum

LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel without its secret. ``place``: the server alone · ``forum``: whose room it is, "" for the mail server.

    ``broken``: what the last message met, "" when it went · ``mend``: what to do then.
    """

    name: str
    kind: str
    title: str
    forum: str
    place: str
    broken: str
    mend: str
    created_at: datetime
    used_at: datetime | None


def list_channels(runtime: Runtime) -> list[ChannelView]:
    """All channels in use, the mail server first, then by name."""
    with runtime.store.read() as session:
        rows = session.execute(
            select(Channel, Forum.name.label("forum")).outerjoin(Forum, Forum.id == Channel.forum_id).where(Channel.retired_at.is_(None))
        ).all()
    shown = [_view(runtime, row.Channel, row.forum or "") for row in rows]
    return sorted(shown, key=lambda each: (each.kind != MAIL, each.name.casefold()))


def get_channel(runtime: Runtime, name: str) -> ChannelView:
    """One channel. Raises ``NotFound``."""
    found = next((each for each in list_channels(runtime) if each.name == name), None)
    if found is None:
        raise NotFound(f"there is no channel {name!r}")
    return found


def add_channel(runtime: Runtime, viewer: Viewer, *, name: str, kind: str, address: str, forum: str = "") -> ChannelView:
    """Set a channel up. Raises ``InputError`` at name, kind, forum or address, ``Forbidden``."""
    require(viewer, Act.ADMINISTER)
    faults = []
    title = " ".join(name.split())
    if not title or len(title) > LONGEST_NAME or not title.isprintable() or "/" in title:
        faults.append(InputError(f"enter a name of 1 to {LONGEST_NAME} characters without a slash, such as Product room", where="name"))
    try:
        read_address(kind, address, allow_private=_allows_private(runtime))
    except InputError as error:
        faults.append(error)
    with runtime.store.write() as session:
        faults += _faults_of_place(session, kind, forum, title)
        if faults:
            raise faults[0] if len(faults) == 1 else Faults(faults)
        forum_id = session.scalar(select(Forum.id).where(Forum.name == forum.strip())) if kind != MAIL else None
        values = {"kind": kind, "forum_id": forum_id, "secret": runtime.vault.seal(address.strip()), "created_at": runtime.now()}
        session.add(Channel(name=title, **values))
        try:
            session.flush()
        except IntegrityError:  # two admins at once
            raise InputError(f"there is a channel {title!r} already", where="name") from None
        record(session, viewer, runtime.now(), "create", "channel", title, after={"kind": kind, "forum": forum.strip() or None})
    return get_channel(runtime, title)


def _faults_of_place(session: Session, kind: str, forum: str, name: str) -> list[InputError]:
    faults = []
    if name and session.scalar(select(Channel.id).where(Channel.name == name)) is not None:
        faults.append(InputError(f"there is a channel {name!r} already", where="name"))
    if kind == MAIL:
        if (present := mail_channel(session)) is not None:
            faults.append(InputError(f"mails go through the channel {present.name!r} already; remove it first", where="kind"))
        if forum.strip():
            faults.append(InputError("a mail server writes to people, not to a forum; leave the forum out", where="forum"))
    elif kind in KINDS:
        known = select(Forum.id).where(Forum.name == forum.strip(), Forum.retired_at.is_(None))
        if not forum.strip() or session.scalar(known) is None:
            shown = f"there is no forum {forum.strip()!r}" if forum.strip() else "choose the forum whose room this is"
            faults.append(InputError(shown, where="forum"))
    return faults


def send_test(runtime: Runtime, viewer: Viewer, name: str, *, to: str = "") -> str:
    """Send a test message now. Returns why it was not taken, "" when it was. ``to``: the mailbox, the viewer's own without it.

    Raises ``NotFound``, ``InputError``, ``Forbidden``.
    """
    require(viewer, Act.ADMINISTER)
    channel = _find(runtime, name)
    mailbox = (to.strip() or viewer.email or "") if channel.kind == MAIL else ""
    if channel.kind == MAIL and not mailbox:
        raise InputError("say to which address the test mail goes", where="to")
    lines = ["This is a test. Messages of this installation arrive here.", f"Asked for by {viewer.name}."]
    words = Words("Test message", lines, f"{runtime.settings.noted_address}/channels")
    trouble = post(runtime, channel, words, to=mailbox)
    values = {"broken": trouble.message[:500]} if trouble else {"broken": None, "used_at": runtime.now()}
    with runtime.store.write() as session:
        session.execute(update(Channel).where(Channel.id == channel.id).values(**values))
        record(session, viewer, runtime.now(), "test", "channel", channel.name, after={"result": trouble.message if trouble else "taken"})
    return trouble.message if trouble else ""


def remove_channel(runtime: Runtime, viewer: Viewer, name: str) -> None:
    """Take a channel away with its secret; what waits for it is not sent. Raises ``NotFound``, ``Forbidden``."""
    require(viewer, Act.ADMINISTER)
    channel = _find(runtime, name)
    with runtime.store.write() as session:
        freed = f"{channel.name}/{channel.id}"  # no name that is given has a slash: this one is free again
        values = {"retired_at": runtime.now(), "name": freed, "secret": runtime.vault.seal("")}
        session.execute(update(Channel).where(Channel.id == channel.id, Channel.retired_at.is_(None)).values(**values))
        record(session, viewer, runtime.now(), "remove", "channel", channel.name, before={"kind": channel.kind})


def _find(runtime: Runtime, name: str) -> Channel:
    with runtime.store.read() as session:
        found = session.scalars(select(Channel).where(Channel.name == name, Channel.retired_at.is_(None))).one_or_none()
    if found is None:
        raise NotFound(f"there is no channel {name!r}")
    return found


def _view(runtime: Runtime, row: Channel, forum: str) -> ChannelView:
    broken = row.broken or ""
    try:
        place = read_address(row.kind, runtime.vault.open(row.secret), allow_private=True).shown
    except InputError:
        place, broken = "", broken or UNREADABLE
    mend = _mend(row.kind, broken) if broken else ""
    return ChannelView(row.name, row.kind, KINDS[row.kind].title, forum, place, broken, mend, row.created_at, row.used_at)


def _mend(kind: str, broken: str) -> str:
    if kind == MAIL:
        return "Check that the mail server runs and takes this login and sender, then send a test. Mails are kept for a day."
    if any(code in broken for code in ("400", "401", "403", "404", "410")):
        return "The room's webhook was taken away: make a new one there, remove this channel and add it with the new address."
    return "Send a test. Where it fails again, make a new webhook in the room and add the channel anew. Messages are kept for a day."


def _allows_private(runtime: Runtime) -> bool:
    return runtime.settings.allow_private_hosts or runtime.settings.sandbox


__all__ = ["KINDS", "SYSTEM", "ChannelView", "add_channel", "get_channel", "list_channels", "remove_channel", "send_test"]
