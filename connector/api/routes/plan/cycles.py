"""Cycles."""

from __future__ import annotations

from connector.api.routing import Endpoint

TABLE: tuple[Endpoint, ...] = ()
