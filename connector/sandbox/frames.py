"""Pages that play Jira around the app: an issue, a dashboard, a project and the administration, each with the live panels in frames.

The bundles are served as Atlassian's network does: under a strict policy, with a bridge in the page, without cookies of ours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Response, abort, current_app, jsonify, render_template, request, send_file

from connector.app_policy import CONTENT_SECURITY_POLICY
from connector.hosts.jira.comments import text_of
from connector.sandbox import board, content
from connector.sandbox.forge import Call, Platform
from connector.sandbox.pages import blueprint, standins
from connector.sandbox.worlds import account_of

BUNDLES = Path(__file__).parents[2] / "forge" / "dist"
RESOURCES = ("issue", "dashboard", "dashboard-edit", "page")
KINDS = {"index.html": "text/html", "main.js": "text/javascript", "main.css": "text/css"}
BRIDGE = '<script src="/static/sandbox_bridge.js"></script>'
# As observed at Atlassian's, and stricter: a bundle has nobody to connect to, all its calls go through the bridge.
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'none'; "
    "form-action 'self'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox allow-downloads allow-forms "
    "allow-modals allow-pointer-lock allow-same-origin allow-scripts"
)
WIDTHS = (300, 350, 450, 700, 1200)


def platform() -> Platform:
    """The platform of this process."""
    found: Platform = current_app.extensions["forge-platform"]
    return found
