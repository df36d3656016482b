"""The dashboard panel and its configuration."""

from __future__ import annotations
