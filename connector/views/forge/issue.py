"""The panel of an issue: the key results that it serves, and where they stand."""

from __future__ import annotations
