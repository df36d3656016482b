"""Atlassian's side of Forge Remote: keys published over HTTP, invocation tokens signed by them, and Jira behind the app's address.

``with forge_site(tmp_path) as forge`` gives a company whose connection acme-jira has an accepted installation of the app;
``forge.call("GET", "/forge/v1/...", account=ALICE, issue="10001")`` is a call as Forge makes it, each with a fresh token.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from joserfc import jws
from joserfc.jwk import RSAKey
from sqlalchemy import select
from werkzeug.test import TestResponse
from werkzeug.wrappers import Response

from connector.app import create_app
from connector.hosts.jira.sandbox import JiraSandbox
from connector.services.forge.caller import Invocation
from connector.services.forge.installations import note
from connector.services.forge.invocation import verify
from connector.store.tables import Connection, ForgeInstallation, Person, PersonAccount
from tests.support.standin import running
from tests.support.world import Company, company

APP_ID = "11111111-2222-3333-4444-555555555555"
APP = f"ari:cloud:ecosystem::app/{APP_ID}"
INSTALLATION = "ari:cloud:ecosystem::installation/aaaaaaaa-0000-0000-0000-000000000001"
SYSTEM_TOKEN = "the system token of acme"
ALICE, BOB, CHARLIE, STRANGER = "account-alice", "account-bob", "account-charlie", "account-nobody-knows"


def a_key(kid: str = "first") -> RSAKey:
    """A private key; the same for the same id, since making one takes time."""
    return _made(kid)


@cache
def _made(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"})


@dataclass
class KeySet:
    """The published keys. ``reads`` counts how often they were asked for; ``status`` other than 200 is an outage."""

    keys: list[RSAKey] = field(default_factory=lambda: [a_key()])
    extra: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    body: bytes | None = None
    reads: int = 0

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        self.reads += 1
        listed = [*self.extra, *(key.as_dict(private=False) for key in self.keys)]
        body = json.dumps({"keys": listed}).encode() if self.body is None else self.body
        return Response(body, self.status, content_type="application/json")(environ, start_response)


class Atlassian:
    """Jira behind the app's address: a ``JiraSandbox`` that also takes the app's tokens and knows who may see what.

    ``hidden`` are (account, issue id) that Jira does not show; ``admins`` administer it. ``asked`` are the calls with tokens of the app.
    """

    def __init__(self, jira: JiraSandbox) -> None:
        self.jira = jira
        self.users: dict[str, str] = {}  # user token → account
        self.systems: set[str] = {SYSTEM_TOKEN}
        self.hidden: set[tuple[str, str]] = set()
        self.admins: set[str] = {ALICE}
        self.asked: list[tuple[str, str]] = []
        self.base_url = ""  # what Jira says of its own address; "" is where it stands
        self.files: dict[str, Any] = {}  # JSON that lies on the site, by path
        self.status = 0  # other than 0: what calls with tokens of the app are answered

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        found = re.fullmatch(r"/ex/jira/([^/]+)/rest/api/3/(.*)", environ.get("PATH_INFO", ""))
        token = str(environ.get("HTTP_AUTHORIZATION", "")).removeprefix("Bearer ")
        if environ.get("PATH_INFO") in self.files:
            return _json(self.files[environ["PATH_INFO"]])(environ, start_response)
        if found is None or not (token in self.users or token in self.systems):
            return self.jira(environ, start_response)
        method, path = environ["REQUEST_METHOD"], found[2]
        self.asked.append((method, path))
        if self.status:
            return _json({"errorMessages": ["the stand-in was asked to fail"]}, self.status)(environ, start_response)
        if found[1] != self.jira.world.settings["cloud_id"]:
            return _json({"errorMessages": ["no such site"]}, 404)(environ, start_response)
        answer = self._own(method, path, token, environ)
        if answer is not None:
            return answer(environ, start_response)
        self.jira.tokens[token] = time.time() + 3600  # everything else as any login
        return self.jira(environ, start_response)

    def _own(self, method: str, path: str, token: str, environ: dict[str, Any]) -> Response | None:
        issue = re.fullmatch(r"issue/([^/]+)", path)
        if method == "GET" and issue and token in self.users and (self.users[token], self._id_of(issue[1])) in self.hidden:
            return _json({"errorMessages": ["Issue does not exist or you do not have permission to see it."], "errors": {}}, 404)
        if method == "POST" and path == "issue/bulkfetch" and token in self.users:
            _change_body(environ, lambda body: self._without_hidden(self.users[token], body))  # of hidden ones Jira says nothing
        if method == "POST" and path == "permissions/check":
            raw = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"] = BytesIO(raw)
            account = json.loads(raw).get("accountId") or self.users.get(token, "")
            return _json(self._granted(json.loads(raw), account)) if account else None  # of itself the app asks as any login
        if method == "GET" and path == "serverInfo":
            own = f"{environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}"
            return _json({"baseUrl": self.base_url or own, "deploymentType": "Cloud"})
        return None

    def _without_hidden(self, account: str, body: dict[str, Any]) -> dict[str, Any]:
        named = [each for each in body["issueIdsOrKeys"] if (account, self._id_of(str(each))) not in self.hidden]
        return {**body, "issueIdsOrKeys": named or ["1"]}

    def _granted(self, body: Mapping[str, Any], account: str) -> dict[str, Any]:
        rights = []
        for each in body.get("projectPermissions", ()):
            known = [n for n in each.get("issues", ()) if self._id_of(str(n)) and (account, str(n)) not in self.hidden]
            rights += [{"permission": name, "issues": known, "projects": []} for name in each["permissions"]]
        granted = [name for name in body.get("globalPermissions", ()) if name != "ADMINISTER" or account in self.admins]
        return {"globalPermissions": granted, "projectPermissions": rights}

    def _id_of(self, issue: str) -> str:
        for each in self.jira.world.issues.values():
            if issue in (str(each["id"]), str(each["key"])):
                return str(each["id"])
        return ""


def _change_body(environ: dict[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    raw = json.dumps(change(json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))))).encode()
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(raw), str(len(raw))


def _json(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body), status, content_type="application/json")


@dataclass
class Forge:
    """One site with the app, and a connector that serves it. ``call`` is what most tests need."""

    company: Company
    jira: JiraSandbox
    atlassian: Atlassian
    jwks: KeySet
    site_url: str
    cloud_id: str
    connection: int = 0

    @cached_property
    def app(self) -> Flask:
        """The application, made when first asked for."""
        return create_app(self.company.runtime)

    @cached_property
    def client(self) -> FlaskClient:
        """A client of it."""
        return self.app.test_client()

    def claims(
        self,
        account: str = ALICE,
        *,
        issue: str = "",
        project: str = "",
        module: str = "",
        extension: Mapping[str, Any] | None = None,
        installation: str = INSTALLATION,
        cloud_id: str = "",
        **claims: Any,
    ) -> dict[str, Any]:
        """The claims of a token; ``claims`` replaces whole claims (``exp``, ``aud``, …). ``account`` "" is an event's or a schedule's."""
        now = int(self.company.runtime.epoch())
        cloud, module = cloud_id or self.cloud_id, module or ("okr-issue-panel" if account else "okr-hourly")
        place: dict[str, Any] = {"type": "jira:issueContext", **(extension or {})}
        if issue:
            place["issue"] = {"id": issue, "key": issue} if not issue.isdecimal() else {"id": issue, "key": self._key_of(issue)}
        if project:
            place["project"] = {"id": "10000", "key": project}
        found: dict[str, Any] = {
            "iss": "forge/invocation-token",
            "aud": APP,
            "iat": now,
            "nbf": now,
            "exp": now + 25,
            "jti": uuid.uuid4().hex,
            "app": {
                "id": APP,
                "installationId": installation,
                "apiBaseUrl": f"{self.site_url}/ex/jira/{cloud}",
                "appVersion": "1.0.0",
                "environment": {"type": "PRODUCTION", "id": "ari:cloud:ecosystem::environment/x/y"},
                "module": {"type": "core:endpoint", "key": module},
            },
            "context": {"cloudId": cloud, "siteUrl": self.site_url, "moduleKey": module, "accountId": account, "extension": place},
        }
        if account:
            found["principal"] = account
        return {name: value for name, value in {**found, **claims}.items() if value is not None}

    def token(self, claims: Mapping[str, Any], key: RSAKey | None = None, **header: Any) -> str:
        """Claims as a signed token."""
        key = key or self.jwks.keys[0]
        protected = {"alg": "RS256", "typ": "JWT", "kid": key.kid, **header}
        return jws.serialize_compact({k: v for k, v in protected.items() if v is not None}, json.dumps(claims), key, algorithms=["RS256"])

    def headers(self, token: str, account: str = "", *, system: str | None = SYSTEM_TOKEN, user: bool = True) -> dict[str, str]:
        """The headers of a call. ``system`` None and ``user`` False leave the two tokens for Jira away."""
        found = {"Authorization": f"Bearer {token}", "X-B3-TraceId": "0123456789abcdef"}
        if system:
            found["X-Forge-OAuth-System"] = system
        if account and user:
            found["X-Forge-OAuth-User"] = f"user token of {account}"
            self.atlassian.users[f"user token of {account}"] = account
        return found

    def call(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        account: str = ALICE,
        token: str = "",
        system: str | None = SYSTEM_TOKEN,
        user: bool = True,
        **claims: Any,
    ) -> TestResponse:
        """One call as Forge makes it: a fresh token (or ``token``), the person's and the app's token for Jira."""
        signed = token or self.token(self.claims(account, **claims))
        return self.client.open(path, method=method, json=json, headers=self.headers(signed, account, system=system, user=user))

    def invocation(self, account: str = ALICE, **claims: Any) -> Invocation:
        """What a call would say, for services that are tested without the door."""
        return verify(self.company.runtime, self.headers(self.token(self.claims(account, **claims)), account))

    def installation(self, installation: str = INSTALLATION, cloud_id: str = "") -> ForgeInstallation:
        """The stored row of an installation."""
        with self.company.runtime.store.read() as session:
            return session.scalars(
                select(ForgeInstallation).where(
                    ForgeInstallation.installation_id == installation, ForgeInstallation.cloud_id == (cloud_id or self.cloud_id)
                )
            ).one()

    def person(self, email: str, account: str, role: str = "member", *, active: bool = True) -> int:
        """A person with this account at the site's connection, made or changed."""
        with self.company.runtime.store.write() as session:
            row = session.scalar(select(Person).where(Person.email == email))
            if row is None:
                row = Person(email=email, name=email.partition("@")[0].capitalize())
                session.add(row)
            row.role, row.active = role, active
            session.flush()
            if session.scalar(select(PersonAccount).where(PersonAccount.person_id == row.id)) is None:
                session.add(PersonAccount(person_id=row.id, connection_id=self.connection, account=account))
            return row.id

    def _key_of(self, issue: str) -> str:
        return next((str(each["key"]) for each in self.jira.world.issues.values() if str(each["id"]) == issue), f"NONE-{issue}")


@contextmanager
def forge_world(folder: Path, *, database_url: str = "", jira: JiraSandbox | None = None, **settings: Any) -> Iterator[Forge]:
    """A company with Forge set up and an empty database: no connection, no installation yet. ``settings`` as for ``company``."""
    box, jwks = jira or JiraSandbox(), KeySet()
    atlassian = Atlassian(box)
    with running(jwks) as keys_url, running(atlassian) as site_url:
        given: dict[str, Any] = {"forge_app_id": APP_ID, "forge_jwks_url": f"{keys_url}/jwks.json", **settings}
        with company(folder, database_url, **given) as found:
            yield Forge(found, box, atlassian, jwks, site_url, str(box.world.settings["cloud_id"]))


@contextmanager
def forge_site(folder: Path, *, database_url: str = "", jira: JiraSandbox | None = None, **settings: Any) -> Iterator[Forge]:
    """``forge_world`` with the connection acme-jira, an accepted installation, and Alice (admin), Bob and Charlie with their accounts.

    Their objectives come from ``forge.company``: ``objective()``, ``key_result("kr-setup")`` and so on.
    """
    with forge_world(folder, database_url=database_url, jira=jira, **settings) as forge:
        auth = {"email": "bot@acme.example", "api_token": "sandbox-token"}
        forge.connection = forge.company.connection("acme-jira", "jira", forge.site_url, auth)
        note(forge.company.runtime, forge.invocation(""))
        with forge.company.runtime.store.read() as session:
            assert session.get_one(Connection, forge.connection).installation_id is not None
        for email, account, role in (("alice", ALICE, "admin"), ("bob", BOB, "member"), ("charlie", CHARLIE, "member")):
            forge.person(f"{email}@acme.example", account, role)
        yield forge
