"""Updates of key results: who may file one, what the form shows before, and how one is stored exactly once."""

from __future__ import annotations

from connector.services.check_ins.doubts import readable_doubts
from connector.services.check_ins.filing import Filed, file_check_in
from connector.services.check_ins.opening import Opening, carried_over, last_check_ins, open_draft, open_form
from connector.services.check_ins.rights import may_check_in, require_check_in, updatable, why_not

__all__ = [
    "Filed",
    "Opening",
    "carried_over",
    "file_check_in",
    "last_check_ins",
    "may_check_in",
    "open_draft",
    "open_form",
    "readable_doubts",
    "require_check_in",
    "updatable",
    "why_not",
]
