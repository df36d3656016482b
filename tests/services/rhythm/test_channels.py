"""One pre-read, one id: our page, the API, the Jira dashboard, the leads' page of Notion, chat rooms and every leader say the same."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from connector.services import tokens
from connector.services.leads_page.telling import tell
from connector.services.people import notices
from connector.store.tables import Channel, Forum, LeadsPage, Message, PreReadReading, Review, Team
from tests.support.forge import ALICE, BOB, Forge, forge_site
from tests.support.fragments import words
from tests.support.frozen import Meeting, arrange
from tests.support.signed_in import Visit

HOUR = timedelta(hours=1)


@dataclass
class Site:
    """The forum with a dashboard in Jira, a room, and a leads' page."""

    forge: Forge
    acme: Meeting

    def gadget(self, account: str = ALICE, digest: str = "", **config: Any) -> str:
        body = {"config": {"view": "pre_read", **config}, **({"digest": digest} if digest else {})}
        answer = self.forge.call("POST", "/forge/v1/dashboard", body, account=account)
        assert answer.status_code == 200, answer.text
        assert answer.json is not None
        return words(answer.json["html"]) if "html" in answer.json else ""

    def leads_page(self, **options: Any) -> str:
        now, zone = self.acme.runtime.now(), self.acme.runtime.settings.zone
        with self.acme.runtime.store.read() as session:
            sections = tell(session, {"forum": self.acme.forum, **options}, "https://okr.acme.example", now, zone)
        found = next(each for each in sections if each.key == "pre_read")
        return "\n".join("".join(piece.text for piece in line) for line in found.lines)

    def api(self) -> Any:
        key = tokens.create(self.acme.runtime, f"reader {time.monotonic()}", "member")
        answer = self.forge.client.get(f"/api/v1/reviews/{self.acme.review}/pre-read", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200, answer.text
        return answer.json

    def page(self) -> str:
        visit = Visit(self.forge.client.application, self.acme.runtime, "mia@acme.example", "member")
        return visit.get(f"/reviews/{self.acme.review}/pre-read").text

    def messages(self) -> list[Message]:
        with self.acme.runtime.store.read() as session:
            return list(session.scalars(select(Message).where(Message.kind == "pre_read")))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with forge_site(tmp_path, public_url="https://okr.acme.example") as forge:
        now = forge.company.runtime.now()
        acme = arrange(forge.company, now + HOUR, now + 18 * HOUR)
        acme.key_result("kr-ads", 10, unit="k€")
        acme.check_in("kr-ads", 14, 4, decision="budget", comment="Move 12 k€ to search ads")
        acme.key_result("kr-good", 66)
        acme.objective("secret")
        acme.key_result("kr-merger", objective="secret", title="The merger")
        acme.restrict("secret")
        with acme.runtime.store.write() as session:
            session.add(Channel(name="#product", kind="slack", forum_id=acme.forum, secret="sealed", created_at=now))
        yield Site(forge, acme)


def lock(site: Site) -> str:
    site.forge.company.clock.ahead = 3601.0
    assert site.acme.lock()
    return site.acme.snapshot().key


def test_before_the_lock_everybody_sees_what_is_so_now(site: Site) -> None:
    told = site.gadget(forum=str(site.acme.forum))
    assert "not frozen: updates still change it. It locks " in told
    assert "PR-" not in told + site.leads_page() + site.page()
    api = site.api()
    assert (api["id"], api["frozen_at"], len(api["entries"])) == (None, None, 2)


def test_the_same_id_stands_in_every_channel(site: Site) -> None:
    key = lock(site)
    assert key in site.page()
    assert site.api()["id"] == key
    told = site.gadget(forum=str(site.acme.forum))
    assert f"{key} , frozen " in told
    assert "not frozen" not in told
    assert site.leads_page().startswith(f"{key}, frozen ")
    (room,) = [each for each in site.messages() if each.way == "channel"]
    assert any(line.startswith(f"{key}, frozen ") for line in room.content["lines"])
    assert room.content["link"] == f"/reviews/{site.acme.review}/pre-read"
    for who in ("Dora", "Leo"):
        with site.acme.runtime.store.read() as session:
            told = [each.text for each in notices.of_person(session, site.acme.people[who]) if each.kind == "pre_read"]
        assert len(told) == 1
        assert key in told[0]
        assert "Budget: Move 12 k€ to search ads" in told[0]
    for text in (site.page(), told[0], str(room.content), site.leads_page()):
        assert "merger" not in text


def test_what_comes_after_the_lock_changes_none_of_them(site: Site) -> None:
    lock(site)
    before = (site.gadget(forum=str(site.acme.forum)), site.leads_page(), site.api()["entries"])
    site.forge.company.clock.ahead += 300
    site.acme.check_in("kr-ads", 99, 9)
    after = (site.gadget(forum=str(site.acme.forum)), site.leads_page(), site.api()["entries"])
    assert after[1:] == before[1:]
    assert "14" in after[0]
    assert "99" not in after[0]


def test_when_the_review_is_closed_the_hosts_show_what_is_so_again(site: Site) -> None:
    key = lock(site)
    site.acme.change(update(Review).values(state="closed", closed_at=site.acme.runtime.now()))
    assert key not in site.gadget(forum=str(site.acme.forum))
    assert key not in site.leads_page()
    assert site.api()["id"] == key, "a frozen one stays where it is asked for"


def test_a_team_and_a_single_forum_lead_to_the_frozen_one_and_several_forums_do_not(site: Site) -> None:
    key = lock(site)
    with site.acme.runtime.store.read() as session:
        team = session.scalars(select(Team.id)).one()
    assert key in site.gadget()
    assert key in site.gadget(team=str(team))
    with site.acme.runtime.store.write() as session:
        session.add(Forum(name="Other"))
    assert key not in site.gadget()
    assert key in site.gadget(team=str(team))


def test_opening_the_gadget_is_reading_for_a_leader_and_a_refresh_is_not(site: Site) -> None:
    with site.acme.runtime.store.write() as session:
        session.execute(update(Forum).values(caller_id=site.acme.people["Alice"]))
    lock(site)
    site.gadget(digest="0" * 32, forum=str(site.acme.forum))
    site.gadget(BOB, forum=str(site.acme.forum))
    with site.acme.runtime.store.read() as session:
        assert session.scalars(select(PreReadReading)).all() == []
    site.gadget(forum=str(site.acme.forum))
    site.gadget(forum=str(site.acme.forum))
    with site.acme.runtime.store.read() as session:
        found = session.scalars(select(PreReadReading)).all()
    assert [(each.person_id, each.place) for each in found] == [(site.acme.people["Alice"], "jira")]


def test_the_review_pack_is_offered_where_the_forum_wants_it(site: Site) -> None:
    site.acme.change(update(Forum).values(pack=True))
    lock(site)
    address = f"Review pack: https://okr.acme.example/reviews/{site.acme.review}/pack.pptx"
    assert all(address in each.content["lines"] for each in site.messages())


def test_the_lock_asks_for_the_leads_pages_to_be_written(site: Site) -> None:
    with site.acme.runtime.store.write() as session:
        session.add(LeadsPage(connection_id=site.forge.connection, ref="page", options={}, created_at=site.acme.runtime.now()))
    lock(site)
    with site.acme.runtime.store.read() as session:
        page = session.scalars(select(LeadsPage)).one()
    assert page.wanted > page.done
