"""The pages of what is not mapped and of suggestions: what they show to whom, what one button does, how much they cost."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from connector.store.tables import Connection
from tests.support.found_work import Scene, found, found_work, words

MOST_STATEMENTS = 10
MOST_BYTES = 150_000


@pytest.fixture
def scene(tmp_path: Path, database_url: str) -> Iterator[Scene]:
    with found_work(tmp_path, database_url) as made:
        yield made


# --- not mapped ------------------------------------------------------------------------------------------------------------


def test_what_feeds_nothing_is_grouped_with_the_likeliest_key_result_chosen(scene: Scene) -> None:
    scene.add("ACME-1", title="Guided set-up for everybody", labels=["okr:kr-x"], points=3.0)
    scene.add("WEB-2", labels=["goal:kr-signups"])
    page = scene.visit().get("/mappings/unmapped").text
    assert re.findall(r'<h2 id="g-\d+">(\w+)', page) == ["ACME", "WEB"]
    assert "Guided set-up for everybody epic · To Do · 3 points" in words(page)
    assert page.count('<option value="kr-setup" selected>') == 1
    assert "likely: both speak of" in words(page)
    assert page.count('<option value="kr-signups" selected>') == 1
    assert "by rule: the label “goal:kr-signups” matches" in words(page)
    assert "2 epics and rows feed no key result" in words(page)


def test_one_button_maps_and_stays_where_one_was(scene: Scene) -> None:
    (ident,) = scene.add("ACME-1")
    lead = scene.visit()
    back = "/mappings/unmapped?connection=acme-jira&text=acme"
    answer = lead.post(f"/mappings/unmapped/{ident}/map", {"key_result": "kr-setup", "back": back})
    assert (answer.status_code, answer.location) == (303, back)
    (row,) = scene.mappings()
    assert (row.key_result_id, row.mode, row.rule["select"], row.rule["measure"]) == (
        "kr-setup",
        "value",
        {"epics": ["ACME-1"]},
        "done_share",
    )
    page = lead.get(back).text
    assert "ACME-1 Epic ACME-1 is mapped to “Guided set-up shipped”. It is read now, and the value follows." in words(page)
    assert found(page) == []


@pytest.mark.parametrize(
    ("form", "mode"), [({"key_result": "kr-signups"}, "context"), ({"key_result": "kr-setup", "mode": "context"}, "context")]
)
def test_as_context_by_wish_or_because_a_share_is_no_count(scene: Scene, form: dict[str, str], mode: str) -> None:
    (ident,) = scene.add("ACME-1")
    lead = scene.visit()
    assert lead.post(f"/mappings/unmapped/{ident}/map", form).status_code == 303
    assert scene.mappings()[0].mode == "context"
    assert "shown beside the value, which it does not move" in words(lead.get("/mappings/unmapped").text)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"key_result": ""}, "Choose a key result first"),
        ({"key_result": "kr-none"}, "there is no open key result 'kr-none'"),
    ],
)
def test_a_fault_stands_at_its_row_and_the_page_stays_as_it_was(scene: Scene, form: dict[str, str], told: str) -> None:
    (first, second) = scene.add("ACME-1", "ACME-2")
    scene.add("WEB-3")
    answer = scene.visit().post(f"/mappings/unmapped/{first}/map", {**form, "back": "/mappings/unmapped?text=acme"})
    assert answer.status_code == 422
    assert sorted(found(answer.text)) == [first, second]
    assert told in words(answer.text)
    assert scene.mappings() == []


def test_no_mapping_needed_and_back_again(scene: Scene) -> None:
    (ident,) = scene.add("ACME-1")
    lead = scene.visit()
    assert lead.post(f"/mappings/unmapped/{ident}/ignore").status_code == 303
    assert found(lead.get("/mappings/unmapped").text) == []
    assert found(lead.get("/mappings/unmapped?state=ignored").text) == [ident]
    assert lead.post(f"/mappings/unmapped/{ident}/ignore", {"undo": "1", "back": "/mappings/unmapped?state=ignored"}).status_code == 303
    assert found(lead.get("/mappings/unmapped").text) == [ident]
    assert lead.post("/mappings/unmapped/999/ignore").status_code == 404


def test_looking_now_is_asked_of_a_worker(scene: Scene) -> None:
    lead = scene.visit()
    assert "Nobody has looked for epics and rows yet" in lead.get("/mappings/unmapped").text
    page = words(lead.get("/mappings/unmapped?connection=acme-jira").text)
    assert "acme-jira was not looked at yet" in page
    assert "0 epics" not in page
    assert "Nothing fits" not in page
    asked = lead.post("/mappings/unmapped/look", {"connection": "acme-jira", "back": "/mappings/unmapped?connection=acme-jira"})
    assert asked.status_code == 303
    watched = lead.get(asked.headers["Location"]).text
    address = re.search(r'hx-get="([^"]+)" hx-trigger="every 3s"', watched)
    assert address
    again = html.unescape(address[1])
    assert "is being looked at" in lead.get(again).text
    scene.acme.clock.ahead += 61
    assert "hx-get" not in lead.get(again).text
    scene.acme.clock.ahead -= 61
    with scene.acme.runtime.store.write() as session:
        session.execute(update(Connection).where(Connection.name == "acme-jira").values(look={"seen": 3, "error": ""}))
    assert lead.get(again).headers["HX-Redirect"] == "/mappings/unmapped?connection=acme-jira"
    assert ("look", (scene.site,)) in scene.acme.runtime.queue.nudges  # type: ignore[attr-defined]
    assert lead.post("/mappings/unmapped/look", {"connection": "nobody"}).status_code == 422
    with scene.acme.runtime.store.write() as session:
        session.execute(update(Connection).values(parked_at=scene.acme.runtime.now()))
    answer = lead.post("/mappings/unmapped/look", {"connection": "acme-jira"})
    assert answer.status_code == 422
    assert "parked or paused; mend it first" in words(answer.text)


@pytest.mark.parametrize("back", ["https://elsewhere.example/", "//elsewhere.example", "/audit", "/mappings/../audit\\x", ""])
def test_nobody_is_led_elsewhere(scene: Scene, back: str) -> None:
    (ident,) = scene.add("ACME-1")
    assert scene.visit().post(f"/mappings/unmapped/{ident}/ignore", {"back": back}).location == "/mappings/unmapped"


@pytest.mark.parametrize("query", ["page=0", "page=-1", "page=x", "page=99999999999999999999", "state=nothing", "text=%ff", "page=²"])
def test_odd_addresses_are_answered(scene: Scene, query: str) -> None:
    scene.add("ACME-1")
    assert scene.visit().get(f"/mappings/unmapped?{query}").status_code == 200
    assert scene.visit().get(f"/mappings/drift?{query}").status_code == 200


def test_titles_are_shown_as_text(scene: Scene) -> None:
    scene.add("ACME-1", title="<script>alert(1)</script>", labels=["<b>"], status="<i>", url='https://x.example/?a=1&b="')
    page = scene.visit().get("/mappings/unmapped").text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize("role", ["member", "viewer", "champion"])
def test_only_those_who_write_see_and_map(scene: Scene, role: str) -> None:
    (ident,) = scene.add("ACME-1")
    other = scene.visit("eve", role)
    assert other.get("/mappings/unmapped").status_code == 403
    assert other.get("/mappings/suggestions").status_code == 403
    for path in (f"{ident}/map", f"{ident}/ignore", "look"):
        assert other.post(f"/mappings/unmapped/{path}", {"key_result": "kr-setup"}).status_code == 403
    assert other.post("/mappings/suggestions", {"pair": f"{ident} kr-setup"}).status_code == 403
    assert scene.mappings() == []


def test_a_form_without_its_token_changes_nothing(scene: Scene) -> None:
    (ident,) = scene.add("ACME-1")
    assert scene.visit().post(f"/mappings/unmapped/{ident}/map", {"key_result": "kr-setup"}, token="wrong").status_code == 400
    assert scene.mappings() == []


@pytest.mark.databases("sqlite", "postgres")
def test_ten_thousand_epics_cost_few_statements_and_little_time(scene: Scene, database_kind: str) -> None:
    for start in range(0, 10_000, 500):
        scene.add(
            *(f"P{number % 40}-{number}" for number in range(start, start + 500)), labels=["q4"], category="new" if start % 1000 else "done"
        )
    for number in range(120):
        scene.acme.key_result(f"kr-{number}", title=f"Outcome {number} of team {number % 7} improves")
    lead = scene.visit()
    for path in ("?page=200", "?text=epic+P7&state=done"):
        times = []
        for _ in range(2):
            begun = time.process_time()
            with scene.statements() as seen:
                answer = lead.get(f"/mappings/unmapped{path}")
            times.append(time.process_time() - begun)
        assert answer.status_code == 200
        assert len(found(answer.text)) == 25
        assert len(seen) <= MOST_STATEMENTS, seen
        assert len(answer.data) < MOST_BYTES
        assert min(times) < 1.0, times  # of this process; about a fifth of that on a quiet machine
    assert "<datalist" in answer.text  # so many key results are found by typing


# --- suggestions -----------------------------------------------------------------------------------------------------------

RULE = {"go": "1", "field0": "label", "pattern0": "okr:"}


def test_rules_give_pairs_and_one_save_maps_the_ticked_ones(scene: Scene) -> None:
    first, second = scene.add("ACME-1", labels=["okr:kr-setup"]), scene.add("ACME-2", labels=["okr:kr-signups"])
    scene.add("ACME-3", labels=["okr:kr-gone"])
    lead = scene.visit()
    assert "okr:" in lead.get("/mappings/suggestions").text
    page = lead.get("/mappings/suggestions", query_string=RULE).text
    ticked = re.findall(r'name="pair" value="([^"]+)" checked', page)
    assert ticked == [f"{first[0]} kr-setup", f"{second[0]} kr-signups"]
    told = words(page)
    assert "2 pairs 2 epics and rows, 2 key results · 3 looked at" in told
    assert "1 moves a value, 1 is shown as context. Nothing is saved before the button below." in told
    assert "No open key result has the id kr-gone, which ACME-3 names." in told
    back = html.unescape(re.findall(r'name="back" value="([^"]+)"', page)[0])
    answer = lead.post("/mappings/suggestions", {"pair": [f"{first[0]} kr-setup", f"{second[0]} kr-signups"], "back": back})
    assert (answer.status_code, answer.location) == (303, back)
    assert [(row.key_result_id, row.mode) for row in scene.mappings()] == [("kr-setup", "value"), ("kr-signups", "context")]
    after = words(lead.get(back).text)
    assert "2 pairs are mapped." in after
    assert "No pair is suggested." in after


def test_what_was_passed_over_is_told(scene: Scene) -> None:
    (first,), (second,) = scene.add("ACME-1", labels=["okr:kr-setup"]), scene.add("ACME-2", labels=["okr:kr-setup"])
    lead = scene.visit()
    lead.post(f"/mappings/unmapped/{first}/map", {"key_result": "kr-setup"})
    answer = lead.post("/mappings/suggestions", {"pair": [f"{first} kr-setup", f"{second} kr-setup"]})
    assert answer.status_code == 200
    assert "1 pair is mapped." in words(answer.text)
    assert "1 passed over ACME-1 Epic ACME-1 → kr-setup: mapped already" in words(answer.text)
    assert len(scene.mappings()) == 2


@pytest.mark.parametrize("pairs", [[], ["x"], ["1"], [" kr-setup"], ["99999999999999999999 kr-setup"]])
def test_a_save_without_a_pair_keeps_the_page(scene: Scene, pairs: list[str]) -> None:
    scene.add("ACME-1", labels=["okr:kr-setup"])
    back = "/mappings/suggestions?go=1&field0=label&pattern0=okr%3A"
    answer = scene.visit().post("/mappings/suggestions", {"pair": pairs, "back": back})
    assert answer.status_code == 422
    assert "nothing was saved" in words(answer.text)
    assert 'name="pair"' in answer.text


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ({"field0": "title", "pattern0": "no id here"}, "pattern0"),
        ({"field0": "label", "pattern0": "okr:", "field1": "title", "pattern1": "*", "key_result1": "kr-setup"}, "pattern1"),
        ({"field2": "label", "pattern2": "a*b*c*d"}, "pattern2"),
        ({"pattern0": "x", "key_result0": "kr-none"}, "key_result0"),
    ],
)
def test_a_rule_that_cannot_be_read_says_so_at_its_field(scene: Scene, rules: dict[str, str], field: str) -> None:
    scene.add("ACME-1")
    answer = scene.visit().get("/mappings/suggestions", query_string={"go": "1", **rules})
    assert answer.status_code == 422
    assert f'id="e-{field}"' in answer.text


def test_suggestions_over_many_epics_cost_few_statements(scene: Scene) -> None:
    scene.add(*(f"P{number % 40}-{number}" for number in range(5_000)), labels=["okr:kr-setup"])
    lead = scene.visit()
    with scene.statements() as seen:
        page = lead.get("/mappings/suggestions", query_string=RULE)
    assert len(seen) <= MOST_STATEMENTS
    assert "5000 pairs" in words(page.text)
    assert page.text.count('name="pair"') == 200
    assert len(page.data) < MOST_BYTES
