"""How people sign in and out, and their own sessions."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("sign_in", __name__)


@blueprint.get("/sign-in")
def show() -> str:
    """Not here yet."""
    return ""


@blueprint.get("/account")
def account() -> str:
    """Not here yet."""
    return ""
