"""The rows of the filter in the mapping form: every type has its tests, what is entered is read, what is stored is shown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import InputError
from mappings.filter_form import WITHOUT_VALUE, asked_of, control_of, fill_filter, read_filter, usual_test
from mappings.wishes import dump_wishes, values_by_name

TYPES = {
    "Stage": "status",
    "Kind": "select",
    "Tags": "multi_select",
    "Seats": "number",
    "Paid": "checkbox",
    "Due": "date",
    "Owner": "people",
    "Project": "relation",
    "Notes": "rich_text",
    "Hours": "rollup",
}


def read(*rows: tuple[str, str, str]) -> dict[str, Any]:
    return read_filter([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows], TYPES)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("Stage", "group", "Complete")], {"Stage": {"group": "Complete"}}),
        ([("Stage", "is", "Won"), ("Stage", "is", "Lost")], {"Stage": ["Won", "Lost"]}),
        ([("Kind", "not", "A")], {"Kind": {"not": ["A"]}}),
        ([("Tags", "all", "x, y ,")], {"Tags": {"all": ["x", "y"]}}),
        ([("Seats", "at_least", "5"), ("Seats", "below", "1 200,5")], {"Seats": {"at_least": 5.0, "below": 1200.5}}),
        ([("Seats", "at_least", "5"), ("Seats", "at_least", "9")], {"Seats": [{"at_least": 5.0}, {"at_least": 9.0}]}),
        ([("Paid", "is", "Yes")], {"Paid": True}),
        ([("Due", "cycle", "left over")], {"Due": {"cycle": "this"}}),
        ([("Due", "last_days", "30")], {"Due": {"last_days": 30.0}}),
        (
            [("Due", "on_or_after", "2026-10-01"), ("Due", "before", "2026-12-01")],
            {"Due": {"on_or_after": "2026-10-01", "before": "2026-12-01"}},
        ),
        ([("Due", "is", "2026-10-01")], {"Due": "2026-10-01"}),
        ([("Owner", "person", "ben@acme.example")], {"Owner": {"person": "ben@acme.example"}}),
        ([("Project", "page", "https://notion.so/x")], {"Project": {"page": "https://notion.so/x"}}),
        ([("Notes", "contains", "renewal"), ("", "", "")], {"Notes": {"contains": "renewal"}}),
        ([("Notes", "filled", "")], {"Notes": {"empty": False}}),
        ([("Unheard of", "", "x")], {"Unheard of": "x"}),
        ([("Due", "group", "Complete")], {"Due": {"cycle": "this"}}),  # left over from a status: the usual test of a date
        ([("Seats", "at_least", "many")], InputError),
        ([("Seats", "at_least", "1,200")], InputError),
        ([("Stage", "is", " ")], InputError),
        ([("Paid", "is", "perhaps")], InputError),
        ([("Seats", "written", "{")], InputError),
    ],
)
def test_rows_are_read(rows: list[tuple[str, str, str]], expected: Any) -> None:
    if expected is InputError:
        with pytest.raises(InputError):
            read(*rows)
    else:
        assert read(*rows) == expected


def test_every_test_of_every_type_has_a_control() -> None:
    for kind in TYPES.values():
        assert usual_test(kind) in dict(asked_of(kind, ""))
        for test, words in asked_of(kind, ""):
            assert words
            assert (control_of(kind, test) == "none") is (test in WITHOUT_VALUE)
    assert asked_of("", "group")[-1] == ("group", "is in the group")
    assert dict(asked_of("number", "written"))["written"] == "is, as written"


plain = st.sampled_from(["Won", "Lost, or so", 5, True])
stored = st.sampled_from(
    [
        *(
            {"group": "Complete"},
            {"at_least": 5, "below": 9},
            {"between": ["2026-10-01", "2026-12-01"]},
            {"last_days": 7},
            {"cycle": "this"},
        ),
        *({"all": ["x", "y"]}, {"all": ["a, b", "c"]}, {"not": ["x", "y"]}, {"not": "x"}, {"contains": "a"}, {"empty": True}),
        *({"person": "b@x"}, {"page": "p"}, {"empty": False, "at_least": 3}, {"at_least": 1}, {"at_most": -1}),
    ]
)


@given(st.dictionaries(st.sampled_from("ABC"), st.lists(plain | stored, min_size=1, max_size=3), max_size=3))
def test_what_is_stored_comes_back_as_it_was(filter_: dict[str, Any]) -> None:
    wishes = values_by_name(filter_, "w")
    form = fill_filter(dump_wishes(wishes))
    types = {
        name: "number" if isinstance(value, float) and not isinstance(value, bool) else "checkbox"
        for name, several in wishes.items()
        for value in several
        if isinstance(value, (float, bool))
    }
    if any(len({type(each) for each in several}) > 1 for several in wishes.values()):
        return  # one property has one type
    back = read_filter(list(form["filter_name"]), list(form["filter_test"]), list(form["filter_value"]), types)
    assert {name: set(several) for name, several in values_by_name(back, "w").items()} == {
        name: set(several) for name, several in wishes.items()
    }
