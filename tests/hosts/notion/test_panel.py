"""What the callout says: the three examples of the design word by word, and the API's limits."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.domain.model import State
from connector.domain.panel import KeyResultPanel, Panel
from connector.hosts.notion import panel_table
from connector.hosts.notion.panel import bar, callout, values
from connector.hosts.notion.rich_text import digest, text_of
from tests.hosts.notion import samples
from tests.hosts.notion.conftest import check

FIRST = """●  On track · 59 % done, 53 % expected
Guided set-up finished, from 38 % to 65 %, now 54 %
38 % ▕███████████┆░░░░░░░░▏ 65 %   (┆ expected today)
Moving, closer to target by 2 points since 11 Nov · confidence 8 of 10 (7, 7, 7, 8, 8)
Blocker: none
Ask: none
Alice, 17 Nov · value from Notion "Activation cohorts", 7 rows, as of 18 Nov 14:12
Update · Open key result · Explain this number"""
SECOND = """▮▮  Stalled · same value for 5 check-ins
First invoice sent in 7 days, from 41 % to 60 %, now 42 %
41 % ▕█░░░░░░░░░░┆░░░░░░░░▏ 60 %   (┆ expected today)
Flat, 0 points since 11 Nov · confidence 7 of 10 (7, 7, 7, 7, 7)
Question: flat but confident, what makes this safe?
Blocker: none named · seen in HARB-151, flagged since 12 Nov
Ask: none
Ben, 17 Nov · value from Notion "Activation cohorts", 7 rows, as of 18 Nov 14:12
Update · Open key result · Explain this number"""
THIRD = """◇  Data late · source silent since 17 Nov 05:58
App store rating, from 3.9 to 4.5, last known 4.1
3.9 ▕██████░░░░░┆░░░░░░░░▏ 4.5   (┆ expected today, bar as of 17 Nov)
Movement not known · confidence 7 of 10 (7, 7, 7, 7, 7)
Blocker: none
Ask: none
Jonas, 17 Nov · connection harbor-notion-mobile is parked: Notion no longer accepts the token
Mend: an admin pastes a new token · Update by hand · Open key result"""


def text(panel: Panel) -> str:
    return text_of(callout(panel)["rich_text"])


@pytest.mark.parametrize(
    ("sample", "expected"),
    [(samples.ON_TRACK, FIRST), (samples.STALLED, SECOND), (samples.LATE, THIRD)],
    ids=["on track", "stalled", "late"],
)
def test_the_examples_of_the_design(sample: KeyResultPanel, expected: str) -> None:
    panel = samples.alone(sample)
    assert text(panel) == expected
    bold = [run["text"]["content"] for run in callout(panel)["rich_text"] if run.get("annotations", {}).get("bold")]
    assert bold == [sample.state_word, sample.current_text]


def test_links_lead_to_our_pages_and_only_to_real_addresses() -> None:
    links = {run["text"]["content"]: run["text"]["link"]["url"] for run in callout(samples.alone())["rich_text"] if "link" in run["text"]}
    assert links == {"Update": f"{samples.URL}#update", "Open key result": samples.URL, "Explain this number": f"{samples.URL}#explain"}
    assert not any("link" in run["text"] for run in callout(samples.alone(url="javascript:alert(1)"))["rich_text"])


def test_the_icon_is_an_emoji_and_the_word_says_the_state() -> None:
    seen = set()
    for state in State:
        content = callout(samples.alone(state=state, state_word=state.value))
        assert content["icon"]["type"] == "emoji"
        assert state.value in text_of(content["rich_text"]).splitlines()[0]
        seen.add(content["icon"]["emoji"])
    assert len(seen) == len(State)


def test_unknown_stays_unknown() -> None:
    panel = samples.alone(
        state=State.NO_DATA,
        state_word="No data",
        current=None,
        progress=None,
        expected=None,
        current_text="no reading yet",
        sentence="no reading yet",
        confidence=None,
        confidence_trail=(),
        movement_text="Movement not known",
    )
    shown = text(panel)
    assert "▕" not in shown
    assert "no confidence given yet" in shown
    assert "0" not in shown.splitlines()[1]
    assert values(panel) == {"OKR status": "No data", "OKR current": None, "OKR progress": None}


def test_an_objective_comes_first_and_each_key_result_has_its_block() -> None:
    lines = text(samples.together()).splitlines()
    assert lines[0] == "▲  At risk · New customers succeed · 2 of 3 reporting"
    assert lines[1:8] == [
        "●  On track · Guided set-up finished",
        "from 38 % to 65 %, now 54 %",
        "59 % done, 53 % expected",
        "Moving, closer to target by 2 points since 11 Nov · confidence 8 of 10 (7, 7, 7, 8, 8)",
        "Blocker: none · Ask: none",
        'Alice, 17 Nov · value from Notion "Activation cohorts", 7 rows, as of 18 Nov 14:12',
        "▮▮  Stalled · First invoice sent in 7 days",
    ]
    assert values(samples.together()) == {"OKR status": "At risk", "OKR current": None, "OKR progress": 0.31}
    assert values(samples.alone())["OKR current"] == 54
    assert values(Panel("okr", (samples.ON_TRACK, samples.STALLED))) == {"OKR status": "Stalled", "OKR current": None, "OKR progress": None}


@pytest.mark.parametrize("number", [2, 12, 30, 200, 2000])
def test_the_limits_hold_and_every_key_result_keeps_state_title_and_sentence(number: int) -> None:
    panel = samples.many(number)
    runs = callout(panel)["rich_text"]
    assert len(runs) <= 100
    for run in runs:
        assert len(run["text"]["content"].encode("utf-16-le")) <= 4000
        check("RichTextItemRequest", run)
    shown = text_of(runs)
    if number <= 200:
        for each in panel.key_results:
            assert each.title in shown
            assert each.sentence in shown
    assert ("more" in shown) is (number > 12)


@given(st.text(max_size=5000), st.text(max_size=300), st.sampled_from(list(State)))
@settings(max_examples=60)
def test_any_text_fits(title: str, reason: str, state: State) -> None:
    runs = callout(samples.alone(title=title, reason=reason, state=state))["rich_text"]
    assert len(runs) <= 100
    assert all(0 < len(run["text"]["content"].encode("utf-16-le", "surrogatepass")) <= 4000 for run in runs)


@given(st.floats(-2, 3), st.none() | st.floats(-2, 3))
def test_a_bar_always_has_twenty_cells(progress: float, expected: float | None) -> None:
    drawn = bar("0", "1", progress, expected)
    cells = drawn.partition("▕")[2].partition("▏")[0]
    assert len(cells) == 20
    assert ("┆" in cells) is (expected is not None)
    assert cells.count("█") <= max(0, progress) * 20 + 1e-6


def test_digests_change_with_content_only() -> None:
    panel = samples.together()
    assert digest(callout(panel)) == digest(callout(replace(panel, instance="other")))
    assert digest(callout(panel)) != digest(callout(samples.together(samples.STALLED)))


def test_nothing_linked_any_more_is_said() -> None:
    assert text(Panel("okr", ())) == "No key result is linked here any more."
    assert values(Panel("okr", ())) == {"OKR status": None, "OKR current": None, "OKR progress": None}


NASTY = "**Ship** [x](javascript:alert(1)) @everyone\n# heading\u2028- [ ] box \u202egnp.exe\u202c \u0000\ud800" + "z" + "\u0301" * 60


def test_what_people_typed_arrives_as_plain_text_on_its_own_line() -> None:
    result = samples.alone(title=NASTY, blocker=NASTY, reason=NASTY, source_text=NASTY, owner=NASTY)
    usual = text(samples.alone(blocker="x")).count("\n")
    shown = text(result)
    assert shown.count("\n") == usual
    assert "**Ship** [x](javascript:alert(1)) @everyone # heading - [ ] box gnp.exe z\u0301\u0301\u0301\u0301" in shown
    for run in callout(result)["rich_text"]:
        assert run["type"] == "text"  # neither a mention nor an equation
        check("RichTextItemRequest", run)
    links = {run["text"]["link"]["url"] for run in callout(result)["rich_text"] if "link" in run["text"]}
    assert links == {samples.URL, f"{samples.URL}#update", f"{samples.URL}#explain"}


def test_long_titles_are_cut_so_that_the_rest_is_still_read() -> None:
    shown = text(samples.alone(title="long " * 800, blocker="b" * 3000))
    lines = shown.splitlines()
    assert lines[1].startswith("long long")
    assert "…, from 38 % to 65 %, now 54 %" in lines[1]
    assert len(lines[1]) < 260
    assert len(max(lines, key=len)) < 450
    assert lines[-1] == "Update · Open key result · Explain this number"


def test_a_blocker_is_named_with_what_the_work_shows() -> None:
    def line(**changes: object) -> str:
        return next(each for each in text(samples.alone(**changes)).splitlines() if each.startswith("Blocker"))

    assert line() == "Blocker: none"
    assert line(blocker="Legal") == "Blocker: Legal"
    assert line(blocker="Legal", blocker_note="HARB-151, since 12 Nov") == "Blocker: Legal · HARB-151, since 12 Nov"
    assert line(blocker_note="seen in HARB-151, “Blocked”") == "Blocker: none named · seen in HARB-151, “Blocked”"


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=300))
@settings(max_examples=60)
def test_no_text_breaks_a_table(title: str, owner: str, now: str) -> None:
    panel = samples.faced(samples.together(replace(samples.ON_TRACK, title=title, owner=owner, current_text=now)), table=True)
    [(_, content)] = panel_table.rows(panel)
    assert len(content["table_row"]["cells"]) == len(panel_table.HEAD)
    for cell in content["table_row"]["cells"]:
        assert "\n" not in text_of(cell)
        for run in cell:
            check("RichTextItemRequest", run)
    check("BlockObjectRequest", panel_table.table(panel_table.rows(panel)))
