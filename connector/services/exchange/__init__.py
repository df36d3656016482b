"""Export and import: the nine columns as CSV and XLSX, everything as JSON, the review pack as PPTX.

``export`` gives bytes; ``import_file`` plans every row, and saves all of them in one transaction or none.
"""

from __future__ import annotations

from collections.abc import Callable

from connector.runtime import Runtime
from connector.services.exchange.archive import write_archive
from connector.services.exchange.incoming import Fate, Outcome, import_file
from connector.services.exchange.review_pack import write_review_pack
from connector.services.exchange.sheets import COLUMNS, write_csv, write_xlsx

Writer = Callable[[Runtime, str | None], bytes]  # (runtime, cycle or None for all)

WRITERS: dict[str, Writer] = {"csv": write_csv, "xlsx": write_xlsx, "json": write_archive, "pptx": write_review_pack}

__all__ = ["COLUMNS", "WRITERS", "Fate", "Outcome", "import_file"]
