"""Commands in comments, from the event to the answer: noted, read at the host, filed as check-ins, answered once.

Knows no host by name, and no markup: a host reads comments and writes answers.
"""

from __future__ import annotations

from connector.services.comment_commands.noting import note_comments, why_left_alone, worth_reading
from connector.services.comment_commands.working import answer_due

__all__ = ["answer_due", "note_comments", "why_left_alone", "worth_reading"]
