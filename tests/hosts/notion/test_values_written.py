"""Property values written and read back: every type that can be written comes back as it was, the others are refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.errors import Refused
from connector.hosts.notion.host import NotionHost
from connector.hosts.notion.sandbox import NotionSandbox

PERSON = "1111abcd-0123-4567-89ab-0123456789ab"
PAGES = [f"{number:08x}-0123-4567-89ab-0123456789ab" for number in range(1, 31)]
KINDS: dict[str, Any] = {
    "number": "number",
    "percent": {"type": "number", "format": "percent"},
    "rich_text": "rich_text",
    "checkbox": "checkbox",
    "select": {"type": "select", "options": ["A", "B"]},
    "multi_select": {"type": "multi_select", "options": ["x", "y"]},
    "status": {"type": "status", "groups": {"To-do": ["Idea"], "Complete": ["Done"]}},
    "date": "date",
    "people": "people",
    "relation": "relation",
    "url": "url",
    "email": "email",
    "phone_number": "phone_number",
}
READ_ONLY = ("formula", "rollup", "created_time", "created_by", "last_edited_time", "last_edited_by", "unique_id", "button")

values = st.fixed_dictionaries(
    {},
    optional={
        "number": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "percent": st.sampled_from([0.0, 0.42, 0.5499999, 1.0]),
        "rich_text": st.none() | st.text(min_size=1, max_size=40) | st.just("ä" * 4500),
        "checkbox": st.booleans(),
        "select": st.sampled_from([None, "A", "made by writing"]),
        "multi_select": st.lists(st.sampled_from("xyz"), unique=True).map(tuple),
        "status": st.sampled_from([None, "Idea", "Done"]),
        "date": st.sampled_from([None, "2026-11-22", "2026-11-22T09:00:00.000+01:00"]),
        "people": st.sampled_from([(), (PERSON,)]),
        "relation": st.sampled_from([(), tuple(PAGES[:3])]),
        "url": st.sampled_from([None, "https://acme.example"]),
        "email": st.sampled_from([None, "ben@acme.example"]),
        "phone_number": st.sampled_from([None, "+1 555 0100"]),
    },
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(values)
def test_what_is_written_is_read_back(box: NotionSandbox, host: NotionHost, wished: dict[str, Any]) -> None:
    _, source = box.world.add_database("Deals", KINDS)
    ref = box.world.add_row(source, {"Name": "A"})
    host.write_values(ref, wished)
    item = host.fetch_items([ref], []).items[0]
    read = {name: item.fields[box.world.property_id(source, name)] for name in wished}
    assert read == wished
    before = len([1 for method, _, _, _ in box.log if method == "PATCH"])
    assert host.write_values(ref, wished) == {"written": 0}
    assert len([1 for method, _, _, _ in box.log if method == "PATCH"]) == before


@pytest.mark.parametrize("kind", READ_ONLY)
def test_what_notion_makes_itself_is_refused_by_name(box: NotionSandbox, host: NotionHost, kind: str) -> None:
    _, source = box.world.add_database("Deals", {"Made there": kind})
    ref = box.world.add_row(source, {"Name": "A"})
    with pytest.raises(Refused, match=f'"Made there" is a {kind} property, which cannot be set'):
        host.write_values(ref, {"Made there": "x"})
