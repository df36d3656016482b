"""The check-in form for every place that shows it: our own page, the panel in Jira. What is shown, what was typed, what a save says.

One template, one way in: the places differ in where the form is sent and how it is framed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import render_template
from sqlalchemy.orm import Session

from connector.domain import asking, wording
from connector.domain.checkin import CheckInDraft, check_in_faults, parse_check_in
from connector.domain.model import Definition, Kind
from connector.domain.rights import Viewer
from connector.domain.scoring import BOUND_KINDS, display_decimals
from connector.errors import Conflict, Forbidden, InputError, NotFound
from connector.runtime import Runtime
from connector.services.changes import Stale
from connector.services.check_ins import Filed, Opening, file_check_in, form_use, open_form
from connector.services.check_ins.blockers import OFFERED
from connector.services.check_ins.form_key import FormKey, make_key, read_key
from connector.services.check_ins.opening import over_text, read_seen
from connector.services.check_ins.steps import FIELD as STEPS
from connector.services.facts import load_facts
from connector.views import check_in_entries as entries
from connector.views.check_in_shown import Place, Saved, Shown
from connector.views.query import ASKS, MOVES, KeyResultView, Known, load_key_result
from connector.web.forms import Form, plain

__all__ = ["Place", "Saved", "Shown"]

CONTROLS = ("value", "confidence", "blocker", "decision", "comment", "doubt", "as_of")
FOLDED = ("comment", "doubt", "as_of", "delayed")
_FOLD_WORDS = {"comment": "comment", "doubt": "doubt", "as_of": "date", "delayed": "delayed number"}


def load(runtime: Runtime, viewer: Viewer, ident: str, place: Place, *, offered: int = OFFERED) -> Shown:
    """Read what the form shows, with so many ``offered`` blockers. Raises ``NotFound`` for what the viewer may not know of."""
    now = runtime.now()
    with runtime.store.read() as session:
        found = load_key_result(session, viewer, ident)
        if found is None:
            raise NotFound(f"there is no key result {ident!r}; it may have been retired")
        facts = load_facts(session, [ident], computing=False, history=False, rows=[found])[ident]
        opening = open_form(session, runtime, viewer, facts, offered=offered)
        return Shown(runtime, viewer, place, opening, _view(session, runtime, facts), now)


def _view(session: Session, runtime: Runtime, facts: Any) -> KeyResultView:
    return Known.load(session, [facts.row.id]).view(facts, runtime.now(), runtime.settings.zone)


def fresh(shown: Shown) -> Form:
    """The form before anybody typed."""
    opening, zone = shown.opening, shown.runtime.settings.zone
    values = {name: plain(value) for name, value in opening.prefilled.items()}
    current = opening.facts.row.current
    if "value" in opening.prefilled:
        values["value"] = value_text(opening.definition, opening.prefilled["value"])
        if opening.prefilled["value"] == current:
            values["shown_value"] = values["value"]
    today = shown.now.astimezone(zone).date().isoformat()
    values = {"as_of": today, "shown_day": today, "seen": opening.seen, **values}
    form = Form({**values, "key": _new_key(shown)})
    if not opening.refusal and (key := _key_of(shown, form)) is not None:
        form_use.note_opened(shown.runtime, key, shown.ident, shown.place.name)
    entries.show_steps(opening, form)
    if opening.draft is not None:
        _mark_missing(form, _typed(shown, form)[0])
    return form


def _new_key(shown: Shown, opened_at: datetime | None = None) -> str:
    draft = shown.opening.draft
    identity = draft.source_id if draft is not None and draft.source == shown.place.name else ""
    return make_key(shown.runtime, shown.viewer, shown.ident, shown.place.name, identity=identity, opened_at=opened_at)


def value_text(definition: Definition, value: float | None) -> str:
    """A value as the field shows it: as many decimals as people see elsewhere, and nothing that a number does not hold."""
    if value is None:
        return ""
    if definition.kind is Kind.YES_NO:
        return "yes" if wording.current_text(definition, value) == "done" else "no"
    return wording.plain_number(value, display_decimals(definition)).replace(wording.THIN_GAP, "").replace(wording.MINUS, "-")


def _typed(shown: Shown, form: Form) -> tuple[CheckInDraft | None, dict[str, Any]]:
    """What the entries say, None when one of them cannot be read, and the same as the service takes it."""
    definition = shown.opening.definition
    given: dict[str, Any] = {
        "value": _value(shown, form),
        "confidence": form["confidence"].strip() or None,
        "blocker": form["blocker"],
        "decision": form["decision"] or None,
        "comment": form["comment"],
        "doubt": form["doubt"],
        "delayed": bool(form["delayed"]),
    }
    if form["as_of"] and form["as_of"] != form["shown_day"]:
        given["as_of"] = form["as_of"]
    faults = check_in_faults(given, definition)
    for fault in faults:
        form.errors.setdefault(fault.field, f"{fault.message[:1].upper()}{fault.message[1:]}.")
    return None if faults else parse_check_in(given, definition), given


def _value(shown: Shown, form: Form) -> Any:
    definition, text = shown.opening.definition, form["value"].strip()
    if shown.opening.stepwise:
        return entries.steps_value(shown.opening, form)
    if definition.kind is Kind.MILESTONES:  # counted from mapped items
        return shown.opening.facts.row.current
    seen = read_seen(form["seen"])
    if text and text == form["shown_value"] and seen is not None and seen[1] is not None:
        return seen[1]  # left as it was shown: the number behind it, not the rounded text
    return asking.typed_number(text, definition.unit) or None


def _mark_missing(form: Form, draft: CheckInDraft | None) -> None:
    words = {"value": "Enter the number as it is now.", "confidence": "Choose 1 to 10.", "decision": "Choose one, “None” included."}
    for name in draft.missing() if draft is not None else ():
        form.errors.setdefault(name, words[name])


def render(shown: Shown, form: Form) -> str:
    """The form, or why there is none for this viewer."""
    return render_template("panels/check_in.html", form=form, **context(shown, form))


def render_live(shown: Shown, form: Form) -> str:
    """The part that follows the typing: movement and questions. Raises as ``save`` does."""
    _require(shown)
    return render_template("panels/check_in_live.html", form=form, **context(shown, form))


def save(shown: Shown, form: Form) -> Saved | None:
    """File what was typed. None: not filed, and the form says why (its ``status`` is 409 or 422).

    Raises ``Forbidden`` and ``Conflict`` for people who may not and cycles that are over.
    """
    _require(shown)
    opened = _key_of(shown, form)
    _no_change(shown, form)
    draft, given = _typed(shown, form)
    if draft is not None and not any(
        (draft.value is not None, draft.confidence, draft.blocker, draft.decision, draft.comment, draft.doubt)
    ):
        form.errors.setdefault("value", "Nothing was entered yet: enter the number as it is now.")
    if form.errors or opened is None:
        return None
    viewer, place = shown.viewer, shown.place
    try:
        filed = file_check_in(
            shown.runtime,
            shown.ident,
            given,
            author=viewer.email,
            source=place.name,
            source_id=opened.identity,
            token="" if viewer.person_id is not None else viewer.name,
            viewer=viewer,
            seen=form["seen"],
            opened_at=opened.opened_at,
            ticks=entries.typed_ticks(shown.opening, form),
        )
    except Stale as stale:
        _conflict(shown, form, stale, opened)
        return None
    except InputError as error:
        form.errors.setdefault(error.where, f"{error.message[:1].upper()}{error.message[1:]}.")
        return None
    offered, kept = form_use.kept_of(_offered(shown), form.values)
    form_use.note_saved(shown.runtime, opened, clicks=form_use.read_clicks(form["clicks"]), offered=offered, kept=kept)
    return Saved(filed, _said(entries.promised(shown.opening, form), draft, filed))


def _offered(shown: Shown) -> dict[str, str]:
    """What came filled in, as the fields showed it; steps are ticked, not typed."""
    prefilled = shown.opening.prefilled
    texts = {name: plain(prefilled[name]) for name in ("confidence", "blocker") if name in prefilled}
    if "value" in prefilled and shown.opening.definition.kind is not Kind.MILESTONES:
        texts["value"] = value_text(shown.opening.definition, prefilled["value"])
    return texts


def _require(shown: Shown) -> None:
    """Before anything is said about entries: whether they are taken at all."""
    if over := over_text(shown.opening.facts, shown.runtime):
        raise Conflict(over)
    if shown.opening.refusal:
        raise Forbidden(shown.opening.refusal)


def _key_of(shown: Shown, form: Form) -> FormKey | None:
    try:
        return read_key(shown.runtime, shown.viewer, shown.ident, shown.place.name, form["key"])
    except InputError as error:
        form.errors[""] = f"{error.message[:1].upper()}{error.message[1:]}."
        form.values["key"] = _new_key(shown)
        return None


def _no_change(shown: Shown, form: Form) -> None:
    """The one press for "nothing changed": it says the decision itself, so it must not contradict what was typed."""
    wanted = form["no_change"]
    if not wanted:
        return
    last, changed = shown.opening.last, []
    if last is None or form["decision"] not in ("", wanted):
        form.errors["decision"] = "The button and the choice say different things: choose one and save."
        return
    if entries.steps_touched(shown.opening, form) if shown.opening.stepwise else _value(shown, form) != shown.opening.facts.row.current:
        changed.append("value")
    if form["confidence"] != plain(last.confidence):
        changed.append("confidence")
    if form["blocker"].strip() != (last.blocker or ""):
        changed.append("blocker")
    for name in changed:
        form.errors[name] = "This was changed: choose the decision and save the check-in, or put it back."
    if not changed:
        form.values["decision"] = wanted


def _conflict(shown: Shown, form: Form, stale: Stale, opened: FormKey) -> None:
    """Both versions, the entries kept; the next save files them."""
    form.stale = stale
    if STEPS in stale.theirs:
        entries.keep_steps(form, stale.theirs[STEPS])
    form.values["seen"] = stale.version
    form.values["key"] = _new_key(shown, opened.opened_at)
    if (again := _key_of(shown, form)) is not None:
        form_use.note_shown_again(shown.runtime, opened, again)
    if set(stale.theirs) == {"value"}:  # the source moved on: what was left as shown follows it
        form.values["value"] = form.values["shown_value"] = value_text(shown.opening.definition, stale.theirs["value"])
    else:
        form.values.pop("shown_value", None)
    form.values.pop("no_change", None)


def _said(definition: Definition, draft: CheckInDraft | None, filed: Filed) -> str:
    if filed.draft:
        return f"Saved as a draft. It does not count yet, still to add: {asking.missing_text(filed.missing)}."
    value = draft.value if draft is not None else None
    parts = [wording.current_text(definition, value)] if value is not None else []
    if draft is not None and draft.confidence is not None:
        parts.append(f"confidence {draft.confidence}")
    ask = ASKS.get(draft.decision.value) if draft is not None and draft.decision else None
    if ask:
        parts.append(f"{ask[:1].lower()}{ask[1:]}")
    return f"Check-in saved: {', '.join(parts)}.{f' It came {filed.late}.' if filed.late else ''}"


def context(shown: Shown, form: Form) -> dict[str, Any]:
    """What the templates of the form ask for."""
    opening, view, zone = shown.opening, shown.view, shown.runtime.settings.zone
    definition, last = opening.definition, opening.last
    probe = Form(dict(form.values), form.lists)  # the form's own errors are told at its fields
    draft, _ = _typed(shown, probe)
    value = _readable(shown, probe, draft)
    left_out = {name for name in opening.hidden if not form[name] and name not in form.errors}  # what is typed there already stays
    movement = opening.movement(value)
    day = shown.now.astimezone(zone).date()
    base = opening.base
    moved = wording.movement_text(definition, movement, base.value if base else None, value, base.as_of if base else None, zone)
    word, _, rest = moved.partition(", ")
    bound = definition.kind in BOUND_KINDS
    counted = wording.current_text(entries.promised(opening, form), value) if opening.stepwise else ""
    return {
        "at": shown.place,
        "kr": view,
        "opening": opening,
        "url": f"{shown.runtime.settings.base_url}/key-results/{view.id}",
        "kind": definition.kind.value,
        "unit": definition.unit.strip(),
        "value_source": _value_source(shown, zone),
        "expected_text": _expected_text(view),
        "moves": "" if bound else MOVES[movement] if movement else "not known",
        "moved": moved if bound or movement is None else rest,
        "steps": entries.step_rows(opening, form),
        "counted": counted,
        "moved_word": word,
        "asked": asking.questions(
            definition,
            draft,
            movement,
            previous_confidence=last.confidence if last else None,
            dismissed=bool(form["dismissed"]),
        )
        if draft is not None
        else (),
        "last_day": wording.local_day_text(last.created_at, zone) if last else "",
        "cycle_end": wording.day_text(opening.facts.cycle.end),
        "late": opening.late,
        "anchors": asking.ANCHORS,
        "decisions": list(asking.DECISION_WORDS.items()),
        "prompt": asking.prompt_for(view.id, day),
        "latest_day": day.isoformat(),
        "left_out": left_out,
        "folded_words": ", ".join(word for name, word in _FOLD_WORDS.items() if name not in left_out).capitalize(),
        "folded": not any(form[name] for name in ("comment", "doubt", "delayed"))
        and not any(name in form.errors for name in FOLDED)
        and form["as_of"] == form["shown_day"],
        "draft_day": wording.moment_text(opening.draft.created_at, zone) if opening.draft else "",
        "missing": asking.missing_text(draft.missing()) if draft is not None else "",
        "focus": next((name for name in CONTROLS if name in form.errors), ""),
        "same": _same_again(opening),
        "theirs": _theirs(shown, form),
        "by": ("You" if form.stale.by == shown.viewer.shown else form.stale.by[:1].upper() + form.stale.by[1:]) if form.stale else "",
        "decision_words": asking.DECISION_WORDS,
    }


def _readable(shown: Shown, form: Form, draft: CheckInDraft | None) -> float | None:
    """The value, also while another entry cannot be read."""
    if draft is not None:
        return draft.value
    try:
        return parse_check_in({"value": _value(shown, form)}, shown.opening.definition).value
    except InputError:
        return None


def _value_source(shown: Shown, zone: Any) -> str:
    facts, opening = shown.opening.facts, shown.opening
    kind = (facts.row.source or {}).get("kind")
    if facts.row.current is None:
        return wording.NO_READING
    if shown.view.state.value == "data_late":
        return f"last known · {' · '.join(shown.view.reasons)}"
    if kind == "check_in" and opening.last is not None:
        return f"{opening.last_by or 'author not known'}, {wording.local_day_text(opening.last.as_of, zone)}"
    return shown.view.source


def _expected_text(view: KeyResultView) -> str:
    definition, expected = view.definition, view.expected
    if expected is None:
        return ""
    if definition.kind is Kind.METRIC and not definition.checkpoints and definition.start is not None and definition.target is not None:
        return f"{wording.number_text(definition.start + expected * (definition.target - definition.start), definition)} expected today"
    return f"{wording.percent_text(expected)} expected today"


def _same_again(opening: Opening) -> list[tuple[str, str]]:
    """The presses for "nothing changed": (decision, label). None before there is anything to repeat, or beside an open draft."""
    last = opening.last
    if last is None or last.confidence is None or opening.facts.row.current is None or opening.draft is not None:
        return []
    found = [("none", "No change, nothing needed")]
    if last.decision in ASKS:
        found.insert(0, (last.decision, f"No change, still needs {asking.DECISION_WORDS[last.decision].lower()}"))
    return found


def _theirs(shown: Shown, form: Form) -> list[tuple[str, str, str]]:
    """Field, what is saved now, what was typed: where they differ."""
    steps = entries.steps_differing(shown.opening, form)
    if form.stale is None or "at" not in form.stale.theirs:
        return steps
    theirs, definition = form.stale.theirs, shown.opening.definition
    shown_value = wording.current_text(definition, theirs["value"]) if theirs["value"] is not None else "not told"
    typed = _readable(shown, Form(dict(form.values), form.lists), None)
    value = ("Value", shown_value, wording.current_text(definition, typed) if typed is not None else form["value"])
    rows = [
        *(steps if shown.opening.stepwise else [value]),
        ("Confidence", plain(theirs["confidence"]), form["confidence"]),
        ("Blocker", theirs["blocker"] or "none", form["blocker"].strip() or "none"),
        ("Decision", asking.DECISION_WORDS[theirs["decision"]], asking.DECISION_WORDS.get(form["decision"], "")),
        ("Comment", theirs["comment"], form["comment"].strip()),
    ]
    return [row for row in rows if row[1] != row[2]]
