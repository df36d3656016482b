"""The two-minute test as a program (R073): it has eyes for the visible text of a leads' page alone, and names every key result's list.

What only an assistive technology gets is taken away first, attributes are never read. The same page is kept as a picture for a person
who tries it: the lists are named right when both agree with what is so.
"""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page

LISTS = ("At risk", "Stalled", "Cannot tell", "On track", "Closed")
OTHER = ("Decisions needed", "Reached, and thanks", "Did the tracker change anything")  # headings below which no list stands
_HEADING = re.compile(rf"({'|'.join(LISTS)}) ([\d,]+)\b.*")
_BLIND = """() => {
  for (const each of document.querySelectorAll('main *')) {
    const box = each.getBoundingClientRect();
    if (each.closest('svg') || (box.width <= 1 && box.height <= 1)) each.setAttribute('data-unseen', '');
  }
  for (const each of document.querySelectorAll('[data-unseen]')) each.remove();
}"""


def visible_text(page: Page) -> str:
    """The text of a page as somebody sees it who sees no picture and hears no reader. The page is spent afterwards."""
    page.evaluate(_BLIND)
    return page.locator("main").inner_text()


def read_lists(text: str) -> tuple[dict[str, list[str]], dict[str, int]]:
    """The lines below each list's heading, and the number that the heading gives."""
    lines: dict[str, list[str]] = {}
    counts: dict[str, int] = {}
    current = ""
    for line in (each.strip() for each in text.splitlines()):
        if heading := _HEADING.fullmatch(line):
            current = heading[1]
            counts[current] = int(heading[2].replace(",", ""))
            lines.setdefault(current, [])
        elif line.startswith(OTHER):
            current = ""
        elif current and line:
            lines[current].append(line)
    return lines, counts


def name_lists(text: str, titles: list[str]) -> dict[str, str]:
    """In which list each key result stands, by the lines that begin with its title."""
    lines, _ = read_lists(text)
    return {title: name for name, rows in lines.items() for title in titles if any(row.startswith(title) for row in rows)}


def keep_picture(page: Page, path: Path) -> None:
    """The page as a person sees it first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path)
