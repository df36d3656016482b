"""The secret of buttons and automations that cannot sign what they send: made of a webhook's secret, and good for nothing else. Pure.

Whoever may edit such a button at the host can read it there. The webhook's secret, which signs everything, cannot be found out from it.
"""

from __future__ import annotations

import hashlib
import hmac

_PURPOSE = b"okr-button"


def button_secret(secret: str) -> str:
    """What a button shows in its header, as 64 hex digits: HMAC-SHA256 with the webhook's secret. "" where there is none."""
    return hmac.new(secret.encode(), _PURPOSE, hashlib.sha256).hexdigest() if secret else ""
