"""Product events of the app's triggers: stored like webhooks before they are answered."""

from __future__ import annotations
