"""Signals: what delivery data asks about a key result, each in a module of its own. Pure: no clock, no storing.

A signal that holds is a ``Seen``: one sentence with its numbers. ``KINDS`` names them all with the title that pages show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

KINDS: Mapping[str, str] = {
    "update_stale": "No word from the owner",
    "source_stale": "Source silent",
    "busy_not_moving": "Busy, not moving",
    "idle": "Idle",
    "moving_without_work": "Moving without this work",
    "delivered_without_effect": "Delivered without effect",
    "reached_early": "Target reached early",
    "confidence_gap": "Confidence above what the numbers say",
    "gloomy": "Confidence below what the numbers say",
    "flat_but_confident": "Flat but confident",
    "last_moment": "Last responsible moment",
    "blocker_detected": "Blocked work seen",
    "value_held": "Wild value held back",
    "nobody_works": "Nobody is working on this",
    "mapping_drift": "Mapping has drifted",
    "scope_grew": "Scope grew",
    "late_target_edit": "Target changed late",
    "cadence_misfit": "Cadence does not fit",
    "vitality_fell": "Leadership uses it less",
    "on_time_fell": "Updates come late more often",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One signal that holds. ``subject``: the key result's id, or "forum:3"; ``sentence`` is complete and names its numbers."""

    kind: str
    subject: str
    sentence: str
    numbers: Mapping[str, Any] = field(default_factory=dict)
