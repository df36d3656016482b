"""The shapes that the API takes: query parameters and bodies. Unknown names are refused, types are not guessed.

Only the shape is checked here; what a value means (a confidence of 11, an unknown epic) is judged by the domain, which has words for it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from connector.domain.model import DecisionKind, State


class Given(BaseModel):
    """Input: unknown names are refused, types are not guessed."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=False)


def _plain(value: str) -> str:
    if "\x00" in value:
        raise ValueError("must not contain NUL")
    return value


# NUL cannot be stored by Postgres, so it is refused for both databases.
Text = Annotated[
    str,
    BeforeValidator(lambda value: _plain(value) if isinstance(value, str) else value),
    Field(max_length=500, json_schema_extra={"pattern": r"^[^\u0000]*$"}),
]


class PageQuery(BaseModel):
    """Query parameters of every list."""

    model_config = ConfigDict(extra="forbid")
    cursor: Annotated[
        str | None, Field(description="`next` of the page before", json_schema_extra={"pattern": "^[A-Za-z0-9_-]*$", "maxLength": 2000})
    ] = None
    limit: Annotated[int, Field(ge=1, le=200, description="items per page")] = 50


class KeyResultQuery(PageQuery):
    """Filters of the key results."""

    objective: Annotated[Text | None, Field(description="id of the objective")] = None
    owner: Annotated[Text | None, Field(description="e-mail address")] = None
    state: State | None = None
    cycle: Annotated[Text | None, Field(description="name of the cycle")] = None
    team: Annotated[Text | None, Field(description="name of the team")] = None


class ObjectiveQuery(PageQuery):
    """Filters of the objectives."""

    cycle: Annotated[Text | None, Field(description="name of the cycle")] = None
    team: Annotated[Text | None, Field(description="name of the team")] = None


class DeliveryQuery(PageQuery):
    """Filters of the deliveries."""

    connection: Annotated[Text | None, Field(description="name of the connection")] = None
    state: Annotated[Text | None, Field(description="pending, done, ignored or failed")] = None


class RunQuery(PageQuery):
    """Filters of the sync runs."""

    connection: Annotated[Text | None, Field(description="name of the connection")] = None


class NoQuery(BaseModel):
    """No query parameter at all."""

    model_config = ConfigDict(extra="forbid")


def _number_only(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError("enter a number, not a text")  # pydantic listens to ValueError
    return value


_CONFIDENCE = {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 10}, {"type": "null"}], "description": "1-10; null or absent: draft"}
_DECISION = {"enum": [*(kind.value for kind in DecisionKind), None], "description": "what is asked for; none must be chosen"}


class CheckInBody(Given):
    """An owner's update. What is null or absent of value, confidence and decision makes it a draft.

    The fields are judged by the rules of check-ins (``connector.domain.checkin``), which have words for each mistake.
    """

    value: Annotated[float | bool | None, BeforeValidator(_number_only), Field(description="in the key result's unit")] = None
    milestones: Annotated[
        dict[str, bool] | list[str | int] | None,
        Field(
            description="steps of a milestone key result that no mapping feeds: title or index (from 0) → done or not, others stay; or the "
            "list of all that are done. Absent: as they are"
        ),
    ] = None
    confidence: Annotated[Any, BeforeValidator(_number_only), WithJsonSchema(_CONFIDENCE)] = None
    blocker: Annotated[Text | None, Field(description="one line, 280 characters; absent means none")] = None
    decision: Annotated[Any, WithJsonSchema(_DECISION)] = None
    comment: Annotated[Text | None, Field(description="280 characters")] = None
    as_of: Annotated[str | None, Field(description="day that the number describes", json_schema_extra={"format": "date"})] = None
    delayed: Annotated[bool | None, Field(description="the number is known to be delayed")] = None
    doubt: Annotated[Text | None, Field(description="280 characters, for lead and champion alone")] = None
    author: Annotated[Text | None, Field(alias="as", description="e-mail address of who says this; default: the token's person")] = None
    source_id: Annotated[Text | None, Field(min_length=1, description="the same id files only once, like the header Idempotency-Key")] = (
        None
    )


class PreviewBody(BaseModel):
    """A mapping as in the file of ``apply``, and the key result that it would feed."""

    model_config = ConfigDict(extra="allow", strict=True)
    connection: Text
    key_result: Text | None = None
    select: dict[str, Any]
    measure: str | dict[str, Any]
    mode: Literal["value", "context"] = "value"
