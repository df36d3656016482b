"""The pages of the documentation as tests look at them: texts, sections, rows of tables, code in code marks."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])
GUIDES = sorted((ROOT / "connector" / "hosts").glob("*/GUIDE.md"))
NAMES = [str(path.relative_to(ROOT)) for path in [*PAGES, *GUIDES]]

CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^[ ]*```(\w*)\n(.*?)^[ ]*```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
# Anything else is a machine or a service that readers do not have.
KNOWN_SITES = re.compile(
    r"(?:[\w-]+\.)*(?:example|<[^>]+>)|127\.0\.0\.1|(?:acme|<your site>)\.atlassian\.net"
    r"|api\.(?:notion|atlassian)\.com|www\.notion\.so|<.*|…|connector"
    r"|forge\.cdn\.prod\.atlassian-dev\.net"
)


@cache
def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def section(name: str, title: str) -> str:
    """The text under a heading, up to the next one of the same level or above."""
    found = re.search(rf"^(#+) {re.escape(title)}$\n(.*?)(?=^#{{1,2}} |\Z)", read(name), re.MULTILINE | re.DOTALL)
    assert found, f"{name} has no section {title!r}"
    return found[2]


def rows(text: str) -> dict[str, str]:
    """The rows of all tables by every name in code marks in their first cell."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("| `"):
            for name in CODE.findall(line.split(" | ")[0]):
                found[name] = line
    return found


def spoken(text: str) -> set[str]:
    """Everything in code marks, and each word inside of them."""
    marked = set(CODE.findall(text))
    return marked | {word for each in marked for word in re.findall(r"[\w-]+", each)}
