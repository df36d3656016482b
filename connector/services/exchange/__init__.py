"""Export and import: the nine columns as CSV and XLSX, other programs' tables, everything as JSON, the review pack as PPTX.

``export`` gives a stream of bytes; ``import_file`` plans every row, and saves all of them in one transaction or none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from connector.domain.rights import Act, Viewer
from connector.runtime import Runtime
from connector.services.changes import require
from connector.services.exchange.archive import write_archive
from connector.services.exchange.columns import ColumnMapping, guess_columns
from connector.services.exchange.incoming import Outcome, import_file
from connector.services.exchange.options import Options
from connector.services.exchange.plan import Fate
from connector.services.exchange.review_pack import write_review_pack
from connector.services.exchange.sheets import write_csv, write_xlsx
from connector.services.exchange.vocabulary import COLUMNS, PROFILES

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


__all__ = [
    "COLUMNS",
    "MIME_TYPES",
    "PROFILES",
    "WRITERS",
    "ColumnMapping",
    "Fate",
    "Options",
    "Outcome",
    "export",
    "guess_columns",
    "import_file",
]
