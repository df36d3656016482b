"""Channels: set up by admins alone, tested, removed; their addresses are never shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from connector.app import create_app
from connector.cli import cli
from connector.domain.rights import SYSTEM, Viewer
from connector.errors import Faults, Forbidden, InputError
from connector.services import tokens
from connector.services.connecting.rotation import reseal
from connector.services.messages.channels import add_channel, get_channel, list_channels, remove_channel, send_test
from connector.services.messages.trouble import findings
from connector.store.tables import Audit, Channel
from connector.store.vault import Vault
from tests.services.messages.conftest import Desk
from tests.support.mail import MailServer
from tests.support.signed_in import Visit

SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"


def test_a_mail_server_is_set_up_tested_and_removed(desk: Desk, server: MailServer) -> None:
    runtime = desk.company.runtime
    made = add_channel(runtime, SYSTEM, name="Post", kind="mail", address=server.address)
    assert (made.place, made.forum, made.broken, made.used_at) == (f"127.0.0.1:{server.port}", "", "", None)
    assert send_test(runtime, SYSTEM, "Post", to="bob@acme.example") == ""
    assert server.to("bob@acme.example")[0]["Subject"] == "Test message"
    server.answers = [("RCPT", "451 not now")]
    assert "451" in send_test(runtime, SYSTEM, "Post", to="bob@acme.example")
    shown = get_channel(runtime, "Post")
    assert "451" in shown.broken
    assert "mail server" in shown.mend
    with runtime.store.read() as session:
        assert [(each.name, each.state) for each in findings(session, runtime.now())] == [("channel Post", "fault")]
    remove_channel(runtime, SYSTEM, "Post")
    assert list_channels(runtime) == []
    add_channel(runtime, SYSTEM, name="Post", kind="mail", address=server.address)
    with runtime.store.read() as session:
        actions = [row.action for row in session.scalars(select(Audit).where(Audit.entity == "channel").order_by(Audit.id))]
    assert actions == ["create", "test", "test", "remove", "create"]


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"name": "", "kind": "slack", "forum": "Product", "address": SLACK}, "name"),
        ({"name": "a/b", "kind": "slack", "forum": "Product", "address": SLACK}, "name"),
        ({"name": "Room", "kind": "pigeon", "forum": "Product", "address": SLACK}, "kind"),
        ({"name": "Room", "kind": "slack", "address": SLACK}, "forum"),
        ({"name": "Room", "kind": "slack", "forum": "Nobody", "address": SLACK}, "forum"),
        ({"name": "Post", "kind": "mail", "forum": "Product", "address": "mailtos://u:geheim@acme.example"}, "forum"),
        ({"name": "Room", "kind": "slack", "forum": "Product", "address": ""}, "address"),
        ({"name": "Room", "kind": "slack", "forum": "Product", "address": "https://acme.example/hook/geheim"}, "address"),
        ({"name": "Room", "kind": "slack", "forum": "Product", "address": "slack://geheim"}, "address"),
        ({"name": "Room", "kind": "other", "forum": "Product", "address": "syslog://geheim"}, "address"),
        ({"name": "Room", "kind": "other", "forum": "Product", "address": "file:///etc/geheim"}, "address"),
        ({"name": "Room", "kind": "other", "forum": "Product", "address": "jsons://acme.example/?redirect=yes&x=geheim"}, "address"),
        ({"name": "Post", "kind": "mail", "address": "mailtos://u:geheim@acme.example?pgppub=/etc/passwd"}, "address"),
        ({"name": "Post", "kind": "mail", "address": "mailtos://u:geheim@acme.example?to=all@acme.example"}, "address"),
        ({"name": "Post", "kind": "mail", "address": "mailtos://u:geheim@acme.example\r\nX: y"}, "address"),
        ({"name": "Post", "kind": "mail", "address": "mailtos://u:geheim@acme.example?name=a%0d%0aBcc:x@y.example"}, "address"),
        ({"name": "Post", "kind": "mail", "address": "mailtos://u:geheim@acme.example?smtp=acme.example%250aRSET"}, "address"),
        ({"name": "Post", "kind": "mail", "address": "mailtos://" + "x" * 3000}, "address"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_without_the_address(desk: Desk, given: dict[str, str], where: str) -> None:
    with pytest.raises(InputError) as told:
        add_channel(desk.company.runtime, SYSTEM, **{"name": "", "forum": "", **given})
    assert told.value.where == where
    assert "geheim" not in str(told.value)
    assert list_channels(desk.company.runtime) == []


@pytest.mark.parametrize(
    ("kind", "address"),
    [("other", "json://acme.example/hook"), ("other", "jsons://10.1.2.3/hook"), ("other", "jsons://[::1]/"), ("mail", "mailto://u:p@acme.example"),
     ("other", "jsons://localhost/"), ("mail", "mailtos://u:p@acme.example?smtp=169.254.169.254")],
)  # fmt: skip
def test_private_and_plain_addresses_need_the_setting(desk: Desk, kind: str, address: str) -> None:
    runtime = desk.company.runtime
    runtime.settings.allow_private_hosts = False
    forum = "" if kind == "mail" else "Product"
    with pytest.raises(InputError, match="OKR_ALLOW_PRIVATE_HOSTS"):
        add_channel(runtime, SYSTEM, name="x", kind=kind, address=address, forum=forum)
    runtime.settings.allow_private_hosts = True
    add_channel(runtime, SYSTEM, name="x", kind=kind, address=address, forum=forum)


def test_one_mail_server_and_one_channel_of_a_name(desk: Desk, server: MailServer) -> None:
    runtime = desk.company.runtime
    add_channel(runtime, SYSTEM, name="Post", kind="mail", address=server.address)
    with pytest.raises(Faults) as told:
        add_channel(runtime, SYSTEM, name="Post", kind="mail", address=server.address)
    assert [each.where for each in told.value.errors] == ["name", "kind"]


def test_only_admins(desk: Desk) -> None:
    lead = Viewer("lead@acme.example", "lead")
    with pytest.raises(Forbidden):
        add_channel(desk.company.runtime, lead, name="Room", kind="slack", address=SLACK, forum="Product")


def test_addresses_are_sealed_anew_with_the_newest_key(desk: Desk) -> None:
    runtime = desk.company.runtime
    add_channel(runtime, SYSTEM, name="Room", kind="slack", address=SLACK, forum="Product")
    runtime.vault = Vault(f"{'n' * 40} {'k' * 40}")
    reseal(runtime)
    with runtime.store.read() as session:
        assert Vault("n" * 40).open(session.scalars(select(Channel.secret)).one()) == SLACK


def test_the_page_shows_no_address_and_keeps_what_was_typed(desk: Desk, server: MailServer) -> None:
    runtime = desk.company.runtime
    visit = Visit(create_app(runtime), runtime, "admin@acme.example", "admin")
    assert "No channel yet" in visit.get("/channels").get_data(as_text=True)
    wrong = visit.post("/channels", {"name": "Room", "kind": "slack", "forum": "", "address": SLACK})
    assert wrong.status_code == 422
    shown = wrong.get_data(as_text=True)
    assert "choose the forum whose room this is" in shown
    assert 'value="Room"' in shown
    assert "TIiajkdnlazkcOXrIdevi7FQ" not in shown
    # A forum that was chosen before the kind became mail is not shown any more: it is no mistake.
    assert visit.post("/channels", {"name": "Post", "kind": "mail", "forum": "Product", "address": server.address}).status_code == 303
    assert visit.post("/channels/Post/test", {}).status_code == 303
    assert len(server.to("admin@acme.example")) == 1
    page = visit.get("/channels").get_data(as_text=True)
    assert "Post took the test message." in page
    assert server.address not in page.replace("&amp;", "&")
    server.answers = [("RCPT", "550 <b>no</b>")]
    visit.post("/channels/Post/test", {})
    assert "&lt;b&gt;no" in visit.get("/channels").get_data(as_text=True)
    assert visit.post("/channels/Post/remove", {}).status_code == 303
    assert "No channel yet" in visit.get("/channels").get_data(as_text=True)


def test_the_api_gives_no_address(desk: Desk, server: MailServer) -> None:
    runtime = desk.company.runtime
    client, key = create_app(runtime).test_client(), tokens.create(runtime, "script", "admin")
    headers = {"Authorization": f"Bearer {key}"}
    body = {"name": "Room", "kind": "slack", "forum": "Product", "address": SLACK}
    made = client.post("/api/v1/channels", json=body, headers=headers)
    assert (made.status_code, made.get_json()["place"]) == (201, "slack")
    client.post("/api/v1/channels", json={"name": "Post", "kind": "mail", "address": server.address}, headers=headers)
    listed = client.get("/api/v1/channels", headers=headers).get_json()
    assert [each["name"] for each in listed["items"]] == ["Post", "Room"]
    assert "TIiajkdnlazkcOXrIdevi7FQ" not in json.dumps(listed)
    tried = client.post("/api/v1/channels/Post/test", json={"to": "bob@acme.example"}, headers=headers)
    assert tried.get_json() == {"taken": True, "why": None}
    assert client.post("/api/v1/channels/Post/test", json={}, headers=headers).status_code == 422
    assert client.delete("/api/v1/channels/Room", headers=headers).get_json() == {"changed": 1}
    assert client.delete("/api/v1/channels/Room", headers=headers).status_code == 404


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: MailServer) -> None:
    for name, value in {"OKR_DATA_DIR": str(tmp_path), "OKR_SECRET_KEY": "k" * 40, "OKR_ALLOW_PRIVATE_HOSTS": "1"}.items():
        monkeypatch.setenv(name, value)

    def run(*words: str, typed: str = "") -> tuple[int, str]:
        result = CliRunner().invoke(cli, list(words), input=typed)
        return result.exit_code, result.output + str(result.exception or "")

    assert run("db", "upgrade")[0] == 0
    assert "no channels" in run("channel", "list")[1]
    code, said = run("channel", "add", "Post", "--kind", "mail", typed=f"{server.address}\n")
    assert (code, "from=okr" in said) == (0, False)
    assert "took the test" in run("channel", "test", "Post", "--to", "bob@acme.example")[1]
    server.answers = [("RCPT", "451 later")]
    code, said = run("channel", "test", "Post", "--to", "bob@acme.example")
    assert (code, "451" in said) == (1, True)
    listed = run("channel", "list")[1]
    assert "Post  mail  127.0.0.1" in listed
    assert "451" in listed
    assert run("channel", "remove", "Post")[0] == 0
    assert run("channel", "remove", "Post")[0] != 0
