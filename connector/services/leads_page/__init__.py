"""The leads' page in a host: three buckets, the pre-read, decisions due and blockers by age, kept in place section by section."""

from connector.services.leads_page.writing import want_changed, write_pages

__all__ = ["want_changed", "write_pages"]
