"""The manifest of the Forge app: made for an address and an app, checked by Atlassian's own validator, least in what it asks for."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask

from connector.cli import main
from connector.cli.forge import TEMPLATE
from connector.queue import InlineQueue
from connector.runtime import build_runtime
from connector.settings import load_settings
from tests.support import node

APP = "4b8d5f0e-6c1b-4a52-9d0e-5a1f6f0e2a01"
ARI = f"ari:cloud:ecosystem::app/{APP}"
ADDRESS = "https://okr.acme.example"


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


Command = Callable[..., Done]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command as somebody types it in ``tmp_path``, without the cost of another process."""
    for name in ("OKR_PUBLIC_URL", "OKR_FORGE_APP_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, **env: str) -> Done:
        capsys.readouterr()
        with monkeypatch.context() as patched:
            for name, value in env.items():
                patched.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                main(["forge", "manifest", *arguments])
        printed = capsys.readouterr()
        return Done(int(ended.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture(scope="module")
def app_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as it is deployed: the manifest and the bundles beside it."""
    folder = tmp_path_factory.mktemp("app")
    (folder / "forge").mkdir()
    shutil.copytree(node.built(), folder / "forge" / "dist")
    done = subprocess.run(
        [sys.executable, "-m", "connector", "forge", "manifest", "--url", ADDRESS, "--app-id", APP],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(node.ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "forge"


@pytest.fixture(scope="module")
def manifest(app_folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((app_folder / "manifest.yml").read_text())
    return loaded


FAULTS = {
    "lost endpoint": ("endpoint: okr-hourly", "endpoint: nowhere", "undefined endpoint"),
    "scope of a trigger": ("avi:jira:deleted:issuelink", "avi:jira:created:filter", "requires 'manage:jira-configuration' scope"),
    "lost remote": ("remote: okr", "remote: other", "other"),
    "unknown scope": ("- read:jira-work", "- read:everything", "read:everything"),
    "lost resource": ("resource: page", "resource: pages", "pages"),
    "unknown interval": ("interval: hour", "interval: minute", "interval"),
    "no bundle": ("path: dist/issue", "path: dist/nothing", "dist/nothing"),
    "two of one key": ("    - key: okr-widget", "    - key: okr-gadget", "okr-gadget"),
    "person behind an event": ("/v1/events\n      auth:", "/v1/events\n      auth:\n        appUserToken: {enabled: true}", "okr-events"),
}  # fmt: skip


@pytest.fixture(scope="module")
def findings(app_folder: Path) -> dict[str, list[str]]:
    """What Atlassian's own validator says of the manifest and of each faulty one, in one run."""
    text = (app_folder / "manifest.yml").read_text()
    names = {"right": "manifest.yml"}
    for number, (name, (before, after, _)) in enumerate(FAULTS.items()):
        assert before in text
        (app_folder / f"faulty{number}.yml").write_text(text.replace(before, after, 1))
        names[name] = f"faulty{number}.yml"
    done = node.run("validate.mjs", *(str(app_folder / file) for file in names.values()))
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    return {name: [line for line in lines if line.startswith(f"{app_folder / file}:")] for name, file in names.items()}


def test_atlassians_validator_finds_nothing_wrong(findings: dict[str, list[str]]) -> None:
    assert [line.rpartition(": ")[2] for line in findings["right"]] == ["valid"]  # and no warning


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_manifest_does_not_pass(findings: dict[str, list[str]], name: str) -> None:
    *found, end = findings[name]
    assert end.endswith(("error", "errors"))
    assert any(FAULTS[name][2] in line for line in found)


def test_every_module_has_its_place_and_reaches_the_connector(manifest: dict[str, Any]) -> None:
    modules = manifest["modules"]
    seen = {kind for kind in modules if kind.startswith(("jira:", "dashboards:"))}
    assert seen == {
        "jira:issueContext",
        "jira:issuePanel",
        "jira:dashboardGadget",
        "dashboards:widget",
        "jira:projectPage",
        "jira:adminPage",
        "jira:customField",
    }
    for kind in seen - {"jira:customField"}:
        assert [each["resolver"]["endpoint"] for each in modules[kind]] == ["okr-people"], kind
    gadget, widget = modules["jira:dashboardGadget"][0], modules["dashboards:widget"][0]
    assert (gadget["resource"], gadget["edit"]) == (widget["resource"], widget["edit"])  # one view, two entries
    fields = {each["key"]: (each["type"], each["readOnly"]) for each in modules["jira:customField"]}
    assert fields == {"okr-progress": ("number", True), "okr-status": ("string", True)}


def test_keys_are_as_short_as_forge_wants_them(manifest: dict[str, Any]) -> None:
    keys = [each["key"] for kind in manifest["modules"].values() for each in kind] + [each["key"] for each in manifest["resources"]]
    assert len(keys) == len(set(keys))
    assert max(len(key) for key in keys if not key.endswith("-trigger")) <= 23


def test_it_asks_for_the_least(manifest: dict[str, Any]) -> None:
    assert set(manifest["permissions"]) == {"scopes"}  # no inline style, no script or address of others
    assert set(manifest["permissions"]["scopes"]) == {
        "read:jira-work",
        "write:jira-work",
        "write:app-data:jira",
        "read:app-system-token",
        "read:app-user-token",
    }
    with_person = [each["key"] for each in manifest["modules"]["endpoint"] if each["auth"].get("appUserToken")]
    assert with_person == ["okr-people"]  # events and schedules come from nobody


def test_every_route_is_one_of_the_connector(manifest: dict[str, Any], tmp_path: Path) -> None:
    from connector.app import create_app

    runtime = build_runtime(load_settings(data_dir=tmp_path, secret_key="k" * 40), queue=InlineQueue())
    app: Flask = create_app(runtime)
    try:
        posts = {str(rule) for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
        assert {each["route"]["path"] for each in manifest["modules"]["endpoint"] if "route" in each} <= posts
        icons = {each["icon"].removeprefix(ADDRESS) for kind in manifest["modules"].values() for each in kind if "icon" in each}
        for icon in icons:
            with app.test_client().get(icon) as answer:
                assert answer.status_code == 200  # nobody is signed in where Jira shows them
    finally:
        runtime.close()


# --- the command -------------------------------------------------------------------------------------------------------------


def test_it_says_what_comes_next(command: Command, tmp_path: Path) -> None:
    (tmp_path / "forge").mkdir()
    done = command("--url", f"{ADDRESS}/", "--app-id", ARI)
    assert done.returncode == 0
    assert f"forge/manifest.yml is for {ADDRESS} and {ARI}." in done.stdout
    assert f"OKR_FORGE_APP_ID={ARI}" in done.stdout
    assert "forge deploy" in done.stdout
    known = command("--app-id", APP, OKR_PUBLIC_URL=ADDRESS, OKR_FORGE_APP_ID=APP)
    assert known.returncode == 0
    assert "Set OKR_FORGE_APP_ID" not in known.stdout


def test_settings_stand_in_for_options(command: Command) -> None:
    done = command("--out", "-", OKR_PUBLIC_URL="https://okr.acme.example:8443", OKR_FORGE_APP_ID=APP)
    assert done.returncode == 0
    assert yaml.safe_load(done.stdout)["remotes"][0]["baseUrl"] == "https://okr.acme.example:8443"
    assert "@" not in done.stdout


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://okr.acme.example", "must begin with https://"),
        ("okr.acme.example", "must begin with https://"),
        ("https://okr.acme.example/okr", "without a path"),
        ("https://okr.acme.example/../x", "without a path"),
        ("https://okr.acme.example/%2e%2e", "without a path"),
        ("https://okr.acme.example?x=1", "without a path"),
        ("https://okr.acme.example#x", "without a path"),
        ("https://user:secret@okr.acme.example", "no user name"),
        ("https://localhost", "no public host name"),
        ("https://10.0.0.7", "no public host name"),
        ("https://[::1]", "no public host name"),
        ("https://okr acme.example", "no public host name"),
        ("https://okr.acme.example:port", "no address"),
        ('https://okr.acme.example"\n  evil: yes', "no"),
        ("", "say where Atlassian reaches this connector"),
    ],
)
def test_an_address_that_forge_could_not_call_is_refused(command: Command, url: str, said: str) -> None:
    done = command("--url", url, "--app-id", APP, "--out", "-")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: --url: ")
    assert said in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize("ident", ["okr", f"{APP}x", f"ari:cloud:ecosystem::environment/{APP}", f"{APP}\nother: 1"])
def test_an_app_id_that_is_none_is_refused(command: Command, ident: str) -> None:
    done = command("--url", ADDRESS, "--app-id", ident, "--out", "-")
    assert (done.returncode, done.stdout) == (2, "")
    assert "forge register" in done.stderr


def test_before_the_app_is_registered_the_manifest_waits_for_its_id_and_then_keeps_it(command: Command, tmp_path: Path) -> None:
    (tmp_path / "forge").mkdir()
    first = command("--url", ADDRESS)
    assert first.returncode == 0
    assert 'forge register "OKR connector"' in first.stdout
    path = tmp_path / "forge" / "manifest.yml"
    waiting = yaml.safe_load(path.read_text())["app"]["id"]
    assert waiting == "ari:cloud:ecosystem::app/00000000-0000-0000-0000-000000000000"
    path.write_text(path.read_text().replace(waiting, ARI))  # what `forge register` does
    again = command("--url", "https://other.acme.example")
    assert f"is for https://other.acme.example and {ARI}." in again.stdout
    assert yaml.safe_load(path.read_text())["app"]["id"] == ARI


def test_a_foreign_file_stays_unless_told_otherwise(command: Command, tmp_path: Path) -> None:
    foreign = tmp_path / "manifest.yml"
    foreign.write_text("app: {}\n")
    arguments = ("--url", ADDRESS, "--app-id", APP, "--out", str(foreign))
    refused = command(*arguments)
    assert refused.returncode == 2
    assert "was not made by this command" in refused.stderr
    assert foreign.read_text() == "app: {}\n"
    assert command(*arguments, "--force").returncode == 0
    assert command(*arguments).returncode == 0  # now it is ours
    assert yaml.safe_load(foreign.read_text())["app"]["id"] == ARI
    missing = command("--url", ADDRESS, "--app-id", APP)
    assert missing.returncode == 2
    assert "no folder forge" in missing.stderr
    assert command(*arguments[:-1], str(tmp_path)).returncode == 2


def test_the_template_is_part_of_the_package() -> None:
    assert TEMPLATE.is_file()
    assert TEMPLATE.is_relative_to(node.ROOT / "connector" / "templates")  # package data, see pyproject.toml
