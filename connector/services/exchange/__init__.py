"""Export and import: the nine columns as CSV and XLSX, other programs' tables, everything as JSON, the review pack as PPTX.

``export`` gives a stream of bytes; ``import_file`` plans every row, and saves all of them in one transaction or none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from connector.domain.pre_read import forum_slug
from connector.domain.rights import Act, Viewer
from connector.errors import InputError, NotFound
from connector.runtime import Runtime
from connector.services.changes import require
from connector.services.exchange.archive import write_archive
from connector.services.exchange.columns import ColumnMapping, guess_columns
from connector.services.exchange.incoming import Outcome, import_file
from connector.services.exchange.options import Options
from connector.services.exchange.pack_content import pack_of_forum, pack_of_review
from connector.services.exchange.plan import Fate
from connector.services.exchange.review_pack import write_pptx, write_review_pack
from connector.services.exchange.review_sheets import write_sheets
from connector.services.exchange.sheets import write_csv, write_xlsx
from connector.services.exchange.vocabulary import COLUMNS, PROFILES
from connector.services.rhythm import listing

Writer = Callable[[Runtime, Viewer, str | None], Iterator[bytes]]  # (runtime, who asks, cycle or None for all)

WRITERS: dict[str, Writer] = {"csv": write_csv, "xlsx": write_xlsx, "json": write_archive, "pptx": write_review_pack}
MIME_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}


def export(runtime: Runtime, kind: str, viewer: Viewer, cycle: str | None = None) -> Iterator[bytes]:
    """A file of one kind (see ``WRITERS``), piece by piece, with what the viewer may know of.

    Raises at once, before the first piece: ``Forbidden`` for a role that may not, ``InputError`` for an unknown cycle.
    """
    require(viewer, Act.EXPORT)
    return WRITERS[kind](runtime, viewer, cycle)


PACKS = {"pptx": write_pptx, "xlsx": write_sheets}  # the review pack of one forum's review


def export_pack(runtime: Runtime, kind: str, viewer: Viewer, *, review: int | None = None, forum: str = "") -> Iterator[bytes]:
    """The pack of a review, or of the review that a forum holds now or next: as its pre-read was frozen, before its lock as it would be.

    Raises ``Forbidden`` for a role that may not, ``NotFound`` for no such review or forum, ``InputError`` for a format that is none.
    """
    require(viewer, Act.EXPORT)
    if kind not in PACKS:
        raise InputError(f"a review pack is {' or '.join(PACKS)}", where="format")
    if review is None and not forum:
        raise NotFound("name a review or a forum")
    pack = pack_of_review(runtime, viewer, review) if review is not None else pack_of_forum(runtime, viewer, forum)
    return iter((PACKS[kind](pack),))


def pack_name(runtime: Runtime, review: int, kind: str) -> str:
    """What the file of a pack is called: "review-product-2026-11-19.pptx". Raises ``NotFound``."""
    with runtime.store.read() as session:
        found = listing.find(session, review, runtime.now(), runtime.settings.zone)
    return f"review-{forum_slug(found.forum)}-{found.day.isoformat()}.{kind}"


__all__ = [
    "COLUMNS",
    "MIME_TYPES",
    "PACKS",
    "PROFILES",
    "WRITERS",
    "ColumnMapping",
    "Fate",
    "Options",
    "Outcome",
    "export",
    "export_pack",
    "guess_columns",
    "import_file",
    "pack_name",
]
