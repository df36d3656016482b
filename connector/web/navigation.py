"""The main navigation as data: label, endpoint, what the role must allow."""

from __future__ import annotations

from dataclasses import dataclass

from connector.domain.rights import Act, Viewer


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. ``area`` is the blueprint whose pages it stands for."""

    label: str
    endpoint: str
    acts: tuple[Act, ...] = ()  # any of them; () for everybody

    @property
    def area(self) -> str:
        """The blueprint's name."""
        return self.endpoint.partition(".")[0]


LEADS = ("admin", "lead", "champion")  # whose first question is where things stand
ENTRIES = (
    Entry("Triage", "triage.triage"),
    Entry("Key results", "pages.overview"),
    Entry("Reviews", "reviews.index"),
    Entry("Reports", "reports.champion", (Act.WRITE, Act.SIGN_OFF)),
    Entry("Plan", "plan.index", (Act.WRITE, Act.SIGN_OFF)),
    Entry("Mappings", "mappings.index", (Act.WRITE,)),
    Entry("Connections", "connections.index", (Act.OPERATE,)),
    Entry("Import, export", "exchange.index", (Act.EXPORT,)),
    Entry("People", "people.index", (Act.ADMINISTER,)),
    Entry("Audit", "audit.index", (Act.ADMINISTER,)),
)


def entries(viewer: Viewer | None) -> list[Entry]:
    """What this viewer can go to."""
    if viewer is None:
        return []
    return [entry for entry in ENTRIES if not entry.acts or any(viewer.may(act) for act in entry.acts)]


def landing(viewer: Viewer | None) -> str:
    """The endpoint that the product's name leads to: triage for those who lead, the key results for everybody else."""
    return "triage.triage" if viewer is not None and viewer.role in LEADS else "pages.overview"
