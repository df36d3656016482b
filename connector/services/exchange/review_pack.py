"""The review pack as PPTX (R113): the three questions, one page for each exception with its drawn trend, the decisions last.

It repeats stored states in the product's words (``pack_content``); it must not judge anything by itself.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pptx import Presentation
from pptx.dml.color import RGBColor
from pptx.enum.dml import MSO_LINE
from pptx.util import Emu, Inches, Pt

from connector.domain.review_pack import Pack, Page, Trend
from connector.domain.rights import Viewer
from connector.runtime import Runtime
from connector.services.exchange.pack_content import pack_of_cycle

MOST_PAGES = 60  # exceptions with a page of their own; the rest is listed: nobody turns two hundred pages
LISTED_ON_A_PAGE = 14
LONGEST_TEXT, LONGEST_TITLE = 400, 160  # characters on a page; all of it stands in the connector
_DECISIONS_ON_A_PAGE = 8
_MOST_DECISION_PAGES = 20
_SIGNALS = 3
# XML cannot hold these; a title from elsewhere might. The signs that turn the direction of text would turn the rest of the line.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")
_colour: Any = RGBColor  # the library has no types for it
_INK, _GREY = _colour(0x1C, 0x20, 0x24), _colour(0x8A, 0x90, 0x98)
_LEFT, _TOP, _WIDTH, _HEIGHT = Inches(8.6), Inches(1.9), Inches(4.0), Inches(3.0)  # of the drawn trend
_FLOOR, _CEILING = -0.2, 1.2  # shares of the way that it shows

Line = tuple[str, int, bool]  # text, size in points, bold


def write_review_pack(runtime: Runtime, viewer: Viewer, cycle: str | None = None) -> Iterator[bytes]:
    """The pack of one cycle, or of all that are not over, with what the viewer may know of."""
    return iter((write_pptx(pack_of_cycle(runtime, viewer, cycle)),))


def write_pptx(pack: Pack) -> bytes:
    """A pack as slides."""
    deck = Presentation()
    deck.slide_width, deck.slide_height = Inches(13.333), Inches(7.5)
    _opening(deck, pack)
    exceptions = pack.exceptions
    for page in exceptions[:MOST_PAGES]:
        _exception(deck, page, pack.trends.get(page.id))
    _rest(deck, exceptions[MOST_PAGES:])
    _decisions(deck, pack)
    output = io.BytesIO()
    deck.save(output)
    return output.getvalue()


def _opening(deck: Any, pack: Pack) -> None:
    slide = _slide(deck, 1, pack.title)
    told = pack.answers
    lines: list[Line] = [(f"{pack.counted}\n{pack.moment}", 16, False)]
    for question, (strong, rest) in (
        ("Are we moving?", told.moving),
        ("Where are we off track?", told.off_track),
        ("What decision is needed now?", told.decisions),
    ):
        lines += [(question, 16, True), (f"{strong}{rest}", 24, False)]
    _body(slide, lines)


def _exception(deck: Any, page: Page, trend: Trend | None) -> None:
    slide = _slide(deck, 1, page.title)
    trail = " · ".join(map(str, page.trail))
    lines: list[Line] = [
        (f"{page.state_word}: {page.why}" if page.why else page.state_word, 24, True),
        (page.sentence, 24, False),
        (page.movement, 18, False),
        (f"Confidence {trail}" if trail else "No confidence yet", 18, False),
        (_blocker(page), 18, False),
        (_ask(page), 18, False),
    ]
    lines += [(text, 16, False) for text in (*page.signals[:_SIGNALS], *page.remarks) if text]
    lines.append((" · ".join(part for part in (page.objective, page.source) if part), 14, False))
    _body(slide, lines, narrow=trend is not None)
    if trend is not None:
        _draw(slide, page, trend)


def _blocker(page: Page) -> str:
    if page.blocker is None:
        return "No blocker named"
    return f"Blocker: {page.blocker.text}" + (f" ({page.blocker.since})" if page.blocker.since else "")


def _ask(page: Page) -> str:
    if page.ask is None:
        return "No decision asked for"
    said = f"Decision needed: {page.ask.word}{f': {page.ask.text}' if page.ask.text else ''}"
    return said + (f" ({page.ask.since})" if page.ask.since else "")


def _rest(deck: Any, pages: Sequence[Page]) -> None:
    """What has no page of its own, a line each."""
    parts = [pages[start : start + LISTED_ON_A_PAGE] for start in range(0, len(pages), LISTED_ON_A_PAGE)]
    for number, part in enumerate(parts, start=1):
        slide = _slide(deck, 1, "More to look at" if len(parts) == 1 else f"More to look at ({number} of {len(parts)})")
        _body(slide, [(_short(f"{each.title} · {each.state_word}{f': {each.why}' if each.why else ''}", 150), 14, False) for each in part])


def _decisions(deck: Any, pack: Pack) -> None:
    """The last pages: what is asked for, and decisions under way."""
    lines = [
        f"{each.kind}: {each.key_result}"
        + (f" · {each.title}" if each.state != "asked" and each.title else "")
        + (f" · {each.owner}" if each.owner else "")
        + f" · {each.when}"
        for each in pack.decisions
    ]
    told = {each.key_result for each in pack.decisions}
    for page in pack.asking:  # an update says so, and the ledger does not know yet
        if page.ask is not None and page.title not in told:
            lines.append(" · ".join(part for part in (f"{page.ask.word}: {page.title}", page.ask.text, page.owner) if part))
    if not lines:
        _body(_slide(deck, 1, "Decisions"), [("No decision is asked for.", 20, False)])
        return
    most = _DECISIONS_ON_A_PAGE * _MOST_DECISION_PAGES
    if len(lines) > most:
        lines = [*lines[: most - 1], f"and {len(lines) - most + 1} more in the connector"]
    parts = [lines[start : start + _DECISIONS_ON_A_PAGE] for start in range(0, len(lines), _DECISIONS_ON_A_PAGE)]
    for number, part in enumerate(parts, start=1):
        slide = _slide(deck, 1, "Decisions" if len(parts) == 1 else f"Decisions ({number} of {len(parts)})")
        _body(slide, [(_short(text, 220), 18, False) for text in part])


# --- drawing -----------------------------------------------------------------------------------------------------------------


def _slide(deck: Any, layout: int, title: str) -> Any:
    slide = deck.slides.add_slide(deck.slide_layouts[layout])
    shape = slide.shapes.title
    shape.left, shape.top, shape.width, shape.height = Inches(0.7), Inches(0.4), Inches(11.9), Inches(1.2)
    shape.text_frame.word_wrap = True
    shape.text = _clean(_short(" ".join(title.split()), LONGEST_TITLE))
    for paragraph in shape.text_frame.paragraphs:
        paragraph.font.size = Pt(32 if len(title) <= 60 else 24)
    return slide


def _body(slide: Any, lines: Sequence[Line], *, narrow: bool = False) -> None:
    placeholder = slide.placeholders[1]
    placeholder.left, placeholder.top = Inches(0.7), Inches(1.7)
    placeholder.width, placeholder.height = Inches(7.7 if narrow else 11.9), Inches(5.3)
    frame = placeholder.text_frame
    frame.word_wrap = True
    kept = [(text, size, bold) for text, size, bold in lines if text]
    for number, (text, size, bold) in enumerate(kept):
        paragraph = frame.paragraphs[0] if number == 0 else frame.add_paragraph()
        run = paragraph.add_run()
        run.text = _clean(_short(text, LONGEST_TEXT))
        run.font.size = Pt(size)
        run.font.bold = bold
        paragraph.space_after = Pt(6)


def _draw(slide: Any, page: Page, trend: Trend) -> None:
    """The value over its cycle: the plan as a dashed diagonal, up is closer to the target; what it says stands in its description."""
    if not trend.bound:
        plan = _line(slide, [(0.0, 0.0), (1.0, 1.0)], _GREY, 1.25, "Plan", "The plan: a straight line from the start to the target.")
        plan.line.dash_style = MSO_LINE.DASH
    _line(slide, trend.points, _INK, 2.5, "Trend", f"Value over the cycle: {page.sentence}. {page.movement}")
    x, y = _place(*trend.points[-1])
    dot = slide.shapes.add_shape(9, x - Pt(5), y - Pt(5), Pt(10), Pt(10))  # an oval
    dot.fill.solid()
    dot.fill.fore_color.rgb = _INK
    dot.line.fill.background()
    _name(dot, "Now", f"Now {page.current}")
    floor = _TOP + _HEIGHT
    _line(slide, [(0.0, _FLOOR), (1.0, _FLOOR)], _GREY, 0.75, "Cycle", "From the start of the cycle to its end.")
    _label(slide, _LEFT, floor + Inches(0.05), "start of the cycle", right=False)
    _label(slide, _LEFT + _WIDTH - Inches(2.0), floor + Inches(0.05), "end", right=True)
    if not trend.bound:
        _label(slide, _LEFT + _WIDTH - Inches(2.0), _place(1.0, 1.0)[1] - Inches(0.35), f"plan: {page.target}", right=True)
    _label(slide, max(_LEFT, min(x, _LEFT + _WIDTH - Inches(2.0))), y + Inches(0.1), f"now {page.current}", right=False)


def _place(along: float, up: float) -> tuple[Any, Any]:
    height = (min(_CEILING, max(_FLOOR, up)) - _FLOOR) / (_CEILING - _FLOOR)
    return Emu(int(_LEFT + _WIDTH * along)), Emu(int(_TOP + _HEIGHT * (1 - height)))


def _line(slide: Any, points: Sequence[tuple[float, float]], colour: Any, width: float, name: str, told: str) -> Any:
    places = [_place(*each) for each in points]
    builder = slide.shapes.build_freeform(*places[0])
    builder.add_line_segments(places[1:], close=False)
    shape = builder.convert_to_shape()
    shape.fill.background()
    shape.line.color.rgb, shape.line.width = colour, Pt(width)
    shape.shadow.inherit = False
    _name(shape, name, told)
    return shape


def _label(slide: Any, left: Any, top: Any, text: str, *, right: bool) -> None:
    box = slide.shapes.add_textbox(Emu(int(left)), Emu(int(top)), Inches(2.0), Inches(0.3))
    paragraph = box.text_frame.paragraphs[0]
    run = paragraph.add_run()
    run.text = _clean(_short(text, 60))
    run.font.size = Pt(11)
    run.font.color.rgb = _INK
    if right:
        paragraph.alignment = 3


def _name(shape: Any, name: str, told: str) -> None:
    """What readers who do not see the drawing are told."""
    shape.name = name
    shape._element.nvSpPr.cNvPr.set("descr", _clean(_short(told, LONGEST_TEXT)))


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def _clean(text: str) -> str:
    return _UNPRINTABLE.sub("", text)
