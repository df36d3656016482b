"""The blueprint that the modules of this folder register their views on, and how it answers.

A panel's view answers ``answer(html)``. The bundle puts ``html`` into its frame; ``said`` becomes a short message, ``refresh`` (seconds)
asks it to load anew. Errors are problem details; a 422 may carry the form again in ``html``. 401 says one thing only: the token is
refused (Forge would else take our own refusals for that).
"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from connector.problems import problem

blueprint = Blueprint("forge", __name__, url_prefix="/forge/v1")


def answer(html: str, *, status: int = 200, said: str = "", refresh: int = 0, title: str = "") -> Response:
    """A fragment for the bundle. ``status`` 409 and 422 show a form again with what is wrong; those are problem details too."""
    if status >= 400:
        return problem(status, said or "Something needs a look before this can be saved.", html=html)
    body = {"html": html, **({"said": said} if said else {}), **({"refresh": refresh} if refresh else {})}
    return jsonify(body | ({"title": title} if title else {}))
