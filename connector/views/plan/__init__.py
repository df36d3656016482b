"""Cycles, teams, objectives and key results: lists, forms, rollout checklist."""

from __future__ import annotations

from connector.views.plan import checklist, cycles, forums, key_results, objectives, teams, wording
from connector.views.plan.blueprint import blueprint

__all__ = ["blueprint", "checklist", "cycles", "forums", "key_results", "objectives", "teams", "wording"]
