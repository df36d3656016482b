"""The check-in form in a panel: shown prefilled, filed once."""

from __future__ import annotations
