"""The states of an installation, and what people are told of those that are not served."""

from __future__ import annotations

ACTIVE, WAITING, SILENT, REPLACED, REFUSED = "active", "waiting", "silent", "replaced", "refused"
ACCEPTED = (ACTIVE, SILENT)
WORDS = {
    WAITING: "This site's installation waits for an admin of the OKR connector to accept it on the page Connections.",
    REFUSED: "An admin of the OKR connector has refused this site's installation.",
    REPLACED: "The app was installed anew on this site; this call comes from the installation before.",
}
