"""Receipts of what a host was made to show: kept through failures, and not believed after them."""

from __future__ import annotations

from typing import Any

from connector.errors import HostError


def unproven(receipt: dict[str, Any]) -> dict[str, Any]:
    """A receipt that keeps where things are, but not what they say: every digest is emptied, so everything is written again."""
    emptied: dict[str, Any] = {}
    for name, value in receipt.items():
        if isinstance(value, dict):
            emptied[name] = unproven(value)
        elif isinstance(value, list):
            emptied[name] = [unproven(each) if isinstance(each, dict) else each for each in value]
        else:
            emptied[name] = "" if name in ("digest", "property", "properties") and isinstance(value, str) else value
    return emptied


def noted(error: HostError, before: dict[str, Any]) -> dict[str, Any]:
    """The receipt after a failed write: what the host managed to write is kept, so that it is not written again."""
    receipt = error.details.get("receipt")
    return dict(receipt) if isinstance(receipt, dict) else before
