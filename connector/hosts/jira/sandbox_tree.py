"""The stand-in's syntax tree of a JQL, in the shape that Jira's parser answers. For a text that was found right before.

Pure, and kept apart from the evaluation in ``sandbox_jql``: it checks nothing.
"""

from __future__ import annotations

import re
from typing import Any

_TOKEN = re.compile(r"""\s*("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|!=|>=|<=|!~|[=<>~(),!]|[^\s=<>~!(),"']+)""")


def structure(text: str) -> dict[str, Any]:
    """``{"where": clause}`` of a JQL, without ``where`` when it restricts nothing."""
    tokens = _TOKEN.findall(text.strip())
    if not tokens or tokens[0].casefold() == "order":
        return {}
    return {"where": _Tree(tokens).any_of()}


class _Tree:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens

    def any_of(self) -> dict[str, Any]:
        return self._joined("or", self._all_of)

    def _all_of(self) -> dict[str, Any]:
        return self._joined("and", self._one)

    def _joined(self, word: str, part: Any) -> dict[str, Any]:
        clauses = [part()]
        while self._next() == word:
            self._tokens.pop(0)
            clauses.append(part())
        return clauses[0] if len(clauses) == 1 else {"operator": word, "clauses": clauses}

    def _one(self) -> dict[str, Any]:
        if self._next() in ("not", "!"):
            self._tokens.pop(0)
            return {"operator": "not", "clauses": [self._one()]}
        if self._next() == "(":
            self._tokens.pop(0)
            inner = self.any_of()
            self._tokens.pop(0)
            return inner
        name = _bare(self._tokens.pop(0))
        operator = self._tokens.pop(0).casefold()
        if operator in ("not", "is") and self._next() in ("in", "not"):
            operator = f"{operator} {self._tokens.pop(0).casefold()}"
        return {"field": {"name": name, "encodedName": name}, "operator": operator, "operand": self._operand()}

    def _operand(self) -> dict[str, Any]:
        if self._next() == "(":
            inside = self._until_closed()
            return {"values": [{"value": _bare(value), "encodedValue": value} for value in inside if value != ","]}
        value = self._tokens.pop(0)
        if self._next() == "(":
            return {"function": value, "arguments": [each for each in self._until_closed() if each != ","]}
        if value.casefold() in ("empty", "null"):
            return {"keyword": "empty"}
        return {"value": _bare(value), "encodedValue": value}

    def _until_closed(self) -> list[str]:
        end = self._tokens.index(")")
        inside = self._tokens[1:end]
        del self._tokens[: end + 1]
        return inside

    def _next(self) -> str:
        return self._tokens[0].casefold() if self._tokens else ""


def _bare(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1]) if token[:1] in "\"'" else token
