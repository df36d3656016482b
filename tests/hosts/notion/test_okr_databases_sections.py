"""A leads' page over real HTTP: a callout for each section, kept by its id, found again, never two."""

from __future__ import annotations

from typing import Any

import pytest

from connector.domain.leads_page import Piece, Section
from connector.domain.model import State
from connector.errors import Gone, Uncertain
from connector.hosts.notion.okr_databases.sections import content_of
from connector.hosts.notion.sandbox import NotionSandbox
from connector.hosts.okr_databases import OkrDatabases
from tests.hosts.notion.conftest import check


def section(key: str, *lines: str, state: State | None = None) -> Section:
    return Section(key, f"Heading of {key}", tuple((Piece(line),) for line in lines), state)


class LeadsPage:
    """A page and the receipt of what was written to it."""

    def __init__(self, box: NotionSandbox, okr: OkrDatabases) -> None:
        self.box, self.okr, self.world = box, okr, box.world
        self.ref = box.world.add_page("For leads")
        self.receipt: dict[str, Any] = {}

    def write(self, *sections: Section) -> int:
        """Writes of this call."""
        self.receipt = dict(self.okr.write_sections(self.ref, sections, self.receipt))
        written: int = self.receipt["written"]
        return written

    def texts(self) -> list[str]:
        found = []
        for ident in self.world.data["pages"][self.ref]["children"]:
            block = self.world.data["blocks"][ident]
            assert block["type"] == "callout"
            found.append("".join(run["plain_text"] for run in block["content"]["rich_text"]))
        return found

    def headings(self) -> list[str]:
        return [each.partition("\n")[0].removeprefix("Heading of ") for each in self.texts()]

    def block(self, key: str) -> str:
        return str(self.receipt["sections"][key]["block"])


@pytest.fixture
def leads(box: NotionSandbox, okr: OkrDatabases) -> LeadsPage:
    return LeadsPage(box, okr)


def test_new_sections_are_made_in_one_request_and_unchanged_ones_are_not_written(leads: LeadsPage) -> None:
    sections = [section("at_risk", "one", state=State.AT_RISK), section("stalled", "none", state=State.STALLED), section("due")]
    assert leads.write(*sections) == 1
    assert leads.headings() == ["at_risk", "stalled", "due"]
    requests = leads.okr.requests
    assert leads.write(*sections) == 0
    assert leads.okr.requests == requests
    assert leads.write(sections[0], section("stalled", "two"), sections[2]) == 1
    assert leads.texts()[1] == "Heading of stalled\ntwo"


def test_a_section_takes_its_place_and_one_that_is_not_wanted_goes(leads: LeadsPage) -> None:
    leads.write(section("a"), section("c"))
    assert leads.write(section("a"), section("b"), section("b2"), section("c")) == 1
    assert leads.headings() == ["a", "b", "b2", "c"]
    leads.write(section("first"), section("b"), section("c"))
    assert leads.headings() == ["first", "b", "c"]


def test_a_section_that_a_person_deletes_comes_back_once_and_then_never(leads: LeadsPage) -> None:
    leads.write(section("a"), section("b", "1"), section("c"))
    for number, expected in ((2, ["a", "b", "c"]), (3, ["a", "c"]), (4, ["a", "c"])):
        if "b" in leads.headings():
            leads.world.delete_block(leads.block("b"))
        leads.write(section("a"), section("b", str(number)), section("c"))
        assert leads.headings() == expected


def test_a_callout_behind_which_others_are_made_may_be_gone(leads: LeadsPage) -> None:
    leads.write(section("a"))
    leads.world.delete_block(leads.block("a"))
    leads.write(section("a"), section("b"))  # nobody looks at an unchanged section until one stands behind it
    assert sorted(leads.headings()) == ["a", "b"]
    assert leads.write(section("a"), section("b")) == 0


@pytest.mark.parametrize("tell", [True, False])
def test_sections_that_were_made_and_answered_503_are_not_made_twice(leads: LeadsPage, tell: bool) -> None:
    leads.box.fail(method="PATCH", path="/children", status=503, commit=True, tell=tell)
    sections = [section("a", "1"), section("b", "1")]
    if tell:
        leads.write(*sections)
    else:
        with pytest.raises(Uncertain) as lost:
            leads.write(*sections)
        leads.receipt = dict(lost.value.details["receipt"])
    leads.write(section("a", "1"), section("b", "2"))
    assert leads.texts() == ["Heading of a\n1", "Heading of b\n2"]


def test_what_a_person_writes_on_the_page_stays(leads: LeadsPage) -> None:
    leads.write(section("a"))
    mine = leads.world.add_block(leads.ref, "callout", {"rich_text": [], "icon": None, "color": "default"}, leads.world.data["person"])
    leads.write(section("b"))
    assert mine["id"] in leads.world.data["pages"][leads.ref]["children"]


def test_a_page_in_the_trash_or_not_shared_is_gone(leads: LeadsPage) -> None:
    leads.write(section("a", "1"))
    leads.world.unshare(leads.ref)
    with pytest.raises(Gone):
        leads.write(section("a", "2"))
    leads.world.share(leads.ref)
    leads.world.trash(leads.ref)
    with pytest.raises(Gone):
        leads.write(section("a", "3"))


def test_a_workspace_without_blocks_left_is_told_and_is_no_error(leads: LeadsPage) -> None:
    leads.box.block_limit = True
    assert leads.write(section("a")) == 0
    assert leads.receipt["warnings"] == ["this workspace has used up its blocks: the page cannot be kept"]


def test_long_sections_fit_into_one_block_and_links_are_only_addresses() -> None:
    lines = tuple((Piece(f"Key result {number}", link=f"https://okr.example/{number}"), Piece(" · at risk")) for number in range(400))
    content = content_of(Section("a", "Many", lines))
    assert len(content["rich_text"]) <= 100
    assert content["rich_text"][-1]["text"]["content"].rpartition("\n")[2].endswith("more")
    check("BlockObjectRequest", {"object": "block", "type": "callout", "callout": content})
    [heading, shown] = content_of(Section("a", "One", ((Piece("x", link="javascript:alert(1)"),),)))["rich_text"]
    assert (heading["annotations"], "link" in shown["text"]) == ({"bold": True}, False)
