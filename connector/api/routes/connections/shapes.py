"""What the endpoints of connections take and give. No secret is in any answer but the one that made it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from connector.api.models import Shape
from connector.api.requests import Given, Text

# --- bodies ------------------------------------------------------------------------------------------------------------------

Secret = Annotated[str, Field(min_length=1, max_length=5_000, json_schema_extra={"pattern": r"^[^\u0000]*$", "writeOnly": True})]
Auth = Annotated[
    dict[str, Secret],
    Field(
        description="Jira: email and api_token (cloud_id is found), client_id and client_secret, or bearer_token. Notion: token.",
        max_length=6,
    ),
]


class PanelFieldsBody(Given):
    """Fields in Jira that our panels fill: by name or id."""

    progress: Annotated[Text | None, Field(description="a number field; percent")] = None
    status: Annotated[Text | None, Field(description="a text field")] = None


class OptionsBody(Given):
    """What may be set of a connection."""

    requests_per_minute: Annotated[int, Field(ge=1, le=100_000)] | None = None
    property_only: bool = False
    token_expires: Annotated[Text | None, Field(description="day on which the credentials end, such as 2027-03-31")] = None
    fields: PanelFieldsBody | None = None


class ConnectionBody(Given):
    """A connection to be made. With ``test`` it is only tested."""

    name: Text
    host: Literal["jira", "notion"]
    url: Text
    auth: Auth
    options: OptionsBody | None = None
    test: bool = False


class ChangeBody(Given):
    """Other credentials (with ``url`` when it changes too), or other options; never both. ``version`` guards options."""

    auth: Auth | None = None
    url: Text | None = None
    options: OptionsBody | None = None
    version: Text | None = None
    test: bool = False


class WebhookBody(Given):
    """``host``: have the host make the webhook · ``secret``: only make a new secret, for a webhook made by hand."""

    make: Literal["host", "secret"] = "host"


class ArmBody(Given):
    """``replace``: also when a secret is stored; the present one counts for a day more."""

    replace: bool = False


class SyncBody(Given):
    """``full``: read everything, not only what changed."""

    full: bool = False


class SwitchBody(Given):
    """Nothing to say, or ``version`` to be sure of what is retired."""

    version: Text | None = None


# --- answers -----------------------------------------------------------------------------------------------------------------


class TestedLogin(Shape):
    """What a test found. ``saved``: whether it was stored. ``visible`` counts projects or data sources."""

    __test__ = False
    name: str
    saved: bool
    account: str
    visible: int
    names: list[str]
    scopes: list[str]
    warnings: list[str]
    notes: list[str]
    expires_at: datetime | None


class CheckLine(Shape):
    """One check. ``mark``: on_track is fine, at_risk is broken, data_late wants a look, no_data is not known."""

    name: str
    mark: Literal["on_track", "at_risk", "data_late", "no_data"]
    finding: str
    mend: str


class AffectedKeyResult(Shape):
    """A key result that the connection feeds."""

    id: str
    title: str
    state: str
    broken: str | None


class ConnectionHealth(Shape):
    """One connection with all that its page shows. ``hours``: deliveries of each of the last 48 hours, oldest first."""

    name: str
    host: str
    url: str
    account: str
    state: Literal["retired", "paused", "parked", "waiting", "unread", "working"]
    why: str
    checks: list[CheckLine]
    checked_at: datetime | None
    webhook: Literal["set", "armed", "missing"]
    armed_until: datetime | None
    last_event_at: datetime | None
    last_sync_at: datetime | None
    last_success_at: datetime | None
    repaired: int | None
    quota: dict[str, Any] | None
    token_ends: date | None
    options: dict[str, Any]
    hours: list[int]
    key_results: list[AffectedKeyResult]
    key_results_total: int
    version: str
    settings_version: str


class Webhook(Shape):
    """How the webhook stands. ``secret`` is there once: when this call made it and a person must copy it."""

    created: bool
    why: str
    url: str
    steps: list[str]
    events: list[str]
    secret: str | None


class Armed(Shape):
    """Until when the verification token is waited for."""

    until: datetime


class Token(Shape):
    """The verification token that came; it is not given again."""

    token: str


class Done(Shape):
    """What was done. ``mappings``: that lost their source by retiring."""

    name: str
    state: str
    mappings: int
