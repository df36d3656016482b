"""The dialect: the five documented deliveries, all 31 kinds of the contract, buttons, hand-shakes, and nonsense."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.hosts.base import Event, Ignored, NotThisHost
from connector.hosts.notion import dialect
from tests.hosts.notion.conftest import CONTRACT, TESTS, check
from webhooks.signatures import verify

FILES = sorted((TESTS / "fixtures" / "notion-webhooks").glob("*.json"))
ALICE = "c7c11cca-1d73-471d-9b6e-bdef51470190"
ENTITY = "153104cd-477e-809d-8dc4-ff2d96ae3090"
EXPECTED = {
    "comment.created": ("comment", "0ef104cd-477e-80e1-8571-cfd10e92339a", "153104cd-477e-80ca-8f75-001d9e2b6839", ""),
    "data_source.schema_updated": ("scope", "", "", "153104cd-477e-80eb-ae76-e1c2a32c7b35"),
    "page.created": ("changed", None, "", ""),
    "page.deleted": ("deleted", "153104cd-477e-8001-935c-c4b11828dfbd", "", ""),
    "page.properties_updated": ("changed", ENTITY, "", ""),
}


def body(**parts: Any) -> bytes:
    return json.dumps(parts).encode()


def delivery(kind: str, **parts: Any) -> dict[str, Any]:
    data = {"parent": {"id": "b" * 32, "type": "database", "data_source_id": "d" * 32}, "page_id": "a" * 32}
    base = {"id": "1782edd6-a853-4d4a-b02c-9c8c16f28e53", "timestamp": "2026-11-21T23:57:05.379Z", "type": kind, "data": data}
    return {**base, "authors": [{"id": ALICE, "type": "person"}], "entity": {"id": ENTITY, "type": kind.partition(".")[0]}, **parts}


def one(payload: dict[str, Any]) -> Event:
    events = dialect.parse({}, body(**payload))
    assert not isinstance(events, Ignored)
    assert len(events) == 1
    return events[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_documented_deliveries(path: Path) -> None:
    payload = json.loads(path.read_text())["body"]
    raw = json.dumps(payload).encode()
    assert dialect.delivery({}, raw).key == payload["id"]
    assert dialect.handshake({}, raw) is None
    event = one(payload)
    kind, ref, comment, container = EXPECTED[path.stem]
    assert (event.kind, event.comment_id, event.container) == (kind, comment, container)
    assert ref is None or event.ref == ref
    assert event.author == ALICE
    assert event.at is not None
    assert event.at.tzinfo is not None


def kinds_of_the_contract() -> list[str]:
    names = [name for name in CONTRACT["definitions"] if name.endswith("WebhookPayload")]
    return sorted(CONTRACT["definitions"][name]["properties"]["type"]["const"] for name in names)


def test_every_kind_of_the_contract_is_declared() -> None:
    kinds = kinds_of_the_contract()
    assert len(kinds) == 31
    assert set(kinds) | {"automation"} == dialect.handled | dialect.ignored
    assert not dialect.handled & dialect.ignored


@pytest.mark.parametrize("kind", kinds_of_the_contract())
def test_every_kind_gives_events_or_is_ignored_as_declared(kind: str) -> None:
    outcome = dialect.parse({}, body(**delivery(kind)))
    assert isinstance(outcome, Ignored) is (kind in dialect.ignored)


def test_a_row_event_names_its_data_source_and_an_old_version_does_not() -> None:
    dashed = "dddddddd-dddd-dddd-dddd-dddddddddddd"
    assert one(delivery("page.properties_updated")).container == dashed
    assert one(delivery("page.undeleted")).kind == "changed"
    assert one(delivery("page.content_updated")).kind == "changed"  # a title change arrives like this
    assert one(delivery("page.moved", data={"parent": {"id": "b" * 32, "type": "database"}})).container == ""
    assert one(delivery("page.created", data={"parent": {"id": "b" * 32, "type": "page"}})).parent_refs == (
        "bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb",
    )
    assert one(delivery("data_source.deleted")) == Event("scope", container=ENTITY, author=ALICE, at=one(delivery("data_source.moved")).at)


def test_only_a_delivery_whose_every_author_is_one_bot_is_marked_as_a_bots() -> None:
    bot = {"id": "f" * 32, "type": "bot"}
    dashed = "ffffffff-ffff-ffff-ffff-ffffffffffff"
    assert one(delivery("page.created", authors=[bot])).author == f"bot:{dashed}"
    assert one(delivery("page.created", authors=[bot, {"id": ALICE, "type": "person"}])).author == dashed
    assert one(delivery("page.created", authors=[bot, {"id": "e" * 32, "type": "bot"}])).author == dashed
    assert one(delivery("page.created", authors=[{"id": ALICE, "type": "agent"}])).author == ALICE
    assert one(delivery("page.created", authors=None)).author == ""


def test_an_event_names_all_its_authors_and_what_was_edited() -> None:
    bot = {"id": "f" * 32, "type": "bot"}
    told = delivery("page.properties_updated", authors=[bot, {"id": ALICE, "type": "person"}, bot])
    event = one({**told, "data": {**told["data"], "updated_properties": ["XGe%40", "DbAu", "DbAu", 7]}})
    assert event.authors == ("bot:ffffffff-ffff-ffff-ffff-ffffffffffff", ALICE)
    assert event.fields == ("XGe@", "DbAu")
    assert one(delivery("page.content_updated")).fields == ("title",)
    assert one(delivery("page.created", authors=None)).authors == ()
    assert one(delivery("page.created", data={"updated_properties": "XGe%40"})).fields == ()


def test_a_send_webhook_action_has_a_key_and_a_page() -> None:
    source = {"type": "automation", "automation_id": "x", "action_id": "y", "event_id": "ev-1", "attempt": 2}
    page = {"object": "page", "id": "a" * 32, "parent": {"type": "data_source_id", "data_source_id": "d" * 32}, "properties": {}}
    raw = body(source=source, data=page)
    assert dialect.delivery({}, raw) == dialect.delivery({}, body(source={**source, "attempt": 3}, data=page))
    assert dialect.delivery({}, raw).event == "automation"
    event = one({"source": source, "data": page})
    assert (event.kind, event.ref) == ("changed", "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa")
    assert dialect.delivery({}, body(source={"type": "automation"}, data=page)).key.startswith("sha256:")


@pytest.mark.parametrize("source", [{}, {"type": "formula"}, {"type": 7}, {"type": None, "event_id": "ev-1"}])
def test_an_automation_of_a_kind_that_is_not_known_is_left_alone(source: dict[str, Any]) -> None:
    raw = body(source=source, data={"object": "page", "id": "a" * 32})
    assert dialect.delivery({}, raw).event == "automation"
    assert dialect.parse({}, raw) == Ignored("unknown automation")
    with pytest.raises(NotThisHost):
        dialect.delivery({}, body(source=source))


@pytest.mark.parametrize("kind", ["automation", "button", "database_button"])
def test_a_press_tells_the_page_and_who_where_notion_does(kind: str) -> None:
    source = {"type": kind, "automation_id": "x", "action_id": "y", "event_id": "ev-1", "attempt": 1}
    in_a_database = {"object": "page", "id": "a" * 32, "parent": {"type": "data_source_id", "data_source_id": "d" * 32}, "properties": {}}
    on_a_page = {"object": "page", "id": "a" * 32, "parent": {"type": "page_id", "page_id": "b" * 32}}
    for data, container in ((in_a_database, "d" * 8), (on_a_page, ""), ({"page": on_a_page}, "")):
        event = one({"source": source, "data": data})
        assert (event.ref[:8], event.container[:8], event.author, event.pressed) == ("a" * 8, container, "", True)
    assert one({"source": {**source, "user_id": "c" * 32}, "data": on_a_page}).author == "cccccccc-cccc-cccc-cccc-cccccccccccc"
    assert one({"source": {**source, "user": {"id": "c" * 32}}, "data": on_a_page}).author == "cccccccc-cccc-cccc-cccc-cccccccccccc"


@pytest.mark.parametrize("data", [None, {}, {"id": "../../users"}, {"id": 7}, {"object": "page", "properties": {}}, []])
def test_a_press_without_a_page_is_left_alone_since_a_refusal_would_pause_the_button(data: Any) -> None:
    raw = body(source={"type": "automation", "event_id": "ev-1"}, data=data)
    assert dialect.delivery({}, raw).key == "automation:ev-1"
    assert dialect.parse({}, raw) == Ignored("no page")


def test_handshakes_and_signatures() -> None:
    assert dialect.handshake({}, b'{"verification_token":"secret_abc"}') == "secret_abc"
    for raw in (b"", b"{}", b'{"verification_token":1}', b'{"verification_token":"s","type":"page.created","entity":{}}', b"\xff"):
        assert dialect.handshake({}, raw) is None
    with pytest.raises(NotThisHost):
        dialect.delivery({}, b'{"verification_token":"secret_abc"}')
    header = "sha256=9faf1b64aef78c022dd0efcd9828c4f284d23e3736fb51480a176bdbac881864"
    assert dialect.signature({"x-notion-signature": header}) == header
    assert dialect.signature({}) is None
    assert verify(["secret_test"], '{"workspace_name":"Käse"}'.encode(), header)
    assert not verify(["secret_test"], b'{"workspace_name":"K\\u00e4se"}', header)  # never over JSON written anew


def test_unknown_kinds_are_ignored_and_other_hosts_are_told_apart() -> None:
    assert dialect.parse({}, body(**delivery("page.teleported"))) == Ignored("unknown event")
    for raw in (
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"webhookEvent":"jira:issue_updated","timestamp":1,"issue":{"id":"1"}}',
        b'{"id":1,"type":"page.created","entity":{}}',
    ):
        with pytest.raises(NotThisHost):
            dialect.parse({}, raw)
    with pytest.raises(NotThisHost):
        dialect.parse({}, body(**delivery("page.created", entity={"id": "../../users", "type": "page"})))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=10)
    | st.sampled_from([ENTITY, *dialect.handled, *dialect.ignored]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "type", "parent", "page_id", "data_source_id", "source", "x"]), inner, max_size=4)
    ),
    max_leaves=10,
)
payloads = st.dictionaries(
    st.sampled_from(["id", "type", "entity", "data", "authors", "timestamp", "source", "verification_token"]), json_values, max_size=8
)
likely = st.builds(lambda kind, more: {**delivery(kind), **more}, st.sampled_from(sorted(dialect.handled)), payloads)


@settings(max_examples=300)
@given(payloads | likely)
def test_no_object_raises_anything_but_not_this_host(payload: dict[str, Any]) -> None:
    raw = json.dumps(payload).encode()
    dialect.handshake({}, raw)
    try:
        found = dialect.delivery({}, raw)
        assert found.key
        outcome = dialect.parse({}, raw)
    except NotThisHost:
        return
    assert isinstance(outcome, Ignored) or all(event.kind in ("changed", "deleted", "comment", "scope") for event in outcome)


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_but_not_this_host(raw: bytes) -> None:
    with contextlib.suppress(NotThisHost):
        dialect.parse({}, raw)


def test_the_stand_ins_deliveries_fit_the_contract(box: Any) -> None:
    _, source = box.world.add_database("Deals", {"Seats": "number"})
    row = box.world.add_row(source, {"Name": "A"})
    box.world.set_property(row, "Seats", 3)
    box.world.set_property(row, "Name", "B")
    box.world.rename_property(source, "Seats", "Chairs")
    box.world.trash(row)
    box.world.restore(row)
    box.world.add_comment(row, "hello")
    names = {each["properties"]["type"]["const"]: name for name, each in CONTRACT["definitions"].items() if name.endswith("WebhookPayload")}
    seen = [each["type"] for each in box.events]
    assert seen == [
        "database.created",
        "data_source.created",
        "page.created",
        "page.properties_updated",
        "page.content_updated",
        "data_source.schema_updated",
        "page.deleted",
        "page.undeleted",
        "comment.created",
    ]
    for event in box.events:
        check(names[event["type"]], event)
        assert not isinstance(dialect.parse({}, body(**event)), Ignored)
