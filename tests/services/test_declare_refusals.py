"""What ``apply`` refuses: each error names line and field, all errors come at once, nothing is written, no secret is shown."""

# ruff: noqa: E501  # a table of cases reads better with one case a line

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import Faults, InputError
from connector.services.declare.document import read_document
from connector.services.declare.schema import read_declaration
from tests.services.conftest import EXAMPLE, SECRETS, Scene

PLAIN = EXAMPLE.format(jira="https://acme.atlassian.net", notion="https://api.notion.com", page="1" * 32, database="2" * 32)


def errors(text: str, environ: dict[str, str] | None = None) -> list[tuple[int, str, str]]:
    with pytest.raises(Faults) as caught:
        read_declaration(text, SECRETS if environ is None else environ)
    return [(error.line or 0, error.where, error.message) for error in caught.value.errors]


def changed(old: str, new: str) -> tuple[str, int]:
    """The example with a piece replaced, and the line of the replacement."""
    assert old in PLAIN, old
    text = PLAIN.replace(old, new, 1)
    return text, PLAIN[: PLAIN.index(old)].count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new", "where", "words"),
    [
        ("    title: New customers", "    titel: New customers", "objectives[0].titel", "unknown key 'titel'; did you mean \"title\"?"),
        ("        cadence: weekly", "        cadence: monthly", "objectives[0].key_results[0].cadence", "choose weekly or fortnightly"),
        ("        weight: 1", "        weight: -1", "objectives[0].key_results[0].weight", "0 or above"),
        ("        weight: 1", "        weight: .nan", "objectives[0].key_results[0].weight", "finite"),
        ("        target: 100", "        target: 0", "objectives[0].key_results[0].target", "start and target are equal"),
        ("        target: 900", "        target: many", "objectives[0].key_results[1].target", "must be a number"),
        ("        owner: alice@", "        owner: alicia@", "objectives[0].key_results[0].owner", 'did you mean "alice@acme.example"?'),
        ("        owner: alice@acme.example", "        owner: Growth", "objectives[0].key_results[0].owner", "is a team"),
        ("        owner: alice@acme.example", "        owner: [alice@acme.example]", "objectives[0].key_results[0].owner", "exactly one owner"),
        ("        owner: alice@acme.example", "        owner: a@b.c, alice@acme.example", "objectives[0].key_results[0].owner", "not a list"),
        ("    cycle: 2026-Q4", "    cycle: 2026-Q3", "objectives[0].cycle", 'did you mean "2026-Q4"?'),
        ("    team: Growth", "    team: Grow", "objectives[0].team", 'did you mean "Growth"?'),
        ("supports: null", "supports: nothing", "objectives[0].supports", "no objective has the id"),
        ("supports: null", "supports: onboarding", "objectives[0].supports", "in a circle: onboarding → onboarding"),
        ("    host: jira", "    host: gira", "connections.acme-jira.host", 'did you mean "jira"?'),
        ("url: https://acme.atlassian.net", "url: acme.atlassian.net", "connections.acme-jira.url", "is not a URL"),
        ("url: https://acme.atlassian.net", "url: https://me:pass@acme.net", "connections.acme-jira.url", "no user or password"),
        ('api_token: "${JIRA_TOKEN}"', 'api_tokn: "${JIRA_TOKEN}"', "connections.acme-jira.auth.api_token", "is missing"),
        ("page: \"1111", "page: \"xyz1111", "objectives[0].panels[0].page", "is not a Notion id"),
        ("panels: [{connection: acme-notion", "panels: [{connection: acme-jira", "objectives[0].panels[0].connection", "is not a Notion connection"),
        ("  - id: onboarding", "  - id: On Boarding", "objectives[0].id", "is not an id"),
        ("      - id: kr-signups", "      - id: kr-setup", "objectives[0].key_results[1].id", "two key results have the id kr-setup"),
        ("end: 2099-12-31", "finish: 2099-12-31", "cycles.2026-Q4.finish", "unknown key"),
        ("start: 2026-10-01, end: 2099-12-31", "start: 2026-10-01", "cycles.2026-Q4.end", "end is missing"),
        ("end: 2099-12-31", "end: 2020-12-31", "cycles.2026-Q4.end", "before it starts"),
        ("end: 2099-12-31", "end: 2026-02-30", "cycles.2026-Q4.end", "looks like a day or time but is none"),
        ("measure: done_share", "mesure: done_share", "objectives[0].key_results[0].mappings[0].mesure", "did you mean \"measure\"?"),
        ("measure: {sum: Seats}", "measure: sum", "objectives[0].key_results[1].mappings[0].measure", "needs a field"),
        ("- {connection: acme-jira, select: {jql", "- {connection: acme, select: {jql", "objectives[0].key_results[0].mappings[1].connection", "no connection"),
        ("{sum: \"Story Points\", of: done}, mode: context", "count, mode: value", "objectives[0].key_results[0].mappings[1].measure", "cannot be put together"),
        ("version: 1", "version: 2", "version", "only version: 1"),
        ("    auth: {token", "    options: {property_onyl: true}\n    auth: {token", "connections.acme-notion.options.property_onyl", "property_only"),
        ("    auth: {token", "    options: {fields: {percent: X}}\n    auth: {token", "connections.acme-notion.options.fields.percent", "known are progress, status"),
        ("    auth: {token", "    options: {fields: {status: 7}}\n    auth: {token", "connections.acme-notion.options.fields.status", "name or id of a field"),
        ("        start: 0", "        start: null", "objectives[0].key_results[0].start", "from X to Y"),
        ("lead: alice@acme.example", "lead: bob@acme.example", "teams[0].lead", "add them under people"),
        ("{acme-jira: \"5b10a2844c20165700ede21g\"", "{acme-jiro: \"x\"", "people[0].accounts.acme-jiro", "acme-jira"),
    ],
)  # fmt: skip
def test_each_mistake_names_line_and_field(old: str, new: str, where: str, words: str) -> None:
    text, line = changed(old, new)
    found = [error for error in errors(text) if words in error[2]]
    assert found, errors(text)
    assert found[0][1] == where
    if "missing" not in words and "circle" not in words:
        assert found[0][0] in (line, line + 1)


def test_all_errors_come_at_once_in_the_order_of_the_lines() -> None:
    text = PLAIN.replace("cadence: weekly", "cadence: monthly").replace("host: jira", "host: gira").replace("target: 900", "target: 400")
    found = errors(text)
    assert [where for _, where, _ in found] == [
        "connections.acme-jira.host",
        "objectives[0].key_results[0].cadence",
        "objectives[0].key_results[1].target",
    ]
    assert [line for line, _, _ in found] == sorted(line for line, _, _ in found)


def test_a_variable_that_is_not_set_is_named() -> None:
    found = errors(PLAIN, {name: value for name, value in SECRETS.items() if name != "JIRA_TOKEN"})
    assert [(line, where) for line, where, _ in found] == [(6, "connections.acme-jira.auth.api_token")]
    assert "JIRA_TOKEN is not set" in found[0][2]


def test_two_people_with_one_address_or_one_account_are_refused() -> None:
    line = PLAIN.splitlines().index("teams: [{name: Growth, lead: alice@acme.example}]") + 1
    again = PLAIN.replace("teams:", "  - {email: ALICE@acme.example, name: Other}\nteams:")
    assert errors(again) == [(line, "people[1].email", "two people have the e-mail address alice@acme.example; keep one")]
    shared = PLAIN.replace("teams:", "  - {email: bob@acme.example, accounts: {acme-jira: 5b10a2844c20165700ede21g}}\nteams:")
    assert errors(shared)[0][:2] == (line, "people[1].accounts.acme-jira")


def test_an_inactive_person_owns_nothing() -> None:
    text = PLAIN.replace("name: Alice,", "name: Alice, active: false,")
    assert [where for _, where, _ in errors(text)] == ["objectives[0].key_results[0].owner", "objectives[0].key_results[1].owner"]


def test_the_same_mapping_twice_and_one_page_for_two_objectives() -> None:
    again = '          - {connection: acme-notion, select: {database: "' + "2" * 32 + '", filter: {Stage: [Won]}}, measure: {sum: Seats}}\n'
    assert "remove one of them" in errors(PLAIN + again)[0][2]
    other = "  - {id: other, title: Other, cycle: 2026-Q4, panels: [{connection: acme-notion, page: " + '"' + "1" * 32 + '"}]}\n'
    assert "shows objective onboarding already" in errors(PLAIN + other)[0][2]


def test_objectives_in_a_circle() -> None:
    text = PLAIN.replace("supports: null", "supports: b")
    text += "  - {id: b, title: B, cycle: 2026-Q4, supports: c}\n  - {id: c, title: C, cycle: 2026-Q4, supports: b}\n"
    assert [message for _, _, message in errors(text)] == ["objectives support each other in a circle: b → c → b"]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "the file is empty"),
        ("version: 1\nversion: 1\n", 2, "stands here twice; it is already in line 1"),
        ("version: 1\n  bad: [\n", 2, "this is not YAML"),
        ("version: 1\nteams: [{name: !secret x}]\n", 2, "tag !secret is not allowed"),
        ("version: 1\nteams: !!python/object:os.system [x]\n", 2, "not allowed"),
        ("a: 1\n---\nb: 2\n", 2, "this is not YAML"),
        ("version: 1\nteams: &a [*a]\n", 2, "inside the value that it names"),
        ("version: 1\nteams: *nothing\n", 2, "this is not YAML"),
        ("version: 1\nteams: " + "[" * 60 + "]" * 60, 2, "levels deep"),
        ('version: 1\npeople: [{email: a@b.c, name: "a\\0b"}]\n', 2, "control character"),
        ('version: 1\npeople: [{email: "${a b}"}]\n', 2, "${ begins the name"),
        ("- version: 1\n", 1, "must be a mapping"),
        ("version: 1\nteams: [{name: ${NAME}}]\n", 2, "into quotes"),
        ("version: 0x" + "f" * 1000, 1, "too large"),
        ("version: 1\n? [a]\n: 1\n", 2, "cannot be a key"),
    ],
)
def test_what_is_no_good_document(text: str, line: int, words: str) -> None:
    found = errors(text)
    assert any(number == line and words in message for number, _, message in found), found


def test_a_few_lines_cannot_fill_the_memory() -> None:
    text = "version: 1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    text += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    assert "aliases are counted each time" in errors(text)[0][2]
    assert "larger than 5 MB" in errors("#" * (5 * 1024 * 1024 + 1))[0][2]


def test_anchors_merge_keys_and_escaped_variables() -> None:
    document = read_document("a: &x {k: 1, l: '$${HOME}'}\nb: {<<: *x, k: 2}\nc: \"${WHO} and ${WHO}\"\n", {"WHO": "me"})
    assert document.data == {"a": {"k": 1, "l": "${HOME}"}, "b": {"k": 2, "l": "${HOME}"}, "c": "me and me"}


def test_a_secret_that_stands_in_the_wrong_place_is_not_shown() -> None:
    text = PLAIN.replace("url: https://acme.atlassian.net", 'url: "${JIRA_TOKEN}"').replace("host: jira", "host: '${NOTION_TOKEN}'")
    told = repr(errors(text, SECRETS | {"JIRA_TOKEN": "top-secret-token"}))
    assert "top-secret-token" not in told
    assert "ntn_sandbox" not in told


scalars = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="${}[]:,&*!|>%@`'\"# -\n\t?0123456789abc._~=<\\xe", max_size=60),
    st.sampled_from(
        ["~", "yes", "1e999", "0x_", "!!int x", "!!bool x", "!!float", "!!timestamp x", "!!binary ''", "=", "<<", ".inf", "2026-99-99",
         "1" * 5000, "[" * 100, "{a: b}", "*x", "&x y", "0o8", "12:99", "!!null x", "'", "\ud800", "\x85", "\ufeff", "!!int ''", "!!set {a}"]
    ),
)  # fmt: skip


@given(scalars)
def test_garbage_gives_nothing_but_input_errors(garbage: str) -> None:
    for piece in ("title: New customers succeed in their first week", "start: 400", "cycle: 2026-Q4", "owner: alice@acme.example"):
        key = piece.split(":")[0]
        with suppress(InputError):
            read_declaration(PLAIN.replace(piece, f"{key}: {garbage}", 1), SECRETS)
    with suppress(InputError):
        read_declaration(garbage, {})


@given(st.binary(max_size=200))
def test_bytes_give_nothing_but_input_errors(garbage: bytes) -> None:
    with pytest.raises(InputError):
        read_declaration(garbage, {})


# --- what only the hosts can tell ----------------------------------------------------------------------------------------------


def test_jql_that_does_not_parse(scene: Scene) -> None:
    broken = ("labels = onboarding'", "labels = = onboarding'")
    [(line, where, message)] = scene.refused(broken)
    assert (line, where) == (scene.line("labels = =", broken), "objectives[0].key_results[0].mappings[1].select.jql")
    assert "Jira does not accept the JQL" in message


def test_epic_field_property_option_and_database_that_are_not_there(scene: Scene) -> None:
    found = scene.refused(
        ("epics: [ACME-1, ACME-7]", "epics: [ACME-1, ACME-99]"),
        ('"Story Points"', '"Story Pints"'),
        ("sum: Seats", "sum: Seat"),
    )
    assert [where for _, where, _ in found] == [
        "objectives[0].key_results[0].mappings[0].select.epics",
        "objectives[0].key_results[0].mappings[1].measure",
        "objectives[0].key_results[1].mappings[0].measure",
    ]
    assert "ACME-99 does not exist" in found[0][2]
    assert "Story Points" in found[1][2]
    assert "Seats" in found[2][2]
    [(_, where, message)] = scene.refused(("Stage: Won", "Stage: Wun"))
    assert where.endswith(".select.filter")
    assert "Won, Lost" in message
    [(_, where, message)] = scene.refused((scene.database, "3" * 32))
    assert where.endswith("mappings[0].select")


def test_a_sum_needs_a_number_and_an_epic_must_be_one(scene: Scene) -> None:
    [(line, where, message)] = scene.refused(("epics: [ACME-1, ACME-7]", "epics: [ACME-1, ACME-10]"))
    assert (line, where) == (scene.line("epics: ["), "objectives[0].key_results[0].mappings[0].select.epics")
    assert message == "ACME-10 is no epic (Story) and has no children to count; select it as issues: [ACME-10]"
    [(line, where, message)] = scene.refused(("sum: Seats", "sum: Stage"))
    assert (line, where) == (scene.line("sum: Seats"), "objectives[0].key_results[1].mappings[0].measure")
    assert message == "'Stage' is no number (select), so it has no sum; name a number field"
    [(_, where, message)] = scene.refused(('"Story Points"', "Summary"))
    assert where == "objectives[0].key_results[0].mappings[1].measure"
    assert "'Summary' is no number" in message


def test_a_field_that_no_longer_exists(scene: Scene) -> None:
    scene.notion.world.remove_property(scene.source, "Seats")
    [(line, where, message)] = scene.refused()
    assert line == scene.line("sum: Seats")
    assert where == "objectives[0].key_results[1].mappings[0].measure"
    assert '"Seats" is not a property of Deals' in message


def test_a_database_with_two_data_sources_names_them(scene: Scene) -> None:
    scene.notion.world.add_data_source(scene.database, "Old deals", {"Seats": "number"})
    [(line, where, message)] = scene.refused()
    assert (line, where) == (scene.line("select: {database"), "objectives[0].key_results[1].mappings[0].select.data_source")
    assert '"Deals"' in message
    assert '"Old deals"' in message


def test_credentials_that_are_not_accepted(scene: Scene) -> None:
    scene.environ["NOTION_TOKEN"] = "ntn_wrong_token"
    [(line, where, message)] = scene.refused()
    assert (line, where) == (scene.line("auth: {token"), "connections.acme-notion.auth")
    assert "make a new token" in message


def test_a_private_address_is_refused_unless_allowed(scene: Scene) -> None:
    scene.runtime.settings.allow_private_hosts = False
    found = scene.refused()
    assert [(line, where) for line, where, _ in found] == [
        (scene.line(f"url: {scene.jira_url}"), "connections.acme-jira.url"),
        (scene.line(f"url: {scene.notion_url}"), "connections.acme-notion.url"),
    ]


def test_a_connection_cannot_become_one_to_another_host(scene: Scene) -> None:
    scene.apply()
    text = "version: 1\nconnections:\n  acme-jira:\n    host: notion\n    url: https://x.example\n    auth: {token: abcdefg}\n"
    [(line, where, _)] = scene.refused((scene.text(), text))
    assert (line, where) == (4, "connections.acme-jira.host")


def test_a_key_that_would_fill_the_memory_is_refused() -> None:
    found = errors(f"version: 1\n? {'k' * 100_000}\n: [{'1, ' * 1000}]\n")
    assert (2, "a key has at most 320 characters") in [(line, words) for line, _, words in found]
