"""Pages at a host that show leads where things stand: ``setting`` chooses them, ``telling`` says what they say, ``writing`` writes them."""

from connector.services.leads_page.writing import write_pages
from connector.services.leads_wanted import want_all, want_changed

__all__ = ["want_all", "want_changed", "write_pages"]
