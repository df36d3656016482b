"""A panel in Jira's markup: one remote issue link per key result and the issue property ``okr``, each with a digest. Pure.

An update of a remote link is a replace, so the whole object is always built; its ``globalId`` holds nothing that changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from connector.domain.model import State
from connector.domain.panel import KeyResultPanel, Panel

APPLICATION = {"type": "okr-connector", "name": "OKR connector"}
RELATIONSHIP = "OKR"  # the heading above the links
TITLE_LENGTH = 255  # also the limit of a globalId
PROPERTY_LENGTH = 32_768  # characters of an issue property
PROPERTY_VERSION = 1


def global_id(instance: str, key_result: str) -> str:
    """The identity of a key result's link on every issue, at most 255 characters. Never change how it is made."""
    whole = f"okr-connector.{instance}.{key_result}"
    if len(whole) <= TITLE_LENGTH:
        return whole
    return f"okr-connector.{hashlib.sha256(whole.encode()).hexdigest()}"


def remote_link(instance: str, key_result: KeyResultPanel) -> dict[str, Any]:
    """The body of ``POST /issue/{ref}/remotelink`` for one key result.

    Reference: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-remote-links
    """
    icons = _icons(key_result.url)
    status = {"url16x16": f"{icons}/{key_result.state.value}16.png", "title": key_result.state_word, "link": key_result.url}
    return {
        "globalId": global_id(instance, key_result.id),
        "relationship": RELATIONSHIP,
        "application": dict(APPLICATION),
        "object": {
            "url": key_result.url,
            "title": _cut(key_result.title, TITLE_LENGTH),
            "summary": _cut(_summary(key_result), TITLE_LENGTH),
            "icon": {"url16x16": f"{icons}/kr16.png", "title": "Key result"},
            "status": {"resolved": _resolved(key_result), "icon": status},
        },
    }


def property_value(panel: Panel) -> dict[str, Any]:
    """The issue property: the machine state of every key result, at most 32,768 characters as JSON.

    When it would be longer, the last key results are left out and ``truncated`` says so.
    """
    as_of = panel.as_of.isoformat() if panel.as_of else None
    entries = [{**_facts(key_result), "as_of": as_of} for key_result in panel.key_results]
    value: dict[str, Any] = {"version": PROPERTY_VERSION, "key_results": entries}
    while entries and len(orjson.dumps(value)) > PROPERTY_LENGTH:
        entries.pop()
        value["truncated"] = True
    return value


def link_digests(panel: Panel, instance: str) -> dict[str, str]:
    """Key result id → digest of its link."""
    return {key_result.id: digest(remote_link(instance, key_result)) for key_result in panel.key_results}


def property_digest(panel: Panel) -> str:
    """Digest of the property without ``as_of``: a number that was only read again is not written again. "" when empty."""
    return digest([_facts(key_result) for key_result in panel.key_results]) if panel.key_results else ""


def digest(value: Any) -> str:
    """A short stable hash of a JSON value."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def _facts(key_result: KeyResultPanel) -> Mapping[str, Any]:
    return {
        "id": key_result.id,
        "title": _cut(key_result.title, TITLE_LENGTH),
        "state": key_result.state.value,
        "reason": _cut(key_result.reason, TITLE_LENGTH),
        "current": key_result.current,
        "progress": key_result.progress,
        "expected": key_result.expected,
        "target": key_result.target,
        "start": key_result.start,
        "unit": key_result.unit,
        "confidence": key_result.confidence,
        "url": key_result.url,
        **({"label": key_result.label} if key_result.label else {}),
    }


def _summary(key_result: KeyResultPanel) -> str:
    told = f"{key_result.sentence}, {key_result.state_word.lower()}"
    return f"{told}, {key_result.label}" if key_result.label else told


def _resolved(key_result: KeyResultPanel) -> bool:
    """True strikes the link through: closed, or the target is reached. Unknown progress is not reached."""
    return key_result.state is State.CLOSED or (key_result.progress is not None and key_result.progress >= 1)


def _icons(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/static/icons"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
