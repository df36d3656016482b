"""The docs say what the code says: what exists is documented, what is documented exists, links lead somewhere, examples are accepted."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest

from connector.api import TABLE
from connector.app import create_app
from connector.cli import COMMANDS, cli
from connector.domain import model, triage
from connector.domain.signals import KINDS
from connector.hosts.registry import HOSTS
from connector.queue import InlineQueue
from connector.runtime import build_runtime
from connector.schedule import SCHEDULE
from connector.services.tokens import ROLES
from connector.settings import Settings, load_settings
from connector.store.base import Base
from tests.support.pages import CODE, DOCS, FENCE, KNOWN_SITES, LINK, NAMES, PAGES, ROOT, read, rows, section, spoken

# --- settings, commands ------------------------------------------------------------------------------------------------------


def variable(name: str) -> str:
    alias = Settings.model_fields[name].validation_alias
    return alias if isinstance(alias, str) else f"OKR_{name.upper()}"


def test_every_setting_is_documented_and_no_other() -> None:
    assert set(rows(section("docs/admin.md", "Settings"))) == {variable(name) for name in Settings.model_fields}


@pytest.mark.parametrize("name", sorted(set(Settings.model_fields) - {"data_dir"}))
def test_defaults_of_settings_are_those_of_the_code(name: str) -> None:
    default = Settings.model_fields[name].default
    shown = str(int(default)) if isinstance(default, bool) else str(default)
    row = rows(section("docs/admin.md", "Settings"))[variable(name)]
    assert shown == "" or f"| `{shown}` |" in row


def test_the_sample_of_env_names_every_setting() -> None:
    named = set(re.findall(r"^([A-Z_]+)=", read(".env.example"), re.MULTILINE))
    assert named == {variable(name) for name in Settings.model_fields} - {"OKR_SANDBOX"}  # that one never stands in a real file


def test_the_procfile_runs_commands_that_exist() -> None:
    assert {line.split("okr-connector ")[1].split()[0] for line in read("Procfile").splitlines() if line} <= set(COMMANDS)


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from leaves(found, (*path, name))
    else:
        yield " ".join(path), command


LEAVES = dict(leaves(cli))


def test_every_command_is_documented_and_no_other() -> None:
    assert set(rows(section("docs/admin.md", "Commands"))) == set(LEAVES)
    assert {name.partition(" ")[0] for name in LEAVES} == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_every_option_and_argument_is_documented(name: str) -> None:
    row = rows(section("docs/admin.md", "Commands"))[name]
    for parameter in LEAVES[name].params:
        names: list[str]
        if isinstance(parameter, click.Option):
            names = [] if parameter.hidden else parameter.opts
        else:
            names = [parameter.make_metavar(click.Context(LEAVES[name]))]
        for each in names:
            assert re.search(rf"(?<![\w-]){re.escape(each)}(?![\w-])", row), f"{name}: {each}"
    known = {option for parameter in LEAVES[name].params for option in parameter.opts}
    assert set(re.findall(r"`(--?[a-z][\w-]*)`", row)) <= known


def test_options_of_a_check_in_are_explained_to_owners() -> None:
    options = {option for parameter in LEAVES["check-in"].params for option in parameter.opts if option.startswith("--")}
    assert options <= spoken(section("docs/owner.md", "Check in"))
    assert {kind.value for kind in model.DecisionKind} <= spoken(section("docs/owner.md", "Check in"))


@pytest.mark.parametrize("name", NAMES)
def test_commands_that_are_shown_exist(name: str) -> None:
    for words in re.findall(r"okr-connector ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)?)", read(name)):
        first, _, second = words.partition(" ")
        in_code = any(
            f"okr-connector {first}" in code for code in (*CODE.findall(read(name)), *(body for _, body in FENCE.findall(read(name))))
        )
        if in_code:
            assert first in COMMANDS or f"{first} {second}" in LEAVES, words


def test_targets_of_make_are_those_that_are_shown() -> None:
    makefile = read("Makefile")
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    for name in NAMES:
        code = "\n".join([*CODE.findall(read(name)), *(body for _, body in FENCE.findall(read(name)))])
        shown = set(re.findall(r"(?:^|\s)make (?:\w+=\S+ )?([a-z-]+)", code))
        assert shown <= targets, name
    assert targets <= set(re.findall(r"`make ([a-z-]+)`", read("docs/admin.md")))


# --- metrics, API, clock -----------------------------------------------------------------------------------------------------


def counted_names() -> set[str]:
    """Metric names in the code. Counters that come into being when they are first counted appear in no scrape of a new installation."""
    found: set[str] = set()
    for package in ("connector", "webhooks", "mappings"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                called = node.func if isinstance(node, ast.Call) else None
                name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
                if name not in ("count", "Counter", "Gauge", "Histogram", "Summary") and not name.endswith("MetricFamily"):
                    continue
                assert isinstance(node, ast.Call)
                for each in node.args[:2]:
                    if isinstance(each, ast.Constant) and isinstance(each.value, str) and re.fullmatch(r"okr_[a-z_]+", each.value):
                        found.add(f"{each.value}_total" if name == "Counter" else each.value)
    return found


def test_every_metric_is_documented_and_no_other() -> None:
    assert "okr_deliveries_total" in counted_names()
    assert set(rows(section("docs/admin.md", "Metrics"))) == counted_names()


def test_what_a_scrape_shows_is_documented(tmp_path: Path) -> None:
    runtime = build_runtime(load_settings(data_dir=tmp_path), queue=InlineQueue())
    try:
        Base.metadata.create_all(runtime.store.engine)
        scrape = create_app(runtime).test_client().get("/metrics").get_data(as_text=True)
    finally:
        runtime.close()
    names = {name for name in re.findall(r"^# TYPE (\w+) ", scrape, re.MULTILINE) if not name.endswith("_created")}
    assert "okr_database_up" in names
    assert names <= set(rows(section("docs/admin.md", "Metrics")))


def test_every_path_of_the_api_is_documented_and_no_other() -> None:
    told = read("docs/api.md")
    shown = set(re.findall(r"^\| (GET|POST|PUT|PATCH|DELETE) \| `([^`]+)`", told, re.MULTILINE))
    assert shown == {(endpoint.method, endpoint.path) for endpoint in TABLE}
    assert set(ROLES) <= spoken(told)


@pytest.mark.parametrize("endpoint", TABLE, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_roles_of_the_api_are_those_of_the_code(endpoint: Any) -> None:
    line = next(each for each in read("docs/api.md").splitlines() if each.startswith(f"| {endpoint.method} | `{endpoint.path}`"))
    told = line.strip("| ").split(" | ")[-1]
    assert sorted(endpoint.roles) == sorted(ROLES if told == "all" else told.split(", "))


def test_every_task_of_the_clock_is_documented_and_no_other() -> None:
    assert set(rows(section("docs/admin.md", "Sync"))) == {entry.name for entry in SCHEDULE}


def test_every_kind_of_signal_is_documented_with_its_title_and_no_other() -> None:
    told = rows(section("docs/signals.md", "Kinds"))
    assert set(told) == set(KINDS)
    for kind, title in KINDS.items():
        assert f"| {title} |" in told[kind]


# --- events, numbers, states -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", sorted(HOSTS))
def test_every_event_is_documented_as_the_dialect_treats_it(host: str) -> None:
    dialect = HOSTS[host].dialect
    title = HOSTS[host].TITLE
    assert set(rows(section("docs/events.md", f"{title}, used"))) == set(dialect.handled)
    assert set(rows(section("docs/events.md", f"{title}, left alone"))) == set(dialect.ignored)


def test_thresholds_are_those_of_the_code() -> None:
    edges = triage.Edges()
    told = rows(section("docs/numbers.md", "State"))
    assert {name: told[name].split(" | ")[1] for name in told} == {each.name: f"{getattr(edges, each.name):g}" for each in fields(edges)}


def test_every_state_and_mark_is_explained() -> None:
    from connector.domain.wording import STATE_WORDS

    for name in ("docs/owner.md", "docs/lead.md"):
        first = {line.split(" | ")[0].strip("| ") for line in read(name).splitlines() if line.startswith("| ")}
        assert set(STATE_WORDS.values()) <= first, name
    marks = section("docs/lead.md", "Marks beside the state")
    for flag in (getattr(triage, name) for name in dir(triage) if name.startswith("FLAG_")):
        assert f"| {flag} |" in marks


# --- the pages themselves ----------------------------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    """The addresses of a page's headings, as code hosts make them."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", title)).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    for target in LINK.findall(FENCE.sub("", read(name))):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        assert found.is_relative_to(ROOT), target
        if anchor:
            assert anchor in anchors(found), target


def test_every_page_is_linked() -> None:
    linked = {
        (ROOT / name).parent.joinpath(target.partition("#")[0]).resolve()
        for name in NAMES
        for target in LINK.findall(read(name))
        if "://" not in target and target.partition("#")[0]
    }
    assert {path for path in PAGES if path.parent != ROOT} - linked == set()


@pytest.mark.parametrize("name", NAMES)
def test_pages_name_no_machine_and_no_foreign_site(name: str) -> None:
    text = read(name)
    assert re.findall(r"(?<![\w.>])/(?:work|tmp|home|root|Users)/\S*", text) == []
    sites = re.findall(r"\w+://(?:[^\s/@`\")]*@)?([^\s/:`\")|]*)", text)
    assert [site for site in sites if site and not KNOWN_SITES.fullmatch(site)] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_promise_nothing_that_comes_later(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if path == DOCS / "README.md":
        before, _, after = text.partition("## Not yet")
        assert after
        text = before
    assert re.findall(r"(?i)escalat(?!e\b)|post-mortem|\bsoon\b|not yet (?:there|possible)", text) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_are_short_and_lines_fit(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= (120 if path.name == "README.md" else 400)
    assert [line for line in lines if len(line) > 160 and not line.startswith("|")] == []
