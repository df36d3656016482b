"""A Notion workspace that is entered by a person's permission: its token address, as strict as OAuth wants it.

Each refresh token counts once, new tokens end the former ones, clients log in by HTTP Basic and send JSON.
"""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from typing import Any

from werkzeug.wrappers import Request, Response

from connector.hosts.limits import Budget
from connector.hosts.notion import consent
from connector.hosts.notion.sandbox import NotionSandbox
from tests.support.world import Company

CLIENT = ("our-client", "our-client-secret")
BACK = "https://okr.acme.example/connect/notion/callback"


class PermittedNotion:
    """The stand-in behind a permission. ``lasts``: seconds told as ``expires_in``, None as Notion does today.

    ``answers``: (status, body) that the token address gives next instead of tokens; ``lost``: how many of its next answers get lost
    after the tokens were made; ``slow``: seconds that it takes.
    """

    def __init__(self) -> None:
        self.notion = NotionSandbox()
        self.client = CLIENT
        self.lasts: int | None = None
        self.answers: list[tuple[int, Any]] = []
        self.lost = 0
        self.slow = 0.0
        self.withdrawn = False
        self.renewals = 0
        self.asked: list[dict[str, Any]] = []
        self.versions: list[str] = []  # that the token address was told
        self.codes: set[str] = set()
        self.refresh = ""
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Answer one request."""
        request = Request(environ)
        if request.path != "/v1/oauth/token":
            return self.notion(environ, start_response)
        answer = self._token(request)
        if self.slow:
            time.sleep(self.slow)
        if self.lost:
            self.lost -= 1
            environ["werkzeug.socket"].shutdown(2)
            raise ConnectionResetError("the answer got lost")
        return answer(environ, start_response)

    def _token(self, request: Request) -> Response:
        given = request.get_json(silent=True) or {}
        with self._lock:
            self.asked.append(given)
            self.versions.append(request.headers.get("Notion-Version", ""))
            if self.answers:
                status, body = self.answers.pop(0)
                kind = "text/html" if isinstance(body, str) else "application/json"
                return Response(body if isinstance(body, str) else json.dumps(body), status, content_type=kind)
            if request.headers.get("Authorization") != "Basic " + base64.b64encode(":".join(self.client).encode()).decode():
                return _refusal(401, "invalid_client", "Client authentication failed.")
            if given.get("grant_type") == "authorization_code":
                if given.get("code") not in self.codes or given.get("redirect_uri") != BACK:
                    return _refusal(400, "invalid_grant", "Invalid code.")
                self.codes.discard(given["code"])
                return self._new()
            if self.withdrawn or not self.refresh or given.get("refresh_token") != self.refresh:
                return _refusal(400, "invalid_grant", "Invalid refresh token.")
            self.renewals += 1
            return self._new()

    def _new(self) -> Response:
        self.notion.token, self.refresh = f"ntn_{uuid.uuid4().hex}", f"nrt_{uuid.uuid4().hex}"
        world = self.notion.world.data
        body = {
            "access_token": self.notion.token, "refresh_token": self.refresh, "token_type": "bearer", "bot_id": world["bot"],
            "workspace_id": world["workspace"], "workspace_name": world["workspace_name"], "workspace_icon": None,
            "duplicated_template_id": None, "request_id": str(uuid.uuid4()),
            "owner": {"type": "user", "user": {"object": "user", "id": world["person"]}},
        }  # fmt: skip
        return Response(json.dumps(body if self.lasts is None else {**body, "expires_in": self.lasts}), content_type="application/json")

    def end_token(self) -> None:
        """The access token counts no more; nobody was told."""
        self.notion.token = "ended"  # no token of anybody

    def permit(self, url: str) -> dict[str, str]:
        """The login that a person's permission gives."""
        code = uuid.uuid4().hex
        self.codes.add(code)
        return dict(consent.exchange_code(url, *CLIENT, BACK, code, budget=Budget("consent"), allow_private=True))

    def connect(self, acme: Company, url: str, name: str = "acme-notion") -> int:
        """A stored connection with such a login."""
        return acme.connection(name, "notion", url, self.permit(url))


def _refusal(status: int, code: str, words: str) -> Response:
    return Response(json.dumps({"error": code, "error_description": words}), status, content_type="application/json")
