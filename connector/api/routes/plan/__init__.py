"""Cycles, teams, objectives and key results."""

from __future__ import annotations

from connector.api.routes.plan import cycles, key_results, objectives, teams, wording
from connector.api.routing import Endpoint

TABLE: tuple[Endpoint, ...] = (*cycles.TABLE, *teams.TABLE, *objectives.TABLE, *key_results.TABLE, *wording.TABLE)
