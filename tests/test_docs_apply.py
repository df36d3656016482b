"""The docs of the file of ``apply``: every key, measure, option and word is explained, and the examples are accepted."""

from __future__ import annotations

import ast
import inspect
import re
from enum import StrEnum
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from connector.domain import model
from connector.hosts import jira, notion
from connector.hosts.registry import HOSTS
from connector.services.declare import definitions, goals, schema
from connector.services.declare.schema import read_declaration
from mappings import parsing, selecting, terms
from tests.support.pages import CODE, FENCE, NAMES, read, rows, section, spoken


def keys_of(module: Any) -> set[str]:
    """The keys that a module reads: those named in calls of ``fields`` and ``_exactly``, and in its upper-case tuples."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        taken: list[ast.expr] = []
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("fields", "_exactly"):
                taken = [each for each in node.args if isinstance(each, ast.Tuple)]
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple) and getattr(node.targets[0], "id", "").isupper():
            taken = [node.value]
        for tuple_ in taken:
            found.update(
                each.value for each in getattr(tuple_, "elts", ()) if isinstance(each, ast.Constant) and isinstance(each.value, str)
            )
    return found


def test_keys_are_found_in_the_code() -> None:
    assert {"webhook_secret", "token_expires", "accounts", "lead", "version"} <= keys_of(schema)
    assert {"phased_targets", "panels", "page", "supports"} <= keys_of(goals)
    assert {"progress", "day", "done"} <= keys_of(definitions)


@pytest.mark.parametrize("key", sorted(keys_of(schema) | keys_of(goals) | keys_of(definitions)))
def test_every_key_of_the_file_is_documented(key: str) -> None:
    assert key in spoken(read("docs/apply.md").partition("### Top level")[2])


def test_every_option_of_a_mapping_is_documented_and_no_other() -> None:
    tables = section("docs/apply.md", "A mapping")
    options = tables.partition("| `select` | host | picks |")[0]
    assert set(rows(options)) == set(parsing._KEYS)
    selectors = {kind.value for kind in terms.SelectorKind}
    assert {name for name in rows(tables) if name not in rows(options)} >= selectors
    assert (selectors | set(selecting._COMPANIONS)) <= spoken(tables)


@pytest.mark.parametrize("measure", list(terms.MeasureKind))
def test_every_measure_is_documented(measure: terms.MeasureKind) -> None:
    shown = f"{{{measure.value}: FIELD}}" if measure in terms.FIELD_MEASURES else measure.value
    assert shown in set(CODE.findall(section("docs/apply.md", "A mapping")))
    assert measure.value in rows(section("docs/numbers.md", "From items to a value"))


@pytest.mark.parametrize("words", [terms.Mode, terms.WontDo, terms.Empty, terms.Of, model.Kind, model.Cadence])
def test_every_word_of_the_file_is_documented(words: type[StrEnum]) -> None:
    assert {each.value for each in words} <= spoken(read("docs/apply.md"))


def test_every_kind_of_credentials_is_documented() -> None:
    models: list[type[BaseModel]] = [*get_args(jira.AuthModel), *get_args(notion.AuthModel)]
    told = rows(section("docs/apply.md", "A connection"))["auth"]
    assert {key for each in models for key in each.model_fields} <= spoken(told)
    assert set(HOSTS) <= spoken(read("docs/apply.md"))


EXAMPLES = [
    pytest.param(body, id=f"{name}-{number}")
    for name in NAMES
    for number, (language, body) in enumerate(FENCE.findall(read(name)))
    if language == "yaml" and re.match(r"\s*version:", body)
]


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 2


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_of_the_file_are_accepted(text: str) -> None:
    indent = len(text) - len(text.lstrip(" "))
    plain = "\n".join(line[indent:] for line in text.splitlines())
    found = read_declaration(plain, {name: f"value-of-{name}" for name in re.findall(r"\$\{(\w+)\}", plain)})
    assert found.objectives
    assert found.connections
    if "milestones" in plain:  # the long one shows every kind
        kinds = {key_result.definition.kind for objective in found.objectives for key_result in objective.key_results}
        assert kinds >= set(model.Kind) - {model.Kind.AT_LEAST}
