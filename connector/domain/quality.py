"""How well a key result is built: five verdicts with the failing words named, and the label "output" (R016, R018).

Judges texts and definitions only; never a person, and never the value. A title in another language gives "unknown", not a wrong verdict.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from connector.domain import titles, vocabulary
from connector.domain.model import Cycle, Definition, Kind
from connector.domain.scoring import faults
from connector.domain.targets import Stretch
from connector.domain.titles import Span

OUTPUT = "output"
LONG_CYCLE_DAYS = 120
"""A cycle with more calendar days needs a phased target: its end is too far away to warn anybody."""
NOT_ENGLISH = "cannot tell: the words of this title are not known; only English is judged"


@dataclass(frozen=True, slots=True)
class KeyResultText:
    """What is known of a key result while it is typed; None = not told, which makes the verdicts that need it unknown."""

    title: str
    definition: Definition | None = None
    owner_count: int | None = None
    cycle: Cycle | None = None
    has_source: bool | None = None  # a mapping in mode value
    measures: tuple[str, ...] = ()  # of the mappings in mode value: "done_share"; "count of done" where only done items are counted
    objective_title: str | None = None  # "" = it serves no objective
    objective_aligned: bool | None = None  # False = the objective is an orphan (``readiness.orphans``)
    stretch: Stretch | None = None  # ``targets.stretch``; None = no history
    stretch_reason: str = ""  # why a warning of the stretch check is accepted


@dataclass(frozen=True, slots=True)
class Verdict:
    """``passed`` None = cannot tell. ``words`` are the failing words in the title; ``advice`` says what to do, "" when nothing."""

    name: str
    passed: bool | None
    words: tuple[Span, ...] = ()
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """``label`` is "output" or ""; ``known`` is False when the title could not be judged. ``why`` rests the label on words or source."""

    label: str = ""
    why: str = ""
    words: tuple[Span, ...] = ()
    known: bool = True


@dataclass(frozen=True, slots=True)
class Quality:
    """The five verdicts in their order, and the output label."""

    specific: Verdict
    measurable: Verdict
    achievable: Verdict
    relevant: Verdict
    time_bound: Verdict
    output: Output

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The five, in the order of the word SMART."""
        return (self.specific, self.measurable, self.achievable, self.relevant, self.time_bound)


def judge(text: KeyResultText) -> Quality:
    """The five verdicts and the output label of one key result."""
    return Quality(
        specific=_specific(text),
        measurable=_measurable(text),
        achievable=_achievable(text),
        relevant=_relevant(text),
        time_bound=_time_bound(text),
        output=output(text.title, text.measures, text.definition),
    )


def _usable(definition: Definition | None) -> bool:
    return definition is not None and not faults(definition)


def _quoted(spans: tuple[Span, ...]) -> str:
    return ", ".join(dict.fromkeys(f"“{span.text}”" for span in spans))


def _contents(title: str) -> tuple[Span, ...]:
    """The words that can name a thing or a number: no small words, directions or vague words, nor the activity at the beginning."""
    empty = vocabulary.ENGLISH | vocabulary.COUNT_WORDS | vocabulary.MONTHS
    skipped = list(titles.find_phrases(title, vocabulary.ALWAYS_VAGUE + vocabulary.VAGUE_WITHOUT_NUMBER + vocabulary.DIRECTIONS))
    first = titles.leading_activity(title)
    if first is not None:
        skipped.append(first)
    return tuple(
        span
        for span in titles.words(title)
        if span.text.casefold() not in empty and not any(other.start <= span.start < other.end for other in skipped)
    )


def _specific(text: KeyResultText) -> Verdict:
    name = "specific"
    if not titles.words(text.title):
        return Verdict(name, False, advice="enter a title that says who or what changes")
    if text.owner_count is not None and text.owner_count != 1:
        return Verdict(name, False, advice="choose exactly one person as the owner")
    if not titles.is_english(text.title):
        return Verdict(name, None, advice=NOT_ENGLISH)
    vague = titles.find_phrases(text.title, vocabulary.ALWAYS_VAGUE)
    contents = _contents(text.title)
    named = any(span.text.casefold() in vocabulary.METRIC_NOUNS | vocabulary.MEASURED_STATES for span in contents)
    if not (titles.numbers(text.title).any or (named and _usable(text.definition))):
        vague = tuple(sorted((*vague, *titles.find_phrases(text.title, vocabulary.VAGUE_WITHOUT_NUMBER)), key=lambda span: span.start))
    if vague:
        return Verdict(name, False, vague, f"{_quoted(vague)} can be read in many ways; name who or what changes, and by what it is seen")
    if not contents:
        return Verdict(name, False, advice="name who or what changes: the number of what, for whom")
    return Verdict(name, True)


def _measurable(text: KeyResultText) -> Verdict:
    name = "measurable"
    found = titles.numbers(text.title)
    definition = text.definition
    if definition is not None:
        wrong = faults(definition)
        if wrong and found.relative and definition.start is None:
            return _needs_baseline(found.relative)
        if wrong:
            return Verdict(name, False, advice=f"{wrong[0].field}: {wrong[0].message}")
        if definition.kind is Kind.YES_NO:
            return _done_condition(text)
        advice = "no source gives the value yet; map one, or let the owner enter it" if text.has_source is False else ""
        return Verdict(name, True, advice=advice)
    if found.relative and not found.range:
        return _needs_baseline(found.relative)
    if found.any:
        return Verdict(name, True)
    if titles.words(text.title) and not titles.is_english(text.title):
        return Verdict(name, None, advice=NOT_ENGLISH)  # its numbers may be written as words
    ways = titles.find_phrases(text.title, vocabulary.DIRECTIONS + vocabulary.VAGUE_WITHOUT_NUMBER)
    return Verdict(name, False, ways, "enter from which number to which, a bound, or by what anybody can see that it is done")


def _needs_baseline(spans: tuple[Span, ...]) -> Verdict:
    return Verdict(
        "measurable", False, spans, f"{_quoted(spans)} needs a baseline: enter the value at the start, or set the baseline first"
    )


def _done_condition(text: KeyResultText) -> Verdict:
    """A yes/no key result is measurable when its title says by what anybody sees that it is done."""
    if titles.numbers(text.title).any:
        return Verdict("measurable", True)
    if not titles.is_english(text.title):
        return Verdict("measurable", None, advice=NOT_ENGLISH)
    found = [span.text.casefold() for span in titles.words(text.title)]
    states = any(
        word in vocabulary.DONE_WORDS or word in vocabulary.PAST_FORMS or (len(word) > 4 and word.endswith("ed")) for word in found
    )
    if states and not titles.find_phrases(text.title, vocabulary.VAGUE_WITHOUT_NUMBER):
        return Verdict("measurable", True)
    return Verdict(
        "measurable", False, advice="say by what anybody can see that it is done, such as “signed”, “in production” or “audit passed”"
    )


def _achievable(text: KeyResultText) -> Verdict:
    stretch = text.stretch
    if stretch is None:
        return Verdict("achievable", None, advice="cannot tell without a history of the number")
    if stretch.verdict == "fits":
        return Verdict("achievable", True)
    if text.stretch_reason.strip():
        return Verdict("achievable", True, advice=f"{stretch.verdict}: {stretch.sentence}; kept because: {text.stretch_reason.strip()}")
    return Verdict("achievable", False, advice=f"{stretch.verdict}: {stretch.sentence}; change the target, or give a reason to keep it")


def _relevant(text: KeyResultText) -> Verdict:
    if text.objective_title is None:
        return Verdict("relevant", None, advice="cannot tell before the objective is chosen")
    if not text.objective_title.strip():
        return Verdict("relevant", False, advice="choose the objective that it serves")
    if text.objective_aligned is False:
        return Verdict("relevant", False, advice=f"“{text.objective_title.strip()}” names no goal that it supports; choose the goal")
    return Verdict("relevant", True)


def _time_bound(text: KeyResultText) -> Verdict:
    name, cycle, definition = "time-bound", text.cycle, text.definition
    if cycle is None:
        return Verdict(name, False, advice="choose a cycle: its last day is the deadline")
    if cycle.end < cycle.start:
        return Verdict(name, False, advice=f"the cycle {cycle.name} ends before it starts; correct its days")
    days = (cycle.end - cycle.start).days + 1
    if days <= LONG_CYCLE_DAYS:
        return Verdict(name, True)
    if definition is None:
        return Verdict(name, None, advice="cannot tell before the target is entered")
    if definition.kind in (Kind.METRIC, Kind.MILESTONES) and not definition.phased_targets:
        return Verdict(name, False, advice=f"the cycle has {days} days; add a phased target, so that being late shows before its end")
    return Verdict(name, True)


# --- output --------------------------------------------------------------------------------------------------------------------


def output(title: str, measures: Collection[str] = (), definition: Definition | None = None) -> Output:
    """Whether a key result carries the label "output" (R018), and why.

    Its source counts done work, its title begins with an activity, or a yes/no or milestone key result's title ends with one.
    """
    counted = next((measure for measure in measures if measure in vocabulary.OUTPUT_MEASURES), None)
    if counted is not None:
        return Output(
            OUTPUT, f"the value is {counted.replace('_', ' ')} of work: it says how much was done; what should change through it?"
        )
    if not titles.is_english(title):
        return Output(known=False)
    first = titles.leading_activity(title)
    if first is not None:
        return Output(OUTPUT, f"begins with “{first.text}”: it says what will be done; what should change through it?", (first,))
    stepwise = definition is not None and definition.kind in (Kind.YES_NO, Kind.MILESTONES)
    last = titles.trailing_activity(title) if stepwise else None
    if last is not None:
        return Output(OUTPUT, f"ends with “{last.text}”: it says what will be done; what should change through it?", (last,))
    return Output()


def is_output(title: str, measures: Collection[str] = (), definition: Definition | None = None) -> bool | None:
    """True for an output, None when the title cannot be judged and the source says nothing."""
    found = output(title, measures, definition)
    return bool(found.label) if found.known else None
