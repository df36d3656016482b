"""The linked work seen from one issue: points or issues, each once, and which part lies below the epic."""

from __future__ import annotations

from typing import Any

from connector.domain.model import Category, Item, Unknown
from connector.services.forge.issue_work import Part, Work, work_of
from mappings.parsing import parse_mapping
from mappings.repository import Link, Resolution

POINTS = "customfield_10016"


def link(ident: int, measure: Any, **more: Any) -> Link:
    draft = parse_mapping(
        {"connection": "acme-jira", "select": {"epics": ["A-1", "A-2"]}, "measure": measure, **more}, host="jira", where="m"
    )
    resolved = Resolution(refs={"A-1": "1", "A-2": "2"}, fields={"": (POINTS,)})
    return Link(ident, "kr", 1, draft.rule(id=ident, key_result="kr", connection="acme-jira"), resolved, None, True)


def item(ref: str, parent: str, category: Category, points: Any = None, **more: Any) -> Item:
    return Item(ref, f"A-{ref}", "", "", "issue", "A", (parent,), category, fields={POINTS: points}, **more)


ITEMS = [
    item("10", "1", Category.DONE, 5.0),
    item("11", "1", Category.STARTED, 3.0),
    item("20", "2", Category.DONE, 8.0),
    item("21", "2", Category.NEW, None),
]


def worked(links: list[Link], ref: str = "", epic: str = "", items: list[Item] | None = None) -> Work:
    found = work_of(links, {each.id: ITEMS if items is None else items for each in links}, ref, epic)
    assert found is not None
    return found


def test_points_where_a_mapping_measures_points_else_issues() -> None:
    work = worked([link(1, "points_share")], epic="1")
    assert (work.unit, work.whole, work.epic, work.without) == ("point", Part(13.0, 16.0, 4), Part(5.0, 8.0, 2), 1)
    work = worked([link(1, "done_share")], epic="2")
    assert (work.unit, work.whole, work.epic, work.without) == ("issue", Part(2.0, 4.0, 4), Part(1.0, 2.0, 2), 0)


def test_where_the_items_stand() -> None:
    items = [*ITEMS, item("30", "2", Category.UNDEFINED, 1.0)]
    work = worked([link(1, "points_share")], items=items)
    assert (work.finished, work.started, work.waiting, work.untold) == (2, 1, 1, 1)
    assert work.whole == Part(13.0, 17.0, 5)  # what nobody can tell is not done


def test_an_item_of_two_mappings_counts_once() -> None:
    work = worked([link(1, "points_share"), link(2, "done_count", mode="context")], ref="11", epic="1")
    assert work.whole == Part(13.0, 16.0, 4)
    assert work.own == Part(0.0, 3.0, 1)
    assert work.own_done is False


def test_subtasks_below_the_stories_of_an_epic_are_its_too() -> None:
    items = [*ITEMS, item("111", "11", Category.DONE, 2.0)]
    assert worked([link(1, "points_share", subtasks=True)], epic="1", items=items).epic == Part(7.0, 10.0, 3)


def test_what_is_left_out_as_wont_do_is_told_apart() -> None:
    items = [*ITEMS, item("40", "1", Category.DONE, 9.0, resolution="Won't Do")]
    kept = worked([link(1, "points_share")], ref="40", items=items)
    assert (kept.whole, kept.left_out, kept.own) == (Part(22.0, 25.0, 5), 0, Part(9.0, 9.0, 1))
    left = worked([link(1, "points_share", wont_do="exclude")], ref="40", items=items)
    assert (left.whole, left.left_out, left.own) == (Part(13.0, 16.0, 4), 1, None)
    both = worked([link(1, "points_share", wont_do="exclude"), link(2, "points_share")], ref="40", items=items)
    assert (both.whole, both.left_out) == (Part(22.0, 25.0, 5), 0)


def test_points_that_nobody_can_read_are_none_and_an_issue_that_is_not_counted_has_no_part() -> None:
    work = worked([link(1, "points_share")], ref="99", items=[item("10", "1", Category.DONE, Unknown("hidden")), ITEMS[1]])
    assert (work.whole, work.without) == (Part(0.0, 3.0, 2), 1)
    assert (work.own, work.own_done, work.epic) == (None, None, None)


def test_nothing_linked_is_no_work() -> None:
    assert work_of([link(1, "done_share")], {}, "10", "1") is None
    assert work_of([], {}, "10", "1") is None
