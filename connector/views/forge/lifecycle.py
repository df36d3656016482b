"""Installation, upgrade and the hourly call of the app."""

from __future__ import annotations
