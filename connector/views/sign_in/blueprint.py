"""The blueprint that the modules of this folder register their views on. Open to strangers, so it has no guard."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("sign_in", __name__)
