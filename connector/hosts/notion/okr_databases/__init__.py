"""OKR databases in Notion: making, finding and completing them, their rows, the leads' page."""

from connector.hosts.notion.okr_databases.host import NotionOkrDatabases

__all__ = ["NotionOkrDatabases"]
