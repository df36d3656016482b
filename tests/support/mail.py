"""A mail server on a real socket that keeps what it takes, and can answer as bad ones do."""

from __future__ import annotations

import email
import email.policy
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class MailServer:
    """``answers``: what is said to the next commands of a name ("RCPT", "DATA"), first come first served; "close" hangs up."""

    port: int = 0
    taken: list[tuple[str, EmailMessage]] = field(default_factory=list)
    answers: list[tuple[str, str]] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """How a channel names this server."""
        return f"mailto://127.0.0.1:{self.port}?from=okr@acme.example&name=OKR"

    def to(self, address: str) -> list[EmailMessage]:
        """What one person got."""
        return [message for recipient, message in self.taken if recipient == address]

    def _next(self, command: str) -> str:
        found = next((each for each in self.answers if each[0] == command), None)
        if found is None:
            return ""
        self.answers.remove(found)
        return found[1]

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        said = self._next("RCPT")
        if said == "close":
            server.transport.close()
        elif not said:
            envelope.rcpt_tos.append(address)
        return said or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        said = self._next("DATA")
        if said in ("", "close"):
            content = envelope.content if isinstance(envelope.content, bytes) else b""
            message = email.message_from_bytes(content, policy=email.policy.default)
            assert isinstance(message, EmailMessage)
            self.taken += [(recipient, message) for recipient in envelope.rcpt_tos]
        if said == "close":
            server.transport.close()
        return said or "250 OK"

    def check(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        """Take the login, unless a refusal was asked for."""
        if isinstance(data, LoginPassword):
            self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=not self._next("AUTH"), handled=False)


@contextmanager
def mail_server(port: int = 0) -> Iterator[MailServer]:
    """A server on a port of its own, or on that of one that went away."""
    found = MailServer()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found.port = port or free.getsockname()[1]
    controller = Controller(found, hostname="127.0.0.1", port=found.port, authenticator=found.check, auth_require_tls=False)
    controller.start()
    try:
        yield found
    finally:
        controller.stop()
