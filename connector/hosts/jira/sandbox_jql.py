"""The stand-in's JQL: the part of the language that mappings and our own walks use, with Jira's way of refusing the rest.

Pure: it parses text into a test over one issue's facts and knows neither HTTP nor how issues are kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Facts = Mapping[str, Any]
Test = Callable[[Facts], bool]

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?P<sign>!=|>=|<=|!~|[=<>~(),])|(?P<word>[^\s=<>~!(),"']+))""", re.VERBOSE
)
_RELATIVE = re.compile(r"([+-]?\d+)([mhdw])\Z")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_ALIASES = {
    "issuekey": "key",
    "issue": "key",
    "id": "key",
    "type": "issuetype",
    "statuscategory": "category",
    "updateddate": "updated",
    "createddate": "created",
}
_PLAIN = ("project", "parent", "key", "labels", "issuetype", "status", "category", "updated", "created", "summary", "resolution")
_FUNCTIONS = {"subtaskissuetypes": "subtask", "standardissuetypes": "standard"}
_CATEGORIES = {"to do": "new", "new": "new", "in progress": "indeterminate", "indeterminate": "indeterminate", "done": "done"}


class JqlError(Exception):
    """The text is no JQL that this site accepts; the message is worded like Jira's."""


@dataclass(frozen=True, slots=True)
class Site:
    """What a JQL is checked against: project keys, a look-up of issues by id or key, custom fields by lower-case name, the time."""

    projects: frozenset[str]
    find: Callable[[str], str | None]  # id or key → id
    fields: Mapping[str, str]
    now: datetime


@dataclass(frozen=True, slots=True)
class Among:
    """A test that only issues with one of these refs as their ``field`` ("key" or "parent") can pass: no need to look at others."""

    test: Test
    field: str
    refs: frozenset[str]

    def __call__(self, facts: Facts) -> bool:
        """Whether the issue passes."""
        return self.test(facts)


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed JQL: ``test`` over an issue's facts, None when nothing is restricted; ``order`` as (field, descending)."""

    test: Test | None
    order: tuple[tuple[str, bool], ...] = ()

    @property
    def among(self) -> Among | None:
        """What narrows the search beforehand, None when every issue must be looked at."""
        return self.test if isinstance(self.test, Among) else None


def parse(text: str, site: Site) -> Query:
    """Parse ``text``. Raises ``JqlError`` for what Jira would refuse (it accepts empty text, which is unbounded)."""
    return _Parser(text, site).parse()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    value: str


class _Parser:
    def __init__(self, text: str, site: Site) -> None:
        self._site = site
        self._tokens = list(_tokens(text))
        self._at = 0

    def parse(self) -> Query:
        test = None if self._word("order") or self._end() else self._any()
        order: list[tuple[str, bool]] = []
        if self._word("order"):
            self._at += 1
            self._expect("by")
            while True:
                name = self._field_name(self._take())
                descending = self._word("desc")
                if descending or self._word("asc"):
                    self._at += 1
                order.append((name, descending))
                if not self._sign(","):
                    break
                self._at += 1
        if not self._end():
            raise JqlError(f"Error in the JQL Query: Expecting either 'OR' or 'AND' but got '{self._tokens[self._at].value}'.")
        return Query(test, tuple(order))

    def _any(self) -> Test:
        tests = [self._all()]
        while self._word("or"):
            self._at += 1
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda facts: any(test(facts) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._word("and"):
            self._at += 1
            tests.append(self._one())
        if len(tests) == 1:
            return tests[0]
        narrow = next((test for test in tests if isinstance(test, Among)), None)

        def every(facts: Facts) -> bool:
            return all(test(facts) for test in tests)

        return Among(every, narrow.field, narrow.refs) if narrow else every

    def _one(self) -> Test:
        if self._word("not") or self._sign("!"):
            self._at += 1
            inner = self._one()
            return lambda facts: not inner(facts)
        if self._sign("("):
            self._at += 1
            inner = self._any()
            self._expect(")")
            return inner
        return self._clause()

    def _clause(self) -> Test:
        name = self._field_name(self._take())
        operator = self._take().value.casefold()
        if operator == "not":
            self._expect("in")
            operator = "not in"
        if operator == "is":
            negated = self._word("not")
            self._at += negated
            if self._take().value.casefold() not in ("empty", "null"):
                raise JqlError("Error in the JQL Query: 'is' needs EMPTY.")
            return lambda facts: (facts.get(name) in (None, "", [], ())) != negated
        if operator in ("in", "not in"):
            values = self._list()
            negated = operator == "not in"
            if name in ("key", "parent") and not negated:
                refs = frozenset(str(value) for value in values)
                return Among(lambda facts: facts.get(name) in refs, name, refs)
            return lambda facts: _equals_any(facts, name, values) != negated
        if operator not in ("=", "!=", ">", ">=", "<", "<=", "~", "!~"):
            raise JqlError(f"Error in the JQL Query: Expecting operator but got '{operator}'.")
        value = self._value(name, self._take())
        if name in ("key", "parent") and operator == "=":
            return Among(lambda facts: facts.get(name) == value, name, frozenset({str(value)}))
        if operator in ("=", "!="):
            return lambda facts: _equals_any(facts, name, [value]) == (operator == "=")
        if operator in ("~", "!~"):
            return lambda facts: (str(value).strip("*").casefold() in str(facts.get(name) or "").casefold()) == (operator == "~")
        return lambda facts: _compares(facts.get(name), operator, value)

    def _list(self) -> list[Any]:
        token = self._peek()
        if token is not None and token.kind == "word":  # a function such as subTaskIssueTypes()
            name = self._take().value.casefold()
            self._expect("(")
            self._expect(")")
            if name not in _FUNCTIONS:
                raise JqlError(f"Unable to find JQL function '{name}()'.")
            return [_FUNCTIONS[name]]
        raise_name = self._field_before()
        self._expect("(")
        values = [self._value(raise_name, self._take())]
        while self._sign(","):
            self._at += 1
            values.append(self._value(raise_name, self._take()))
        self._expect(")")
        return values

    def _field_before(self) -> str:
        back = self._at - 2 if self._tokens[self._at - 2].value.casefold() != "not" else self._at - 3
        return self._field_name(self._tokens[back])

    def _value(self, name: str, token: _Token) -> Any:
        """A value as it is compared: refs for issues, moments for times, category keys. Unknown projects and issues are errors."""
        if token.kind == "sign":
            raise JqlError(f"Error in the JQL Query: Expecting a value but got '{token.value}'.")
        value = token.value
        if name == "project" and value.upper() not in self._site.projects:
            raise JqlError(f"The value '{value}' does not exist for the field 'project'.")
        if name in ("key", "parent"):
            ref = self._site.find(value)
            if ref is None:
                kind = "A value with ID" if value.isdigit() else "An issue with key"
                raise JqlError(f"{kind} '{value}' does not exist for the field '{name}'.")
            return ref
        if name in ("updated", "created"):
            return self._moment(value)
        if name == "category":
            return _CATEGORIES.get(value.casefold(), value)
        return value

    def _moment(self, value: str) -> datetime:
        if relative := _RELATIVE.match(value):
            return self._site.now + timedelta(**{_UNITS[relative.group(2)]: int(relative.group(1))})
        try:
            return datetime.fromisoformat(value.replace("/", "-")).replace(tzinfo=UTC)
        except ValueError as error:
            raise JqlError(f"Date value '{value}' for field 'updated' is invalid.") from error

    def _field_name(self, token: _Token) -> str:
        name = token.value.casefold()
        name = _ALIASES.get(name, name)
        if token.kind != "sign":
            if name in _PLAIN:
                return name
            if name in self._site.fields:
                return self._site.fields[name]
        raise JqlError(f"Field '{token.value}' does not exist or you do not have permission to view it.")

    def _peek(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _end(self) -> bool:
        return self._at >= len(self._tokens)

    def _word(self, word: str) -> bool:
        token = self._peek()
        return token is not None and token.kind == "word" and token.value.casefold() == word

    def _sign(self, sign: str) -> bool:
        token = self._peek()
        return token is not None and token.kind == "sign" and token.value == sign

    def _take(self) -> _Token:
        token = self._peek()
        if token is None:
            raise JqlError("Error in the JQL Query: The query ends too early.")
        self._at += 1
        return token

    def _expect(self, value: str) -> None:
        token = self._take()
        if token.value.casefold() != value:
            raise JqlError(f"Error in the JQL Query: Expecting '{value}' but got '{token.value}'.")


def _tokens(text: str) -> Sequence[_Token]:
    found: list[_Token] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise JqlError(f"Error in the JQL Query: The character '{text[at:].strip()[:1]}' is not expected here.")
        at = match.end()
        kind = str(match.lastgroup)
        value = match.group(kind)
        found.append(_Token(kind, re.sub(r"\\(.)", r"\1", value[1:-1]) if kind == "text" else value))
    return found


def _equals_any(facts: Facts, name: str, values: Sequence[Any]) -> bool:
    present = facts.get(name)
    if name == "issuetype" and values in (["subtask"], ["standard"]):
        return bool(facts.get("subtask")) == (values == ["subtask"])
    for value in values:
        told = value.casefold() if isinstance(value, str) else value
        for one in present if isinstance(present, (list, tuple)) else [present]:
            if isinstance(one, (int, float)) and not isinstance(one, bool):
                if str(told) in (str(one), f"{one:g}"):
                    return True
            elif (one.casefold() if isinstance(one, str) else one) == told:
                return True
    return False


def _compares(present: Any, operator: str, value: Any) -> bool:
    if isinstance(present, (int, float)) and isinstance(value, str):
        try:
            value = float(value)
        except ValueError as error:
            raise JqlError(f"Value '{value}' is invalid; it must be a number.") from error
    if present is None or isinstance(present, str) != isinstance(value, str):
        return False
    if operator[0] == ">":
        return bool(present > value or (operator == ">=" and present == value))
    return bool(present < value or (operator == "<=" and present == value))
