"""The agenda of a review: which key results come first and why, how much time each gets, what may be said of it (S1).

Pure. Words for verdicts and actions; the score and the time box.
"""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """What a review says of a key result (R060)."""

    INTERVENE = "intervene"
    HOLD = "hold"
    ESCALATE = "escalate"
    STOP = "stop"


VERDICT_WORDS = {
    Verdict.INTERVENE: "Intervene",
    Verdict.HOLD: "Hold course",
    Verdict.ESCALATE: "Escalate",
    Verdict.STOP: "Stop",
}


class Action(StrEnum):
    """What kind of decision was made (R059), or which corrective action an intervention is (R066)."""

    REALLOCATE = "reallocate"
    REMOVE_BLOCKER = "remove_blocker"
    ADJUST_SCOPE = "adjust_scope"
    STAY = "stay"
    CHANGE_APPROACH = "change_approach"
    SEEK_HELP = "seek_help"


ACTION_WORDS = {
    Action.REALLOCATE: "Reallocate resources",
    Action.REMOVE_BLOCKER: "Remove blocker",
    Action.ADJUST_SCOPE: "Adjust scope",
    Action.STAY: "Stay the course with intent",
    Action.CHANGE_APPROACH: "Change approach",
    Action.SEEK_HELP: "Seek help",
}
