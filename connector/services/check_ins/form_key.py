"""The key of one filled-in form: made when it is shown, bound to person, key result and place, and the identity of what it files.

Whatever happens between browser and us, a double click, a repeated request, a draft that is completed, one key stands for one update.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from connector.domain.rights import Viewer
from connector.errors import InputError
from connector.runtime import Runtime

WHERE = "key"
_KEY = re.compile(r"([0-9a-f]{1,12})\.([0-9a-f]{24})\.([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class FormKey:
    """A key that is ours: when its form was shown, and the identity under which its update is stored."""

    opened_at: datetime
    identity: str


def make_key(
    runtime: Runtime, viewer: Viewer, key_result_id: str, place: str, *, identity: str = "", opened_at: datetime | None = None
) -> str:
    """A key for a form that is shown now (or shown again since ``opened_at``); ``identity``: of the draft that it goes on with."""
    opened, mark = f"{int(opened_at.timestamp() if opened_at else runtime.epoch()):x}", identity or secrets.token_hex(12)
    return f"{opened}.{mark}.{_proof(_secrets(runtime)[0], viewer, key_result_id, place, opened, mark)}"


def read_key(runtime: Runtime, viewer: Viewer, key_result_id: str, place: str, text: str) -> FormKey:
    """What a key says. Raises ``InputError`` for one that was made for somebody else, another key result or another place."""
    found = _KEY.fullmatch(text)
    if found is not None:
        opened, mark, proof = found.groups()
        for secret in _secrets(runtime):
            if hmac.compare_digest(proof, _proof(secret, viewer, key_result_id, place, opened, mark)):
                return FormKey(datetime.fromtimestamp(int(opened, 16), UTC), mark)
    raise InputError(
        "this form was made for another person or key result; nothing was saved. Look at the entries and save again", where=WHERE
    )


def _secrets(runtime: Runtime) -> list[bytes]:
    keys = runtime.settings.resolved_secret_key().split()
    return [hmac.new(key.encode(), b"okr-connector check-in form 1", hashlib.sha256).digest() for key in keys]


def _proof(secret: bytes, viewer: Viewer, key_result_id: str, place: str, opened: str, mark: str) -> str:
    who = str(viewer.person_id) if viewer.person_id is not None else f"name {viewer.name}"
    said = "\0".join((who, key_result_id, place, opened, mark))
    return hmac.new(secret, said.encode(), hashlib.sha256).hexdigest()[:32]
