"""The test of a login before anything is saved: who we are there, what is visible, what is missing and how to mend it.

What was tested is sealed, so that exactly that is saved, by the same person, soon after; the browser holds only the sealed text.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from connector.domain.rights import Act, Viewer
from connector.errors import Busy, Faults, HostError, InputError, Offline, Refused
from connector.hosts.base import ConnectionSettings, Container, Description, Host
from connector.hosts.limits import Budget
from connector.hosts.registry import HOSTS
from connector.runtime import Runtime
from connector.services.changes import require
from connector.services.connecting.drafts import Draft
from connector.services.connecting.kinds import HOST_TITLES
from connector.services.connecting.report import refusal_text
from connector.store.tables import Connection

PATIENCE = 10.0  # seconds that one call may wait for request budget; a person is watching
TESTED_LASTS = 1800.0  # seconds for which a tested login may be saved
NAMED = 8  # containers told by name
_NEW = -1  # budget of connections that have no id yet
_CREDENTIALS = "auth"


@dataclass(frozen=True, slots=True)
class Tested:
    """A login that works. ``visible`` counts the projects or data sources that it sees, ``names`` are the first of them.

    ``auth`` is complete (with the cloud id where one is needed) and secret. ``skew``: seconds by which our clock is ahead.
    """

    account: str
    bot_id: str
    visible: int
    names: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    expires_at: datetime | None = None
    skew: float | None = None
    quota: Mapping[str, Any] | None = None
    site: str = ""
    auth: Mapping[str, str] = field(default_factory=dict, repr=False)


def allows_private(runtime: Runtime) -> bool:
    """Whether connections may call private addresses and plain http."""
    return runtime.settings.allow_private_hosts or runtime.settings.sandbox


def try_login(runtime: Runtime, viewer: Viewer, draft: Draft, *, budget_key: int = _NEW) -> Tested:
    """Call the host with the draft's login.

    Raises ``InputError`` at the field to mend when the host refuses, ``HostError`` when it does not answer or is busy. Stores nothing.
    """
    require(viewer, Act.ADMINISTER)
    settings = ConnectionSettings(draft.name, draft.host, draft.url, draft.auth, draft.options)
    title = HOST_TITLES[draft.host]
    try:
        budget = Budget(f"{budget_key}-{draft.name}", runtime.redis_url)
        auth = HOSTS[draft.host].complete_auth(settings, budget=budget, allow_private=allows_private(runtime))
        with closing(runtime.connect_with(replace(settings, auth=auth), budget_key=budget_key, patience=PATIENCE)) as host:
            found = host.describe()
            return as_tested(found, host, auth)
    except (Refused, Offline) as error:
        raise as_fault(error, title, draft.url) from error


def as_tested(found: Description, host: Host, auth: Mapping[str, str]) -> Tested:
    """A description with what the host object learned by the way."""
    return Tested(
        account=found.account,
        bot_id=found.bot_id,
        visible=len(found.containers),
        names=tuple(_name(each) for each in found.containers[:NAMED]),
        scopes=found.scopes,
        warnings=found.warnings,
        notes=found.notes,
        expires_at=found.expires_at,
        skew=skew_of(host),
        quota=host.quota(),
        site=found.site,
        auth=dict(auth),
    )


def _name(container: Container) -> str:
    """ "Acme (ACME)", "Deals"."""
    named = container.name or container.key
    return f"{named} ({container.key})" if container.key and container.key != named and len(container.key) <= 12 else named


def skew_of(host: Host) -> float | None:
    """What the host's last answer said about our clock; not part of the seam, so absent is fine."""
    skew = getattr(getattr(getattr(host, "_client", None), "gateway", None), "skew", None)
    return float(skew) if isinstance(skew, (int, float)) else None


def as_fault(error: HostError, title: str, url: str) -> HostError | InputError:
    """What a refusal means for the form: at the address, or at the credentials. Silence and "busy" stay what they are."""
    if isinstance(error, Refused) and error.code == "address_not_allowed":
        return InputError(f"This address may not be called: {_words(error)}", where="url")
    if isinstance(error, Refused) and error.parks:
        return InputError(f"{title} does not accept these credentials: {_words(error)}", where=_CREDENTIALS)
    if isinstance(error, Offline) and "cannot be resolved" in error.message:
        return InputError(f"{url} is not known in the internet's name service. Check the spelling", where="url")
    if isinstance(error, Busy | Offline):
        return error
    return InputError(f"{url} does not answer as {title} does: {_words(error)}", where="url")


def _words(error: HostError) -> str:
    """The host's words without the connection's name and the path, which a person who just typed the login need not read."""
    words = refusal_text(error.message)
    return words if words != error.message else error.message.partition(": ")[2] or error.message


# --- from the test to saving -----------------------------------------------------------------------------------------------------


def seal(runtime: Runtime, viewer: Viewer, draft: Draft, tested: Tested) -> str:
    """The tested login as sealed text for a hidden field: only this installation can open it, only the same person can use it."""
    return runtime.vault.seal(
        {
            "by": viewer.name,
            "until": runtime.epoch() + TESTED_LASTS,
            "draft": {"name": draft.name, "host": draft.host, "url": draft.url, "auth": tested.auth, "options": dict(draft.options)},
            "tested": {
                "account": tested.account,
                "bot_id": tested.bot_id,
                "visible": tested.visible,
                "names": tested.names,
                "scopes": tested.scopes,
                "warnings": tested.warnings,
                "notes": tested.notes,
                "expires_at": tested.expires_at.isoformat() if tested.expires_at else None,
                "skew": tested.skew,
                "quota": tested.quota,
                "site": tested.site,
            },
        }
    )


def unseal(runtime: Runtime, viewer: Viewer, sealed: str) -> tuple[Draft, Tested]:
    """What ``seal`` sealed. Raises ``InputError`` when it is not ours, somebody else's, or too old."""
    again = InputError("This test is too old or was not yours. Enter the credentials and test again")
    try:
        held = runtime.vault.open(sealed)
    except InputError:
        raise again from None
    if not isinstance(held, dict) or held.get("by") != viewer.name or held.get("until", 0.0) < runtime.epoch():
        raise again
    draft = Draft(**held["draft"])
    told = held["tested"]
    ends = told["expires_at"]
    names, scopes, warnings, notes = (tuple(told[name]) for name in ("names", "scopes", "warnings", "notes"))
    return draft, Tested(
        account=told["account"],
        bot_id=told["bot_id"],
        visible=told["visible"],
        names=names,
        scopes=scopes,
        warnings=warnings,
        notes=notes,
        expires_at=datetime.fromisoformat(ends) if ends else None,
        skew=told["skew"],
        quota=told["quota"],
        site=told.get("site", ""),
        auth=draft.auth,
    )


def check_free(runtime: Runtime, name: str) -> None:
    """Raises ``InputError`` when a connection has this name: one that was retired keeps it, with its history."""
    with runtime.store.read() as session:
        row = session.execute(select(Connection.retired_at).where(Connection.name == name)).first()
    if row is not None:
        raise taken(name, retired=row.retired_at is not None)


def taken(name: str, *, retired: bool) -> InputError:
    """The fault of a name that is in use."""
    if retired:
        return InputError(
            f"{name} was retired and keeps its name and history. Bring it back on its page, or choose another name", where="name"
        )
    return InputError(f"A connection is called {name} already. Choose another name", where="name")


def flattened(error: InputError) -> list[InputError]:
    """The single faults of an error."""
    return list(error.errors) if isinstance(error, Faults) else [error]
