"""Our own pages inside Jira's frame: a page request carried by the app, answered with the page's main part."""

from __future__ import annotations
