"""YAML text → plain data in which every value knows its line. Strict: duplicate keys, tags and unset variables are refused.

It knows YAML and the ``${VARIABLE}`` notation, but no key of the file's format. Values of variables are secrets: they never
get into a message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from connector.errors import Faults, InputError

LARGEST = 5 * 1024 * 1024  # bytes
DEEPEST = 40  # levels of nesting; the format needs nine
MOST_VALUES = 500_000  # after aliases are followed, so that a few lines cannot fill the memory

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "timestamp"))
_MERGE = "tag:yaml.org,2002:merge"
_VARIABLE = re.compile(r"\$(\$?)\{([^}]*)(\}?)")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")  # no database or host takes these
_LONGEST_KEY = 320  # characters, as an e-mail address; every value below a key has it in its path
_LONGEST_INTEGER = 1023  # bits; what a float can hold
_SHORTEST_SECRET = 6  # shorter values are too likely to be part of ordinary words
_UNKNOWN_KEY = re.compile(r"unknown key '([^']*)'")


@dataclass
class Document:
    """The data, the line of each path such as ``objectives[0].title``, and the secrets that messages must not show."""

    data: Any
    lines: dict[str, int] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)  # value → what is shown instead

    def line(self, where: str) -> int:
        """The line (from 1) of a path, or of the nearest thing around it that the file has."""
        while where and where not in self.lines:
            where = where[: max(where.rfind("."), where.rfind("["), 0)]
        return self.lines.get(where, 1)

    def hide(self, text: str) -> str:
        """``text`` without any secret of the file."""
        for value, shown in self.secrets.items():
            text = text.replace(value, shown)
        return text

    def add_secret(self, value: str, shown: str = "[hidden]") -> None:
        """Never show this value; ``shown`` stands in its place."""
        if len(value) >= _SHORTEST_SECRET:
            self.secrets.setdefault(value, shown)

    def placed(self, error: InputError) -> InputError:
        """The same error with its line, and without secrets."""
        where = error.where
        found = _UNKNOWN_KEY.search(error.message)
        if found and f"{where}.{found.group(1)}" in self.lines:
            where = f"{where}.{found.group(1)}"
        return InputError(self.hide(error.message), where=where, line=error.line or self.line(where))


def join(where: str, key: str) -> str:
    """The path of a key inside ``where``."""
    return f"{where}.{key}" if where else key


def read_document(text: str | bytes, environ: Mapping[str, str]) -> Document:
    """Read one YAML document; ``${NAME}`` inside strings is replaced from ``environ``, ``$${`` stands for ``${``.

    Raises ``Faults`` with everything that is wrong, each with its line.
    """
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(raw) > LARGEST:
        raise Faults([InputError(f"the file is larger than {LARGEST // 1024 // 1024} MB", line=1)])
    try:
        decoded = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Faults([InputError("this is not UTF-8 text; save the file as UTF-8", line=line)]) from None
    root = _compose(decoded)
    if root is None:
        raise Faults([InputError("the file is empty; it begins with version: 1", line=1)])
    builder = _Builder(environ)
    data = builder.build(root, "")
    if builder.errors:
        raise Faults(builder.errors)
    return Document(data, builder.lines, builder.secrets)


def _compose(text: str) -> yaml.Node | None:
    """The tree of nodes. Looks at the nesting first: composing recurses."""
    try:
        depth = 0
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > DEEPEST:
                    raise Faults([InputError(f"nested more than {DEEPEST} levels deep", line=_start(event) + 1)])
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
        node: yaml.Node | None = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        problem = " ".join(part for part in (error.context, error.problem) if part)
        lines = text.splitlines()
        hint = "; inside braces, put ${…} into quotes" if line <= len(lines) and "${" in lines[line - 1] else ""
        raise Faults([InputError(f"this is not YAML: {problem or 'it cannot be read'}{hint}", line=line)]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1 if isinstance(error.position, int) else 1
        raise Faults([InputError("this is not YAML: it holds a sign that text must not hold", line=line)]) from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: the parser met a surrogate
        raise Faults([InputError(f"this is not YAML: {type(error).__name__}", line=1)]) from None
    return node


class _Builder:
    """Walks the nodes once; collects errors instead of stopping at the first."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.lines: dict[str, int] = {}
        self.secrets: dict[str, str] = {}
        self.errors: list[InputError] = []
        self._constructor = yaml.constructor.SafeConstructor()
        self._values = 0
        self._inside: set[int] = set()

    def build(self, node: yaml.Node, where: str) -> Any:
        """A node's value; None where it is wrong (the error is noted)."""
        self._values += 1
        if self._values > MOST_VALUES:
            raise Faults([InputError(f"the file holds more than {MOST_VALUES} values (aliases are counted each time)", line=_line(node))])
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, where)
        if id(node) in self._inside:
            return self._wrong("an alias stands inside the value that it names", node, where)
        self._inside.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
                return self._mapping(node, where)
            if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
                return self._sequence(node, where)
            return self._wrong(f"the tag {node.tag} is not allowed here; remove it", node, where)
        finally:
            self._inside.discard(id(node))

    def _sequence(self, node: yaml.SequenceNode, where: str) -> list[Any]:
        built = []
        for index, child in enumerate(node.value):
            place = f"{where}[{index}]"
            self.lines[place] = _line(child)
            built.append(self.build(child, place))
        return built

    def _mapping(self, node: yaml.MappingNode, where: str) -> dict[Any, Any]:
        built: dict[Any, Any] = {}
        merged: dict[Any, Any] = {}
        first: dict[Any, int] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                merged = {**self._merged(value_node, where), **merged}
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self._wrong("a list or mapping cannot be a key", key_node, where)
                continue
            key = self._scalar(key_node, where, plain=True)
            if len(str(key)) > _LONGEST_KEY:
                self._wrong(f"a key has at most {_LONGEST_KEY} characters", key_node, where)
                continue
            place = join(where, str(key))
            if key in first:
                self._wrong(f"the key {key!r} stands here twice; it is already in line {first[key]}", key_node, place)
                continue
            first[key] = self.lines[place] = _line(key_node)
            built[key] = self.build(value_node, place)
        return {**{key: value for key, value in merged.items() if key not in built}, **built}

    def _merged(self, node: yaml.Node, where: str) -> dict[Any, Any]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        result: dict[Any, Any] = {}
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                self._wrong("<< needs a mapping or a list of mappings", source, where)
                continue
            result = {**self.build(source, where), **result}
        return result

    def _scalar(self, node: yaml.ScalarNode, where: str, *, plain: bool = False) -> Any:
        if node.tag not in _TAGS:
            return node.value if node.tag.endswith(":value") else self._wrong(f"the tag {node.tag} is not allowed here", node, where)
        try:
            value = self._constructor.construct_object(node)
        except (ValueError, KeyError, IndexError, AttributeError, TypeError, OverflowError, yaml.YAMLError):
            kind = node.tag.rpartition(":")[2]
            meant = {"timestamp": "a day or time", "int": "a number", "float": "a number", "bool": "true or false"}.get(kind, kind)
            return self._wrong(f"looks like {meant} but is none; put text into quotes", node, where)
        if isinstance(value, int) and value.bit_length() > _LONGEST_INTEGER:
            return self._wrong("this number is too large", node, where)
        if not isinstance(value, str):
            return value
        if _UNREADABLE.search(value):
            return self._wrong("holds a control character; remove it", node, where)
        return value if plain else self._substituted(value, node, where)

    def _substituted(self, text: str, node: yaml.Node, where: str) -> str:
        if "${" not in text:
            return text

        def replace(found: re.Match[str]) -> str:
            escaped, name, closed = found.groups()
            if escaped:
                return found.group()[1:]
            if not closed or not _VARIABLE_NAME.fullmatch(name):
                self._wrong("${ begins the name of an environment variable, such as ${JIRA_TOKEN}; write $${ for the signs", node, where)
                return ""
            if name not in self.environ:
                self._wrong(f"the environment variable {name} is not set; set it, or take ${{{name}}} out", node, where)
                return ""
            value = self.environ[name]
            if _UNREADABLE.search(value):
                self._wrong(f"the environment variable {name} holds a control character or is not UTF-8", node, where)
                return ""
            if len(value) >= _SHORTEST_SECRET:
                self.secrets[value] = f"${{{name}}}"
            return value

        return _VARIABLE.sub(replace, text)

    def _wrong(self, message: str, node: yaml.Node, where: str) -> None:
        self.errors.append(InputError(message, where=where, line=_line(node)))


def _line(node: yaml.Node) -> int:
    return _start(node) + 1


def _start(place: Any) -> int:
    return int(place.start_mark.line)
