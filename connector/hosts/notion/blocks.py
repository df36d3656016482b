"""Blocks of our own on somebody's page: made once, kept by their ids, found again when an answer got lost, never searched by text alone.

What all writers of blocks share: panels and leads' pages. It must not know what the blocks say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connector.errors import Gone, Refused, Uncertain
from connector.hosts.notion.client import NotionClient
from connector.hosts.notion.fields import is_gone
from connector.hosts.notion.ids import known_id

Block = Mapping[str, Any]


class BlocksUsedUp(Refused):
    """The workspace may make no more blocks: deleting gives nothing back, properties still work."""


class PageBlocks:
    """The blocks of one page. ``bot``: asks for our own id, only called when a block must be found again."""

    def __init__(self, client: NotionClient, page: str, bot: Callable[[], str]) -> None:
        self._client = client
        self._page = page
        self._bot = bot

    def update(self, block: str, content: Block) -> bool:
        """Edit a block in place (``content``: by its type); False when a person deleted it, or what it stands in."""
        for attempt in (1, 2):
            try:
                answer = self._client.update_block(block, content)
            except Gone:
                return False
            except Refused as error:
                if error.status in (400, 409) and self.is_deleted(block):  # editing a trashed block is a validation error
                    return False
                if error.status == 409 and attempt == 1:
                    continue
                if error.status == 400:
                    self.require_page()  # so is editing what stands on a trashed page
                raise
            return not is_gone(answer)
        return False  # pragma: no cover  # the second attempt returns or raises

    def delete(self, block: str) -> bool:
        """Put a block of ours into the trash; False when it was gone already."""
        for attempt in (1, 2):
            try:
                self._client.delete_block(block)
            except Gone:
                return False
            except Refused as error:
                if error.status in (400, 409) and self.is_deleted(block):
                    return False
                if error.status == 409 and attempt == 1:
                    continue
                raise
            return True
        return False  # pragma: no cover  # as above

    def is_deleted(self, block: str) -> bool:
        """Whether a block is in the trash, deleted, or on a page that we do not see any more."""
        try:
            return is_gone(self._client.block(block))
        except Gone:
            return True

    def require_page(self) -> dict[str, Any]:
        """The page itself: lost sharing looks like a deleted block, so it is asked before a deletion is believed. Raises ``Gone``."""
        page = self._client.page(self._page)
        if is_gone(page):
            raise Gone(f"the page {self._page} is in the trash", status=200, code="in_trash")
        return page

    def append(
        self, blocks: Sequence[Block], *, at: Mapping[str, Any], look: Callable[[], Sequence[str]], parent: str = ""
    ) -> tuple[str, ...]:
        """Make blocks, at most 100, at a position (see ``start``, ``after``), on the page or in a block; gives their ids in order.

        ``look`` finds the blocks of a write that may have happened; it is asked before a repeat. Raises ``BlocksUsedUp``; ``Uncertain``
        when nobody can tell whether they were made: then the caller looks before it makes any the next time.
        """
        for attempt in (1, 2):
            try:
                answer = self._client.append(parent or self._page, blocks, at)
            except Uncertain as error:
                told = [known_id(each) or each for each in error.committed]
                if len(told) >= len(blocks) and self._page not in told:  # the host says that it wrote after all
                    return tuple(told[: len(blocks)])
                raise
            except Refused as error:
                extra = error.details.get("additional_data")
                if error.status == 403 and isinstance(extra, dict) and extra.get("block_limit"):
                    raise BlocksUsedUp(error.message, status=error.status, code=error.code, details=error.details) from error
                if error.status == 409 and attempt == 1:
                    if found := tuple(look()):
                        return found
                    continue
                raise
            made = [each for each in answer.get("results") or () if isinstance(each, dict) and each.get("id")]
            return tuple(known_id(each["id"]) or str(each["id"]) for each in made)
        return ()  # pragma: no cover  # the second attempt returns or raises

    def children(self, parent: str = "") -> list[dict[str, Any]]:
        """The living blocks among the first 100 of the page, or of a block, in their order."""
        found = self._client.children(parent or self._page).get("results") or ()
        return [block for block in found if isinstance(block, dict) and not is_gone(block)]

    def ours(self, parent: str = "") -> list[dict[str, Any]]:
        """Those of ``children`` that we made."""
        bot = self._bot()
        authors = [(block, block.get("created_by")) for block in self.children(parent)]
        return [block for block, author in authors if isinstance(author, dict) and known_id(author.get("id")) == bot]


START: Mapping[str, Any] = {"type": "start"}


def after(block: str) -> Mapping[str, Any]:
    """The position behind a block."""
    return {"type": "after_block", "after_block": {"id": block}}
