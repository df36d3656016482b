"""What stays unanswered is told to further people, step by step: missed updates (R056) and blockers past their clock (S3)."""

from __future__ import annotations

from connector.runtime import Runtime


def raise_due(runtime: Runtime) -> int:
    """Take the steps that are due, each once. Returns how many were taken."""
    return 0
