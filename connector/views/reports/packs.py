"""The review pack of one review as a file, with what the viewer may know of."""

from __future__ import annotations

from flask import Response, abort

from connector.domain.rights import Act
from connector.services.exchange import MIME_TYPES, PACKS, export_pack, pack_name
from connector.views.reports.blueprint import blueprint
from connector.web.context import runtime
from connector.web.gate import need, viewer


@blueprint.get("/reviews/<int:ident>/pack.<kind>")
@need(Act.EXPORT)
def pack(ident: int, kind: str) -> Response:
    """Slides or a workbook: as the pre-read was frozen, before the lock as it would be now."""
    if kind not in PACKS:
        abort(404, "A review pack is a PPTX or an XLSX file.")
    pieces = export_pack(runtime(), kind, viewer(), review=ident)
    headers = {"Content-Disposition": f'attachment; filename="{pack_name(runtime(), ident, kind)}"'}
    return Response(pieces, headers=headers, content_type=MIME_TYPES[kind])
