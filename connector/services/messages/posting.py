"""Posts one message to one address, through apprise. The only module that speaks with mail servers and chat rooms.

What it says of a failure never holds the address: that is a secret. Nothing of what apprise logs leaves this module.
"""

from __future__ import annotations

import email
import logging
import re
import smtplib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.header import Header
from typing import Any
from urllib.parse import quote

from connector.errors import ConnectorError
from connector.log import HIDDEN, visible_text
from connector.services.messages.addresses import Place, check_resolved
from connector.services.messages.senders import AppriseException, AppriseSMTPController, NotifyEmail, NotifyFormat

SHORTEST_SECRET = 4  # characters of a part of an address that is never repeated
SMTP_SECONDS = 30
HTTP_SECONDS = 20.0
LONGEST_ANSWER = 160  # characters of what a server says
_MAILBOX = re.compile(r"[!-;=?A-~]+@[!-;=?A-~]+")  # printable ASCII without spaces, < > and a second @
_STATUS = re.compile(r"error=(\d{3})")
_NOT_REACHED = re.compile(
    r"NewConnectionError|ConnectTimeout|NameResolutionError|SSLError|SSLCertVerificationError|Connection refused|getaddrinfo"
)
_LOST = re.compile(r"\b(ReadTimeout\w*|ConnectTimeout\w*|\w*NameResolutionError|NewConnectionError|SSL\w*Error|RemoteDisconnected)\b")


class Undelivered(ConnectorError):
    """It was not sent. ``unsure``: it may have been, nobody confirmed it · ``lasting``: this one message is refused, others are not."""

    def __init__(self, message: str, *, unsure: bool = False, lasting: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.unsure = unsure
        self.lasting = lasting


@dataclass(frozen=True, slots=True)
class Words:
    """What is said: plain text. ``link``: a whole address of ours, "" for none."""

    subject: str
    lines: Sequence[str]
    link: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def post_mail(place: Place, to: str, words: Words, *, allow_private: bool) -> None:
    """Mail one person. Raises ``Undelivered``."""
    plugin = place.plugin
    assert isinstance(plugin, NotifyEmail)
    if not _MAILBOX.fullmatch(to):
        raise Undelivered("the person's address is no mailbox that mail servers take", lasting=True)
    if why := check_resolved(place, allow_private=allow_private):
        raise Undelivered(why)
    body = "\n".join([*words.lines, *(["", words.link] if words.link else [])]) + "\n"
    with _silence():
        (message,) = NotifyEmail.prepare_emails(
            subject=words.subject,
            body=body,
            notify_format=NotifyFormat.TEXT,
            from_addr=plugin.from_addr,
            to=[(False, to)],
            reply_to=plugin.reply_to,
            headers={"Auto-Submitted": "auto-generated", **words.headers},
        )
        try:
            with _Session(
                host=plugin.smtp_host,
                port=plugin.port or 0,
                secure_mode=plugin.secure_mode or "",
                user=plugin.user,
                password=plugin.password,
                socket_connect_timeout=SMTP_SECONDS,
            ) as session:
                assert isinstance(session, _Session)
                session.deliver(str(plugin.from_addr[1]), to, _folded(message.body, words.subject))
        except smtplib.SMTPAuthenticationError as error:
            raise Undelivered(f"{place.shown} refused the login ({error.smtp_code})") from None
        except smtplib.SMTPResponseException as error:
            raise Undelivered(f"{place.shown} answered {error.smtp_code}: {_heard(error.smtp_error, place)}") from None
        except smtplib.SMTPNotSupportedError:
            raise Undelivered(f"{place.shown} does not offer what the address asks for (login or STARTTLS)") from None
        except (OSError, smtplib.SMTPException, AppriseException, UnicodeError) as error:
            raise Undelivered(f"no answer from {place.shown} ({type(error).__name__})") from None


def _folded(mail: str, subject: str) -> str:
    """The mail with its subject in lines that every server takes: apprise writes one, which no server takes of a long non-English title."""
    parsed = email.message_from_string(mail)
    parsed.replace_header("Subject", Header(" ".join(subject.split()), "us-ascii" if subject.isascii() else "utf-8").encode())
    return parsed.as_string()


class _Session(AppriseSMTPController):
    """apprise's connection, encryption and login; the steps of one mail are told apart, so that a failure says what became of it."""

    def deliver(self, sender: str, to: str, message: str) -> None:
        server: Any = self._socket
        server.ehlo_or_helo_if_needed()
        code, answer = server.mail(sender)
        if code != 250:
            raise smtplib.SMTPSenderRefused(code, answer, sender)
        code, answer = server.rcpt(to)
        if code not in (250, 251):
            raise Undelivered(f"the mail server answered {code} for the person's address: {_plain(answer)}", lasting=code >= 500)
        try:
            code, answer = server.data(message)
        except smtplib.SMTPDataError:
            raise  # it was refused before it was sent
        except (OSError, smtplib.SMTPException) as error:
            raise Undelivered(f"the mail server went away while it took the mail ({type(error).__name__})", unsure=True) from None
        if code != 250:
            raise Undelivered(f"the mail server answered {code} to the mail: {_plain(answer)}", lasting=code >= 500)


def post_room(place: Place, words: Words, *, allow_private: bool) -> None:
    """Write into a chat room. Raises ``Undelivered``."""
    if why := check_resolved(place, allow_private=allow_private):
        raise Undelivered(why)
    place.plugin.socket_connect_timeout = HTTP_SECONDS
    place.plugin.socket_read_timeout = HTTP_SECONDS
    title, body = _as_room_text(place, words)
    with _silence() as heard:
        sent = place.plugin.notify(body=body, title=title, body_format=NotifyFormat.TEXT)
    if sent:
        return
    told = "\n".join(heard)
    if found := _STATUS.search(told):
        status = int(found[1])
        raise Undelivered(f"{place.shown} answered {status}{_reason(told, place)}", unsure=status in (408, 504))
    lost = _LOST.search(told)
    name = f" ({lost[1]})" if lost else ""
    connected = "Socket Exception" in told and not _NOT_REACHED.search(told)
    raise Undelivered(f"no answer from {place.shown}{name}", unsure=connected)


def _as_room_text(place: Place, words: Words) -> tuple[str, str]:
    """(title, body) in which nothing of what people wrote is markup, a mention or a link with another text.

    Slack shows our text as it is. The others read Markdown of their own kinds.
    """
    scheme = place.scheme
    if place.kind == "slack" or scheme in ("json", "jsons", "ntfy", "ntfys"):
        return words.subject, "\n".join([*words.lines, *([words.link] if words.link else [])])
    lines = [_inert(line) for line in (words.subject, *words.lines)]
    if place.kind == "teams":  # apprise escapes the rest; one line end is no line end there
        return "", "\n\n".join([*lines, *([words.link] if words.link else [])])
    if scheme != "gchat":
        lines = [re.sub(r"([\\`*_~\[\]()#|])", r"\\\1", line) for line in lines]
    return "", "\n".join([*lines, *([words.link] if words.link else [])])


def _inert(text: str) -> str:
    """Without the signs that begin a mention or a tag."""
    return text.replace("<", "‹").replace(">", "›").replace("@", "@\u2060")


# --- what is heard, and never repeated ---------------------------------------------------------------------------------


class _Listener(logging.Handler):
    """Keeps what apprise logs in this thread for as long as it is asked to; nothing of it goes on."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.kept = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        heard: list[str] | None = getattr(self.kept, "lines", None)
        if heard is not None:
            heard.append(record.getMessage())


_listener = _Listener()
_apprise = logging.getLogger("apprise")
_apprise.handlers[:] = [_listener]
_apprise.propagate = False  # its messages may hold addresses, which are secrets


@contextmanager
def _silence() -> Iterator[list[str]]:
    heard: list[str] = []
    _apprise.setLevel(logging.DEBUG)
    _listener.kept.lines = heard
    try:
        yield heard
    finally:
        _listener.kept.lines = None


def _reason(told: str, place: Place) -> str:
    """What the room's server said in its own words, where that is short and plain ("channel_is_archived")."""
    found = re.search(r"Response Details:\s*b['\"]([\w .,:-]{3,80})['\"]", told)
    return f": {_heard(found[1], place)}" if found else ""


def _heard(text: bytes | str, place: Place) -> str:
    """A server's words without any part of the address."""
    said = _plain(text)
    plugin = place.plugin
    address = str(plugin.url())  # type: ignore[no-untyped-call]
    parts = [plugin.password or "", plugin.user or "", *re.split(r"[/?&=:@]+", address.partition("://")[2])]
    for part in sorted({part for part in parts if len(part) >= SHORTEST_SECRET and part != place.host}, key=len, reverse=True):
        for form in {part, quote(part, safe="")}:
            said = said.replace(form, HIDDEN)
    return said


def _plain(text: bytes | str) -> str:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return visible_text(" ".join(said.split()))[:LONGEST_ANSWER]
