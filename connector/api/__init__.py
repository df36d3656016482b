"""The HTTP API: thin handlers under ``/api/v1``, and the OpenAPI document generated from them. Attribute ``blueprint``.

Expects the runtime in ``app.extensions["runtime"]``. Decides nothing by itself: services and reads do.
"""

from __future__ import annotations

from connector.api.handlers import TABLE as READING
from connector.api.routes import (
    audit,
    blockers,
    channels,
    connections,
    decisions,
    exchange,
    forge,
    mapping_drift,
    mappings,
    okr_databases,
    people,
    plan,
    pre_reads,
    reports,
    review_calendar,
    signals,
)
from connector.api.routing import make_blueprint

TABLE = (
    *READING,
    *plan.TABLE,
    *mappings.TABLE,
    *mapping_drift.TABLE,
    *connections.TABLE,
    *channels.TABLE,
    *okr_databases.TABLE,
    *forge.TABLE,
    *people.TABLE,
    *review_calendar.TABLE,
    *exchange.TABLE,
    *reports.TABLE,
    *audit.TABLE,
    *signals.TABLE,
    *blockers.TABLE,
    *pre_reads.TABLE,
    *decisions.TABLE,
)
blueprint = make_blueprint(TABLE)

__all__ = ["blueprint"]
