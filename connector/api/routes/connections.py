"""Connections: test, save, webhook set-up, health."""

from __future__ import annotations

from connector.api.routing import Endpoint

TABLE: tuple[Endpoint, ...] = ()
