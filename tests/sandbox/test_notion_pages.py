"""The Notion stand-in's pages: what a person sees and edits there, as whom, and that each edit is announced as Notion would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.wrappers import Request, Response

from connector.app import create_app
from connector.domain.button_secret import button_secret
from connector.hosts.notion.sandbox import NotionSandbox
from connector.hosts.notion.sandbox_values import text_runs
from connector.hosts.notion.sandbox_world import World
from connector.queue import InlineQueue
from connector.runtime import build_runtime
from connector.sandbox import workspace
from connector.sandbox.buttons import Presses
from connector.sandbox.standins import Standins
from connector.sandbox.state import state_file, write_state
from connector.sandbox.worlds import jira_world, notion_world
from connector.settings import Settings
from connector.store.migrate import upgrade
from tests.support.standin import running

START, TODAY = date(2026, 9, 21), date(2026, 11, 22)
RUN = {"type": "text", "text": {"content": "moved", "link": None}, "plain_text": "moved", "href": None, "annotations": {"bold": True}}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An installation with both worlds and nothing else: the pages need no objectives."""
    folder = tmp_path_factory.mktemp("data")
    given: dict[str, Any] = {"data_dir": folder, "sandbox": True, "allow_private_hosts": True, "port": 8097}
    found = Settings(_env_file=None, **given)
    upgrade(found)
    write_state(state_file(found, "jira"), jira_world(TODAY, START))
    return found


@pytest.fixture
def client(settings: Settings) -> Iterator[FlaskClient]:
    write_state(state_file(settings, "notion"), notion_world(TODAY, START)[0])
    runtime = build_runtime(settings, queue=InlineQueue())
    app = create_app(runtime)
    app.extensions["standins"].notion.webhook_url = ""  # nobody listens here
    yield app.test_client()
    runtime.close()


@pytest.fixture
def notion(client: FlaskClient) -> NotionSandbox:
    found: Standins = client.application.extensions["standins"]
    return found.notion


@pytest.fixture
def goals(notion: NotionSandbox) -> tuple[str, str, str]:
    """A database with a column of each kind that people edit, one row in it: (database, source, row)."""
    world = notion.world
    deals = next(iter(world.data["sources"]))
    kinds: dict[str, Any] = {
        "Goal": "title", "Note": "rich_text", "Share": {"type": "number", "format": "percent"}, "Stage": "status",
        "Team": {"type": "select", "options": ["A", "B"]}, "Tags": {"type": "multi_select", "options": ["x", "y"]},
        "Owner": "people", "Due": "date", "Done": "checkbox",
        "Deal": {"type": "relation", **world.relation_to(deals), "single_property": {}}, "Made": "created_time", "Check in": "button",
    }  # fmt: skip
    database, source = world.add_database("Goals", kinds)
    return database, source, world.add_row(source, {"Goal": "Ship it"})


def shown(notion: NotionSandbox, row: str) -> dict[str, workspace.Cell]:
    found = workspace.page(notion.world, row)
    assert found is not None
    return {each.name: each for each in found.cells}


def account(world: World, short: str) -> str:
    found = workspace.account_of(world, short)
    assert found is not None
    return found[0]


def test_every_kind_of_cell_is_edited_as_the_chosen_person(client: FlaskClient, notion: NotionSandbox, goals: tuple[str, str, str]) -> None:
    _, _, row = goals
    ben, deal = account(notion.world, "ben"), notion.world.rows(next(iter(notion.world.data["sources"])))[0]["id"]
    sent = {
        "Goal": "Ship it well", "Note": "almost", "Share": "0.42", "Team": "B", "Stage": "Done", "Tags": ["x", "y"], "Owner": [ben],
        "Due": "2026-12-01", "Done": "1", "Deal": [deal],
    }  # fmt: skip
    answer = client.post("/sandbox/workspace/set", data={"page": row, "from": "page", "as": "ben", **sent})
    assert answer.status_code == 303
    assert "as=ben" in answer.headers["Location"]
    cells = shown(notion, row)
    words = ("Goal", "Note", "Share", "Team", "Stage", "Tags", "Due", "Done")
    assert [cells[name].shown for name in words] == ["Ship it well", "almost", "42 %", "B", "Done", "x, y", "2026-12-01", "yes"]
    assert cells["Owner"].shown == "Ben Okafor"
    assert cells["Deal"].links[0][0] == deal
    edits = [each for each in notion.events if each["entity"]["id"] == row and each["type"] != "page.created"]
    assert {each["authors"][0]["id"] for each in edits} == {ben}
    assert {each["authors"][0]["type"] for each in edits} == {"person"}
    page = client.get(f"/sandbox/workspace/pages/{row}?as=ben").text
    assert 'value="42 %"' in page
    assert "Made" in page


def test_only_what_a_person_changed_is_written(client: FlaskClient, notion: NotionSandbox, goals: tuple[str, str, str]) -> None:
    database, _, row = goals
    before = len(notion.events)
    client.post("/sandbox/workspace/set", data={"page": row, "Note": "", "was:Note": "", "Team": "A", "was:Team": "", "was:Done": ""})
    assert len(notion.events) == before + 1
    # The connector changed the team meanwhile; a form that shows the old one takes nothing back.
    notion.world.set_property(row, "Team", "B", author=notion.world.data["bot"])
    client.post("/sandbox/workspace/set", data={"page": row, "Team": "A", "was:Team": "A", "Note": "typed", "was:Note": ""})
    assert (shown(notion, row)["Team"].shown, shown(notion, row)["Note"].shown) == ("B", "typed")
    assert 'name="was:Team" value="B"' in client.get(f"/sandbox/workspace?database={database}").text


@pytest.mark.parametrize("sent", [{"Share": "much"}, {"Team": "C"}, {"Owner": "nobody"}, {"Deal": "x" * 36}])
def test_what_notion_would_refuse_is_refused(
    client: FlaskClient, notion: NotionSandbox, goals: tuple[str, str, str], sent: dict[str, str]
) -> None:
    before = len(notion.events)
    assert client.post("/sandbox/workspace/set", data={"page": goals[2], **sent}).status_code == 400
    assert len(notion.events) == before


def test_rows_are_added_thrown_away_and_taken_back(client: FlaskClient, notion: NotionSandbox, goals: tuple[str, str, str]) -> None:
    database, source, row = goals
    client.post("/sandbox/workspace/rows", data={"database": database, "title": "Another", "as": "chloe"})
    [added] = [each for each in notion.world.rows(source) if each["id"] != row]
    assert added["created_by"] == account(notion.world, "chloe")
    client.post(f"/sandbox/workspace/pages/{row}/trash")
    table = client.get(f"/sandbox/workspace?database={database}").text
    assert "Restore Ship it" in table
    assert "In the trash." in client.get(f"/sandbox/workspace/pages/{row}").text
    client.post(f"/sandbox/workspace/pages/{row}/restore")
    kinds = [each["type"] for each in notion.events if each["entity"]["id"] == row]
    assert kinds[-2:] == ["page.deleted", "page.undeleted"]


def test_columns_are_renamed_and_sharing_ends_and_begins(client: FlaskClient, notion: NotionSandbox, goals: tuple[str, str, str]) -> None:
    database, source, row = goals
    url = f"/sandbox/workspace/databases/{database}"
    client.post(f"{url}/rename", data={"column": "Note", "name": "Remark"})
    assert notion.world.property_id(source, "Remark")
    assert client.post(f"{url}/rename", data={"column": "Note", "name": "Remark"}).status_code == 400
    client.post(f"{url}/unshare")
    assert not notion.world.visible(notion.world.data["pages"][row])
    assert "Not shared with the connector" in client.get(f"/sandbox/workspace?database={database}").text
    client.post(f"{url}/share")
    assert notion.world.visible(notion.world.data["pages"][row])


def test_blocks_show_as_notion_shows_them_and_are_deleted_and_brought_back(
    client: FlaskClient, notion: NotionSandbox, goals: tuple[str, str, str]
) -> None:
    world, row = notion.world, goals[2]
    content = {"rich_text": [*text_runs("At risk · "), RUN], "icon": {"type": "emoji", "emoji": "🔺"}, "color": "orange_background"}
    callout = world.add_block(row, "callout", content, world.data["bot"])
    world.add_block(row, "embed", {"url": "http://127.0.0.1:8097/embed/x"}, world.data["bot"])
    page = client.get(f"/sandbox/workspace/pages/{row}")
    assert 'class="callout orange_background"' in page.text
    assert "🔺" in page.text
    assert "<b>moved</b>" in page.text
    assert '<iframe src="http://127.0.0.1:8097/embed/x"' in page.text
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    client.post(f"/sandbox/workspace/blocks/{callout['id']}/delete", data={"as": "ben"})
    gone = client.get(f"/sandbox/workspace/pages/{row}").text
    assert "Deleted blocks" in gone
    assert 'class="callout' not in gone
    client.post(f"/sandbox/workspace/blocks/{callout['id']}/restore")
    assert 'class="callout orange_background"' in client.get(f"/sandbox/workspace/pages/{row}").text


def test_comments_are_written_and_answered_in_their_discussion(
    client: FlaskClient, notion: NotionSandbox, goals: tuple[str, str, str]
) -> None:
    url = f"/sandbox/workspace/pages/{goals[2]}"
    assert client.post(f"{url}/comments", data={"text": " "}).status_code == 400
    client.post(f"{url}/comments", data={"text": "/okr status", "as": "ben"})
    [(discussion, _)] = workspace.page(notion.world, goals[2]).discussions  # type: ignore[union-attr]
    client.post(f"{url}/comments", data={"text": "Thank you", "discussion": discussion})
    [(_, remarks)] = workspace.page(notion.world, goals[2]).discussions  # type: ignore[union-attr]
    assert [(each.author, each.text) for each in remarks] == [("Ben Okafor", "/okr status"), ("Alice Moreau", "Thank you")]
    assert [each["type"] for each in notion.events][-2:] == ["comment.created", "comment.created"]


def test_titles_and_texts_are_never_markup(client: FlaskClient, notion: NotionSandbox, goals: tuple[str, str, str]) -> None:
    database, _, row = goals
    words = '<script>alert(1)</script>"><img src=x>'
    notion.world.set_property(row, "Goal", words)
    notion.world.set_property(row, "Note", words)
    notion.world.add_comment(row, words)
    for path in (f"/sandbox/workspace?database={database}", f"/sandbox/workspace/pages/{row}"):
        text = client.get(path).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert " style=" not in text


def test_addresses_lead_where_notions_do(client: FlaskClient, goals: tuple[str, str, str]) -> None:
    database, _, row = goals
    assert client.get(f"/sandbox/workspace/pages/{row.replace('-', '')}").status_code == 200
    assert client.get(f"/sandbox/workspace/pages/{database.replace('-', '')}").status_code == 303
    for path in ("pages/none", "?database=none"):
        assert client.get(f"/sandbox/workspace/{path}".replace("/?", "?")).status_code == 404
    assert client.post(f"/sandbox/workspace/pages/{row}/dance").status_code == 404


# --- the button ----------------------------------------------------------------------------------------------------------------


def test_a_press_calls_the_door_with_the_secret_and_the_person(notion: NotionSandbox, goals: tuple[str, str, str]) -> None:
    seen: list[tuple[str, Any]] = []
    told: list[int] = []
    status = 200

    def door(environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        seen.append((request.headers["X-OKR-Secret"], json.loads(request.get_data())))
        return Response(status=status)(environ, start_response)

    with running(door) as url:
        notion.webhook_url, notion.secret = url, "shared-secret"
        presses = Presses(notion, lambda: told.append(1))
        ben = account(notion.world, "ben")
        presses.press(goals[2], ben)
        presses.wait()
        [(secret, payload)] = seen
        assert secret == button_secret("shared-secret")
        assert (payload["source"]["type"], payload["source"]["user_id"], payload["data"]["id"]) == ("automation", ben, goals[2])
        assert payload["data"]["properties"]["Goal"]["title"][0]["plain_text"] == "Ship it"
        assert presses.paused == ""
        status = 401
        presses.press(goals[2], ben)
        presses.wait()
        assert "401" in presses.paused
        presses.press(goals[2], ben)
        presses.wait()
        assert len(seen) == 2, "a paused automation sends nothing"
        presses.resume()
        assert presses.paused == ""
    assert told
