"""Cycles, teams, objectives and key results: lists, forms, rollout checklist."""

from __future__ import annotations

from connector.views.plan import cycles, key_results, objectives, teams
from connector.views.plan.blueprint import blueprint

__all__ = ["blueprint", "cycles", "key_results", "objectives", "teams"]
