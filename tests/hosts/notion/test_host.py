"""The real client against the stand-in: describing, resolving, reading items, comments, values."""

from collections.abc import Callable
from typing import Any

import pytest

from connector.domain.model import Category, Unknown
from connector.errors import Gone, InputError, Refused
from connector.hosts.base import Resolution, Wanted
from connector.hosts.notion import check_auth
from connector.hosts.notion.host import NotionHost
from connector.hosts.notion.sandbox import NotionSandbox
from mappings.rules import Selector, SelectorKind

PROPERTIES: dict[str, Any] = {
    "Stage": {"type": "status", "groups": {"To-do": ["Lead"], "In progress": ["Talks"], "Complete": ["Won", "Lost"]}},
    "Seats": "number",
    "Region": {"type": "select", "options": ["North", "South"]},
    "Paid": "checkbox",
    "Partners": "relation",
}


@pytest.fixture
def deals(box: NotionSandbox) -> tuple[str, str]:
    return box.world.add_database("Deals", PROPERTIES)


def select(database: str, **more: Any) -> Selector:
    return Selector(SelectorKind.DATABASE, database=database, **more)


def wanted(host: NotionHost, selector: Selector, *names: str) -> Wanted:
    return Wanted(1, selector, host.resolve(selector, names), names)


# --- describing --------------------------------------------------------------------------------------------------------


def test_describe_tells_the_bot_and_the_data_sources(box: NotionSandbox, host: NotionHost, deals: tuple[str, str]) -> None:
    found = host.describe()
    assert found.account == "OKR bot (Käse & Co)"
    assert found.bot_id == box.world.data["bot"]
    container = found.containers[0]
    assert (container.id, container.parent, container.name) == (deals[1], deals[0], "Deals")
    roles = {each.name: each.role for each in container.fields}
    assert roles == {"Name": "title", "Stage": "status", "Seats": "number", "Region": "", "Paid": "checkbox", "Partners": ""}
    assert found.warnings == ()


def test_describe_warns_when_nothing_is_shared_and_refuses_a_wrong_token(make_host: Callable[..., NotionHost]) -> None:
    assert "Connections" in make_host().describe().warnings[0]
    with pytest.raises(Refused) as refused:
        make_host(token="ntn_wrong").describe()
    assert refused.value.parks
    assert "ntn_wrong" not in str(refused.value)


def test_every_request_names_the_version(box: NotionSandbox, host: NotionHost) -> None:
    host.describe()  # the stand-in answers 400 to any other version
    assert host.requests == 3


def test_identify_costs_one_request_and_tests_the_token(box: NotionSandbox, make_host: Callable[..., NotionHost]) -> None:
    host = make_host()
    assert (host.identify(), host.requests) == (box.world.data["bot"], 1)
    with pytest.raises(Refused):
        make_host(token="ntn_wrong").identify()


@pytest.mark.parametrize(
    ("auth", "where"),
    [
        ({}, "auth.token"),
        ({"token": ""}, "auth.token"),
        ({"token": "a b"}, "auth.token"),
        ({"token": 5}, "auth.token"),
        ({"token": "x", "email": "e"}, "auth.email"),
    ],
)
def test_auth_is_checked_and_never_repeated(auth: dict[str, Any], where: str) -> None:
    with pytest.raises(InputError) as error:
        check_auth(auth)
    assert error.value.where == where
    assert "a b" not in str(error.value)
    check_auth({"token": "ntn_abc"})


# --- resolving ---------------------------------------------------------------------------------------------------------


def test_names_become_ids_and_survive_a_rename(box: NotionSandbox, host: NotionHost, deals: tuple[str, str]) -> None:
    database, source = deals
    selector = select(database, filter={"Stage": ("Won",)})
    first = host.resolve(selector, ["Seats"])
    assert first.containers == (source,)
    assert first.fields == {
        "Stage": (box.world.property_id(source, "Stage"),),
        "Seats": (box.world.property_id(source, "Seats"),),
        "": (box.world.property_id(source, "Stage"),),
    }
    assert all(":" in ids[0] for ids in first.fields.values())  # decoded, not %3A
    box.world.rename_property(source, "Seats", "Chairs")
    with pytest.raises(Refused, match="not a property"):
        host.resolve(selector, ["Seats"])
    again = host.resolve(selector, ["Seats"], first)
    assert again.fields == first.fields
    box.world.remove_property(source, "Chairs")
    gone = host.resolve(selector, ["Seats"], first)
    assert gone.missing == ("Seats",)
    assert gone.fields["Seats"] == first.fields["Seats"]


def test_unknown_names_and_options_are_refused_with_near_ones(host: NotionHost, deals: tuple[str, str]) -> None:
    with pytest.raises(Refused, match='"Seat" is not a property of Deals; did you mean: Seats') as refused:
        host.resolve(select(deals[0]), ["Seat"])
    assert refused.value.code == "unknown_property"
    with pytest.raises(Refused, match="options are: Lead, Talks, Won, Lost"):
        host.resolve(select(deals[0], filter={"Stage": ("won",)}), [])
    with pytest.raises(Refused, match="true or false"):
        host.resolve(select(deals[0], filter={"Paid": ("yes",)}), [])
    with pytest.raises(Refused, match="without quotes"):
        host.resolve(select(deals[0], filter={"Seats": ("5",)}), [])
    with pytest.raises(Refused, match="not a property"):
        host.resolve(select(deals[0], filter={"Stagge": ("Won",)}), [])


def test_an_option_removed_later_makes_the_number_wrong_but_is_no_refusal(
    box: NotionSandbox, host: NotionHost, deals: tuple[str, str]
) -> None:
    selector = select(deals[0], filter={"Region": ("South",)})
    first = host.resolve(selector, [])
    prop = box.world.data["sources"][deals[1]]["properties"][box.world.property_id(deals[1], "Region")]
    prop["select"]["options"].pop()
    after = host.resolve(selector, [], first)
    assert after.wrong == ('"South" is not an option of "Region" in Deals; the options are: North',)
    assert after.missing == ()


def test_a_database_with_several_data_sources(box: NotionSandbox, host: NotionHost, deals: tuple[str, str]) -> None:
    database, source = deals
    known = host.resolve(select(database), ["Seats"])
    second = box.world.add_data_source(database, "Renewals", {"Seats": "number"})
    with pytest.raises(Refused, match=r'"Deals".*"Renewals"') as refused:
        host.resolve(select(database), ["Seats"])
    assert refused.value.code == "ambiguous_data_source"
    assert host.resolve(select(database), ["Seats"], known).containers == (source,)  # a mapping made before keeps working
    assert host.resolve(select(database, data_source="renewals"), ["Seats"]).containers == (second,)
    assert host.resolve(select(database, data_source=second.replace("-", "")), ["Seats"]).containers == (second,)
    with pytest.raises(Refused, match="it has"):
        host.resolve(select(database, data_source="Churn"), [])
    box.world.data["sources"][second]["name"] = "Extensions"
    named = host.resolve(select(database, data_source="Extensions"), ["Seats"])
    box.world.data["sources"][second]["name"] = "Renewals 2"
    assert host.resolve(select(database, data_source="Extensions"), ["Seats"], named).containers == (second,)
    assert host.resolve(select(database, data_source="Deals"), ["Seats"], named).containers == (source,)  # the mapping was changed


def test_a_data_source_id_or_a_link_serves_as_database(host: NotionHost, deals: tuple[str, str]) -> None:
    database, source = deals
    assert host.resolve(select(source), []).containers == (source,)
    link = f"https://app.notion.com/p/Deals-{database.replace('-', '')}?v=0123456789abcdef0123456789abcdef"
    assert host.resolve(select(link), []).containers == (source,)
    with pytest.raises(Refused, match="not shared"):
        host.resolve(select("a" * 32), [])
    with pytest.raises(Refused, match="not a Notion id"):
        host.resolve(select("Deals"), [])
    with pytest.raises(Refused, match='no "epics"'):
        host.resolve(Selector(SelectorKind.EPICS, epics=("A-1",)), [])


def test_rows_are_resolved_and_gone_ones_are_kept_when_known(box: NotionSandbox, host: NotionHost, deals: tuple[str, str]) -> None:
    row = box.world.add_row(deals[1], {"Name": "Acme", "Seats": 5})
    selector = Selector(SelectorKind.ROWS, rows=(row.replace("-", ""),))
    found = host.resolve(selector, ["Seats"])
    assert (dict(found.refs), dict(found.titles), found.containers) == ({selector.rows[0]: row}, {row: "Acme"}, (deals[1],))
    box.world.trash(row)
    with pytest.raises(Refused, match="does not exist or is not shared"):
        host.resolve(selector, ["Seats"])
    kept = host.resolve(selector, ["Seats"], found)
    assert kept.missing == selector.rows
    assert kept.refs == found.refs
    assert kept.fields == found.fields
    page = box.world.add_page("Plain page")
    assert host.resolve(Selector(SelectorKind.ROWS, rows=(page,)), []).containers == ()
    with pytest.raises(Refused, match="no database"):
        host.resolve(Selector(SelectorKind.ROWS, rows=(page,)), ["Seats"])


# --- fetching ----------------------------------------------------------------------------------------------------------


def test_items_carry_values_by_decoded_id_status_and_container(box: NotionSandbox, host: NotionHost, deals: tuple[str, str]) -> None:
    database, source = deals
    row = box.world.add_row(source, {"Name": "Acme", "Stage": "Won", "Seats": 12, "Region": "North"})
    need = wanted(host, select(database), "Seats")
    item = host.fetch_items([row], [need]).items[0]
    seats = need.resolution.fields["Seats"][0]
    assert (item.title, item.status, item.category, item.container, item.fields[seats]) == ("Acme", "Won", Category.DONE, source, 12.0)
    assert box.world.property_id(source, "Region") not in item.fields  # only what is needed is asked for
    assert box.log[-1][2]["filter_properties"].split(",") == ["title", box.world.property_id(source, "Stage"), seats]
    box.world.add_data_source(database, "Other", {"Points": "number"})


def test_trashed_archived_deleted_and_unshared_pages_are_gone(box: NotionSandbox, host: NotionHost, deals: tuple[str, str]) -> None:
    rows = [box.world.add_row(deals[1], {"Name": name}) for name in "abcd"]
    need = wanted(host, select(deals[0]))
    box.world.trash(rows[1])
    box.world.archive(rows[2])
    box.world.unshare(rows[3])
    missing = "12345678-1234-1234-1234-123456789012"
    found = host.fetch_items([*rows, missing], [need])
    assert [each.ref for each in found.items] == rows[:1]
    assert found.gone == (*rows[1:], missing)
    box.world.unshare(deals[0])
    assert host.fetch_items(rows, [need]).gone == tuple(rows)


def test_a_page_of_another_data_source_is_read_all_the_same(box: NotionSandbox, host: NotionHost, deals: tuple[str, str]) -> None:
    _, other = box.world.add_database("Others", {"Points": "number"})
    row = box.world.add_row(other, {"Name": "B", "Points": 3})
    item = host.fetch_items([row], [wanted(host, select(deals[0]), "Seats")]).items[0]
    assert item.container == other
    assert item.fields[box.world.property_id(other, "Points")] == 3.0


def test_a_measured_relation_beyond_25_is_read_in_full_others_are_unknown(
    box: NotionSandbox, host: NotionHost, deals: tuple[str, str]
) -> None:
    partners = [f"{at:08x}-0000-0000-0000-000000000000" for at in range(230)]
    row = box.world.add_row(deals[1], {"Name": "A", "Partners": partners})
    ident = box.world.property_id(deals[1], "Partners")
    assert isinstance(host.fetch_items([row], []).items[0].fields[ident], Unknown)
    assert host.fetch_items([row], [wanted(host, select(deals[0]), "Partners")]).items[0].fields[ident] == tuple(partners)


def test_a_status_option_added_since_the_schema_was_read_is_asked_for_once(
    box: NotionSandbox, host: NotionHost, deals: tuple[str, str]
) -> None:
    row = box.world.add_row(deals[1], {"Name": "A", "Stage": "Talks"})
    need = wanted(host, select(deals[0]))
    prop = box.world.data["sources"][deals[1]]["properties"][box.world.property_id(deals[1], "Stage")]
    prop["status"]["options"].append({"id": "new1", "name": "Signed", "color": "green", "description": None})
    prop["status"]["groups"][2]["option_ids"].append("new1")
    box.world.set_property(row, "Stage", "Signed")
    assert host.fetch_items([row], [need]).items[0].category is Category.DONE
    before = host.requests
    host.fetch_items([row], [need])
    assert host.requests == before + 1


# --- values and comments -----------------------------------------------------------------------------------------------


def test_values_are_written_by_name_and_only_when_they_differ(box: NotionSandbox, host: NotionHost, deals: tuple[str, str]) -> None:
    row = box.world.add_row(deals[1], {"Name": "A", "Seats": 3})
    assert host.write_values(row, {"Seats": 4.0, "Stage": "Won", "Paid": True, "Region": "North"})["written"] == 4
    assert host.write_values(row, {"Seats": 4.0, "Stage": "Won"})["written"] == 0
    assert host.write_values(row, {"Seats": None})["written"] == 1
    assert host.fetch_items([row], []).items[0].fields[box.world.property_id(deals[1], "Seats")] is None
    with pytest.raises(Refused, match="no property"):
        host.write_values(row, {"Chairs": 1.0})
    with pytest.raises(Refused, match="cannot be set"):
        host.write_values(row, {"Seats": Unknown("?")})
    box.world.trash(row)
    with pytest.raises(Gone):
        host.write_values(row, {"Seats": 1.0})


def test_a_mention_is_a_comment_and_comments_are_read(box: NotionSandbox, host: NotionHost, deals: tuple[str, str]) -> None:
    row = box.world.add_row(deals[1], {"Name": "A"})
    receipt = host.notify(row, [box.world.data["person"]], "please check in")
    own = host.fetch_comment(row, receipt["comment"])
    assert own is not None
    assert own.author == box.world.data["bot"]
    assert own.text.endswith("please check in")
    comment = host.fetch_comment(row, box.world.add_comment(row, "/okr 64 confidence 7")["id"])
    assert comment is not None
    assert (comment.text, comment.author) == ("/okr 64 confidence 7", box.world.data["person"])
    assert host.fetch_comment(row, "12345678-1234-1234-1234-123456789012") is None


def test_members_are_left_to_the_rules(host: NotionHost) -> None:
    assert host.members([Wanted(1, select("a" * 32), Resolution())], ["x"]) == {}
