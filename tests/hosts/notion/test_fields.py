"""Pages and property values, from recorded answers and from every type of the contract."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.model import Category, Unknown
from connector.hosts.notion.fields import field_value, is_gone, read_item
from connector.hosts.notion.schema import read_schema
from tests.hosts.notion.conftest import CONTRACT, check, fixture


def test_a_page_of_the_reference_with_every_common_type() -> None:
    item = read_item(fixture("notion-api", "pages--get_retrieve_a_page.json"), None)
    assert item.ref == item.key == "59833787-2cf9-4fdf-8782-e53db20768a5"
    assert (item.title, item.kind, item.container) == ("Tuscan kale", "row", "d9824bdc-8445-4327-be8b-5b47500af6ce")
    assert item.fields == {
        ":UPp": ("Gus's Community Market", "Rainbow Grocery"),
        "A@Hk": "🥬 Vegetable",
        "BJXS": 2.5,
        "Iowm": ("cbfe3c6e-71cf-4cd3-b6e7-02f38f371bcc",),
        "Jsfb": "2022-02-22",
        "WOd;": 0.0,
        "YfIu": ("90eeeed8-2cdd-4af4-9cc1-3d24aff5f63c", "a2da43ee-d43c-4285-8ae2-6d811f12629a"),
        "_Tc_": "A dark green leafy vegetable",
        "`[q?": True,
        "zag~": 2.0,
        "}F_L": "https://i.insider.com/612fb23c9ef1e50018f93198?width=1136&format=jpeg",
        "title": "Tuscan kale",
    }
    assert item.created_at is not None
    assert item.created_at.isoformat() == "2022-03-01T19:05:00+00:00"


def test_recorded_answers_are_read() -> None:
    for exchange in fixture("notion-api", "sdk-py--pages_retrieve.json"):
        if exchange["response"]["body"].get("object") == "page":
            assert read_item(exchange["response"]["body"], None).title.startswith("Test ")
    for row in fixture("notion-api", "data_sources--post_query_a_data_source.json")["results"]:
        assert read_item(row, None).fields["BJXS"] == 2.5


def test_the_schema_of_the_reference() -> None:
    schema = read_schema(fixture("notion-api", "data_sources--get_retrieve_a_data_source.json"))
    assert (schema.source, schema.name) == ("bc1211ca-e3f1-4939-ae34-5260b16f627c", "Grocery List")
    assert schema.database == "6ee911d9-189c-4844-93e8-260c1438b6e4"
    assert schema.properties["Wp=C"].name == "+1"
    assert schema.done_ids == ("fk^Y",)  # no status: the only checkbox decides
    assert schema.near("prise") == ["Price"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"type": "number", "number": None}, None),
        ({"type": "number", "number": 0}, 0.0),
        ({"type": "number", "number": True}, Unknown("not a number")),
        ({"type": "formula", "formula": {"type": "unsupported", "unsupported": {}}}, Unknown("formula unsupported")),
        ({"type": "formula", "formula": {"type": "string", "string": "yes"}}, "yes"),
        ({"type": "formula", "formula": {"type": "boolean", "boolean": False}}, False),
        ({"type": "formula", "formula": {"type": "date", "date": {"start": "2026-11-01"}}}, "2026-11-01"),
        ({"type": "rollup", "rollup": {"type": "incomplete", "incomplete": {}, "function": "sum"}}, Unknown("rollup incomplete")),
        ({"type": "rollup", "rollup": {"type": "unsupported", "unsupported": {}, "function": "sum"}}, Unknown("rollup unsupported")),
        ({"type": "rollup", "rollup": {"type": "number", "number": 7, "function": "sum"}}, 7.0),
        (
            {
                "type": "rollup",
                "rollup": {
                    "type": "array",
                    "array": [{"type": "number", "number": 2}, {"type": "title", "title": []}],
                    "function": "show_original",
                },
            },
            ("2",),
        ),
        ({"type": "relation", "relation": [{"id": "a" * 32}], "has_more": True}, Unknown("more than 25 related pages, not read in full")),
        ({"type": "people", "people": [{"id": "a" * 32}] * 25}, Unknown("25 or more people, not read in full")),
        ({"type": "button", "button": {}}, None),
        ({"type": "place", "place": {"lat": 1, "lon": 2, "name": "Oslo", "address": None}}, "Oslo"),
        ({"type": "place", "place": None}, None),
        ({"type": "verification", "verification": {"state": "verified"}}, "verified"),
        ({"type": "unique_id", "unique_id": {"prefix": "KR", "number": 12}}, "KR-12"),
        ({"type": "files", "files": [{"name": "a.pdf", "file": {"url": "https://files.example/1?sig=2"}}]}, ("a.pdf",)),
        ({"type": "status", "status": None}, None),
        ({"type": "hologram", "hologram": 1}, Unknown("unsupported property type hologram")),
        ({}, Unknown("unsupported property type None")),
    ],
)
def test_values(value: dict[str, Any], expected: object) -> None:
    assert field_value(value) == expected


def test_every_property_type_of_the_contract_has_a_reading() -> None:
    def kinds(node: object) -> set[str]:
        if isinstance(node, dict):
            if "$ref" in node:
                return kinds(CONTRACT["definitions"][node["$ref"].rpartition("/")[2]])
            const = node.get("properties", {}).get("type", {}).get("const")
            inner = [*node.get("anyOf", []), *node.get("allOf", []), node.get("additionalProperties")]
            return {const} if const else set().union(*(kinds(each) for each in inner))
        return set()

    declared = kinds(CONTRACT["definitions"]["PageObjectResponse"]["properties"]["properties"])
    assert {"number", "status", "rollup", "verification"} <= declared
    for kind in declared:
        value = field_value({"type": kind, kind: None})
        assert not (isinstance(value, Unknown) and value.reason.startswith("unsupported property type")), kind


def _schema(groups: list[tuple[str, list[str]]], **more: Any) -> dict[str, Any]:
    options = [{"id": f"o-{name}", "name": name} for _, names in groups for name in names]
    shown = [{"id": f"g-{group}", "name": group, "option_ids": [f"o-{name}" for name in names]} for group, names in groups]
    properties = {"Status": {"id": "st%3A1", "name": "Status", "type": "status", "status": {"options": options, "groups": shown}}, **more}
    return {"object": "data_source", "id": "d" * 32, "title": [], "properties": properties}


def _row(option: dict[str, Any] | None) -> dict[str, Any]:
    return {"id": "e" * 32, "properties": {"Status": {"id": "st%3A1", "type": "status", "status": option}}}


def test_status_groups_give_the_category_by_name_and_else_by_order() -> None:
    english = read_schema(_schema([("To-do", ["Idea"]), ("In progress", ["Doing", "Review"]), ("Complete", ["Won", "Lost"])]))
    other = read_schema(_schema([("Zu erledigen", ["Idea"]), ("Läuft", ["Doing", "Review"]), ("Fertig", ["Won"])]))
    for schema in (english, other):
        found = {name: read_item(_row({"id": f"o-{name}", "name": name}), schema).category for name in ("Idea", "Review", "Won")}
        assert found == {"Idea": Category.NEW, "Review": Category.STARTED, "Won": Category.DONE}
    assert read_item(_row({"id": "o-new", "name": "New"}), english).category is Category.UNDEFINED
    assert read_item(_row(None), english).category is Category.UNDEFINED


def test_the_status_that_we_write_ourselves_never_decides_what_is_done() -> None:
    ours = {"OKR status": {"id": "okr", "name": "OKR status", "type": "status", "status": {"options": [], "groups": []}}}
    box = {"Paid": {"id": "paid", "name": "Paid", "type": "checkbox", "checkbox": {}}}
    raw = _schema([("To-do", ["Idea"]), ("Complete", ["Won"])], **ours)
    stage = raw["properties"].pop("Status")
    raw["properties"]["Stage"] = {**stage, "name": "Stage"}
    assert read_schema(raw).done_ids == ("st:1",)  # not undecided between the two
    assert read_schema({"id": "d" * 32, "properties": {**ours, **box}}).done_ids == ("paid",)
    row = _row({"id": "o-Won", "name": "Won"})
    row["properties"]["OKR status"] = {"id": "okr", "type": "status", "status": {"id": "x", "name": "At risk"}}
    assert read_item(row, read_schema(raw)).category is Category.DONE
    assert read_item(row, None).status == "Won"


def test_a_group_carried_by_the_option_itself_counts() -> None:
    raw = _schema([("To-do", ["Idea"]), ("Complete", ["Won"])])
    status = raw["properties"]["Status"]["status"]
    status["options"][1]["group"] = "Complete"
    status["groups"] = [{"id": "g1", "name": "To-do", "option_ids": ["o-Idea"]}]
    assert read_item(_row({"id": "o-Won", "name": "Won"}), read_schema(raw)).category is Category.DONE


def test_two_statuses_need_the_name_status_and_a_lone_checkbox_stands_in() -> None:
    second = {"Stage": {"id": "stage", "name": "Stage", "type": "status", "status": {"options": [], "groups": []}}}
    assert read_schema(_schema([], **second)).done_ids == ("st:1",)
    box = {"id": "d" * 32, "properties": {"Done": {"id": "b", "type": "checkbox", "checkbox": {}}}}
    page = {"id": "e" * 32, "properties": {"Done": {"id": "b", "type": "checkbox", "checkbox": True}}}
    assert read_item(page, read_schema(box)).category is Category.DONE
    page["properties"]["Done"]["checkbox"] = False  # type: ignore[index]
    assert read_item(page, read_schema(box)).category is Category.NEW


@pytest.mark.parametrize("flag", ["in_trash", "archived", "is_archived"])
def test_trash_and_archive_are_gone(flag: str) -> None:
    assert is_gone({flag: True})
    assert not is_gone({flag: False})


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "number", "id", "name", "status", "relation", "array", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)
KINDS = [
    "number",
    "status",
    "select",
    "relation",
    "people",
    "rollup",
    "formula",
    "date",
    "title",
    "unique_id",
    "place",
    "files",
    "checkbox",
    "x",
]


@given(st.sampled_from(KINDS), values, values)
def test_no_shape_breaks_the_reader_and_numbers_are_finite(kind: str, inner: object, page: object) -> None:
    value = field_value({"type": kind, kind: inner})
    assert not isinstance(value, float) or value - value == 0
    read_item({"id": "e" * 32, "properties": {"A": {"id": "a", "type": kind, kind: inner}}, "parent": page}, None)


def test_the_stand_in_shows_every_property_type_as_the_contract_says(box: Any, host: Any) -> None:
    kinds = [
        "number",
        "status",
        "select",
        "checkbox",
        "rich_text",
        "date",
        "people",
        "relation",
        "formula",
        "rollup",
        "url",
        "email",
        "phone_number",
        "files",
        "created_time",
        "created_by",
        "last_edited_time",
        "last_edited_by",
        "unique_id",
        "button",
        "place",
        "verification",
    ]
    _, source = box.world.add_database(
        "Deals", {kind: kind for kind in kinds} | {"multi_select": {"type": "multi_select", "options": ["a"]}}
    )
    given = {
        "Name": "A",
        "number": 3,
        "status": "Done",
        "multi_select": ["a"],
        "date": "2026-11-01",
        "people": [box.world.data["person"]],
        "formula": {"type": "unsupported", "unsupported": {}},
        "rollup": {"type": "number", "number": 2, "function": "sum"},
        "unique_id": {"prefix": "KR", "number": 4},
        "files": [],
        "verification": {"state": "unverified", "verified_by": None, "date": None},
    }
    page = host._client.page(box.world.add_row(source, given))
    page.pop("request_id")
    user = {"object": "user", "id": "x"}
    page["properties"].pop("formula")  # the published types know no unsupported formula yet
    for name in ("button", "place"):  # nor these
        assert field_value(page["properties"].pop(name)) is None
    check("PageObjectResponse", {**page, "created_by": user, "last_edited_by": user})
    item = host.fetch_items([page["id"]], []).items[0]
    by_name = {
        name: item.fields[box.world.property_id(source, name)]
        for name in ("formula", "rollup", "unique_id", "verification", "status", "button")
    }
    assert by_name == {
        "formula": Unknown("formula unsupported"),
        "rollup": 2.0,
        "unique_id": "KR-4",
        "verification": "unverified",
        "status": "Done",
        "button": None,
    }
