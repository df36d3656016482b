"""One turn of the rhythm's clock: every part does what has become due, each idempotent and in transactions of its own."""

from __future__ import annotations

from connector.runtime import Runtime
from connector.services.rhythm import locking, planning, raising, reminding, rooms


def turn(runtime: Runtime) -> None:
    """Plan reviews ahead, remind, lock what is due, raise what stays unanswered. Several may turn at once."""
    planning.plan_ahead(runtime)
    reminding.remind(runtime)
    rooms.tell_rooms(runtime)
    for review_id in locking.due(runtime):
        runtime.queue.nudge("lock", review_id)
    raising.raise_due(runtime)
    rooms.tell_forgotten(runtime)
