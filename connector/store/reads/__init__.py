"""What pages and the API show, read in a fixed small number of statements per page and given as plain dicts in the API's shapes.

Reads only. Retired things are left out everywhere. It must not compute a status (that is stored with the key result), call a
host, or give away a secret.
"""

from __future__ import annotations

from connector.store.reads.key_results import key_result_detail, key_results_page
from connector.store.reads.objectives import objective_detail, objectives_page
from connector.store.reads.operations import connections_page, deliveries_page, runs_page
from connector.store.reads.paging import Page, everything, moment_text

__all__ = [
    "Page",
    "connections_page",
    "deliveries_page",
    "everything",
    "key_result_detail",
    "key_results_page",
    "moment_text",
    "objective_detail",
    "objectives_page",
    "runs_page",
]
