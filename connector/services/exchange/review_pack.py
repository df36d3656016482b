"""The review pack as PPTX (R113): a title, one page for each exception, and the decisions that are asked for last.

It repeats stored states in the product's words; it must not judge anything by itself.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pptx import Presentation
from pptx.util import Inches, Pt
from sqlalchemy import select

from connector.domain import wording
from connector.domain.model import DecisionKind, State
from connector.domain.panel import KeyResultPanel
from connector.domain.rights import Viewer
from connector.domain.rollup import WORST_FIRST
from connector.runtime import Runtime
from connector.services.exchange.sheets import cycle_names
from connector.services.facts import cycle_end_moment, load_facts
from connector.services.panels import describe_key_result
from connector.store.tables import Cycle, KeyResult, Objective
from connector.store.visibility import visible

EXCEPTIONS = (State.AT_RISK, State.STALLED, State.OVERDUE, State.NO_DATA, State.DATA_LATE)
_CHUNK = 200
_DECISIONS_ON_A_PAGE = 8
# XML cannot hold these; a title from elsewhere might.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class _Told:
    objective: str
    panel: KeyResultPanel


def write_review_pack(runtime: Runtime, viewer: Viewer, cycle: str | None = None) -> Iterator[bytes]:
    """The pack of one cycle, or of all that are not over, with what the viewer may know of."""
    told, names = _read(runtime, viewer, cycle)
    deck = Presentation()
    deck.slide_width, deck.slide_height = Inches(13.333), Inches(7.5)
    exceptions = sorted(
        (entry for entry in told if entry.panel.state in EXCEPTIONS), key=lambda entry: WORST_FIRST.index(entry.panel.state)
    )
    _title(deck, runtime, names, told, exceptions)
    for entry in exceptions:
        _exception(deck, entry)
    _decisions(deck, [entry for entry in told if entry.panel.decision is not DecisionKind.NONE and entry.panel.state is not State.CLOSED])
    output = io.BytesIO()
    deck.save(output)
    return iter((output.getvalue(),))


def _read(runtime: Runtime, viewer: Viewer, cycle: str | None) -> tuple[list[_Told], list[str]]:
    now, zone = runtime.now(), runtime.settings.zone
    told: list[_Told] = []
    with runtime.store.read() as session:
        cycle_names(session, cycle)
        ids = list(
            session.scalars(
                select(KeyResult.id)
                .join(Objective, Objective.id == KeyResult.objective_id)
                .join(Cycle, Cycle.id == Objective.cycle_id)
                .where(
                    KeyResult.retired_at.is_(None),
                    Objective.retired_at.is_(None),
                    visible(viewer),
                    *([Cycle.name == cycle] if cycle else []),
                )
                .order_by(Objective.position, Objective.id, KeyResult.position, KeyResult.id)
            )
        )
        names: dict[str, None] = {}
        for start in range(0, len(ids), _CHUNK):
            part = ids[start : start + _CHUNK]
            facts = load_facts(session, part)
            for name in part:
                known = facts.get(name)
                if known is None or (cycle is None and cycle_end_moment(known.cycle, zone) <= now):
                    continue
                names[known.cycle.name] = None
                told.append(_Told(known.objective.title, describe_key_result(known, runtime.settings.base_url, now, zone)))
    return told, list(names) or ([cycle] if cycle else [])


def _slide(deck: Any, layout: int, title: str) -> Any:
    slide = deck.slides.add_slide(deck.slide_layouts[layout])
    slide.shapes.title.text = _clean(title)
    return slide


def _body(slide: Any, lines: Sequence[tuple[str, int, bool]]) -> None:
    """Fill the body with lines of (text, size in points, bold)."""
    placeholder = slide.placeholders[1]
    placeholder.left, placeholder.top, placeholder.width, placeholder.height = Inches(0.7), Inches(1.7), Inches(11.9), Inches(5.2)
    frame = placeholder.text_frame
    frame.word_wrap = True
    for number, (text, size, bold) in enumerate(lines):
        paragraph = frame.paragraphs[0] if number == 0 else frame.add_paragraph()
        run = paragraph.add_run()
        run.text = _clean(text)
        run.font.size = Pt(size)
        run.font.bold = bold
        paragraph.space_after = Pt(6)


def _title(deck: Any, runtime: Runtime, names: Sequence[str], told: Sequence[_Told], exceptions: Sequence[_Told]) -> None:
    slide = _slide(deck, 0, f"OKR review {', '.join(names)}".strip())
    fine = sum(entry.panel.state is State.ON_TRACK for entry in told)
    moment = wording.moment_text(runtime.now(), runtime.settings.zone)
    counted = f"{len(told)} key result{'' if len(told) == 1 else 's'}, {fine} on track, {len(exceptions)} to look at"
    slide.placeholders[1].text = f"{counted}\nas of {moment}"


def _exception(deck: Any, entry: _Told) -> None:
    panel = entry.panel
    slide = _slide(deck, 1, panel.title)
    lines = [
        (f"{panel.state_word}: {panel.reason}", 24, True),
        (panel.sentence, 24, False),
        (panel.movement_text, 18, False),
        (f"Confidence {' · '.join(map(str, panel.confidence_trail))}" if panel.confidence_trail else "No confidence yet", 18, False),
        (f"Blocker: {panel.blocker}" if panel.blocker else "No blocker named", 18, False),
        (f"Decision needed: {panel.decision.value}" if panel.decision is not DecisionKind.NONE else "No decision asked for", 18, False),
    ]
    lines += [(text, 16, False) for text in (panel.question, panel.mend) if text]
    lines.append((f"{entry.objective} · {panel.source_text}", 14, False))
    _body(slide, lines)


def _decisions(deck: Any, asks: Sequence[_Told]) -> None:
    if not asks:
        _body(_slide(deck, 1, "Decisions"), [("No decision is asked for.", 20, False)])
        return
    pages = [asks[start : start + _DECISIONS_ON_A_PAGE] for start in range(0, len(asks), _DECISIONS_ON_A_PAGE)]
    for number, page in enumerate(pages, start=1):
        slide = _slide(deck, 1, "Decisions" if len(pages) == 1 else f"Decisions ({number} of {len(pages)})")
        _body(
            slide,
            [
                (
                    f"{entry.panel.decision.value}: {entry.panel.title}"
                    + (f" · {entry.panel.blocker}" if entry.panel.blocker else "")
                    + (f" · {entry.panel.owner}" if entry.panel.owner else ""),
                    18,
                    False,
                )
                for entry in page
            ],
        )


def _clean(text: str) -> str:
    return _UNPRINTABLE.sub("", text)
