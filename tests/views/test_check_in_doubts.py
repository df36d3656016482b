"""A doubt is read by the lead, the champion and its author: not on other people's pages, nor in the API, files, the audit trail or rows."""

from __future__ import annotations

import io
import json
import zipfile

from flask import Flask
from sqlalchemy import select

from connector.services import tokens
from connector.services.check_ins import file_check_in
from connector.store.tables import CheckIn
from tests.support.signed_in import Visit
from tests.support.world import Company

ADDRESS = "/key-results/kr-setup/check-in"
ALICE = "alice@acme.example"


SECRET = "the vendor will not deliver"


def test_a_doubt_is_nowhere_but_where_it_may_be(acme: Company, app: Flask) -> None:
    told = {"value": 42, "confidence": 4, "decision": "none", "doubt": SECRET}
    file_check_in(acme.runtime, "kr-setup", told, author=ALICE, source="page")
    alice = Visit(app, acme.runtime, ALICE, "member")
    who = {"lead": True, "champion": True, "admin": False, "member": False, "viewer": False}
    for role, reads in who.items():
        name = f"{role}@acme.example"
        visit = Visit(app, acme.runtime, name, role)
        assert (SECRET in visit.get("/key-results/kr-setup").text) is reads, role
        assert SECRET not in visit.get(ADDRESS).text
        token = tokens.create(acme.runtime, name, role, person=name)
        answer = app.test_client().get("/api/v1/key-results/kr-setup", headers={"Authorization": f"Bearer {token}"})
        assert (SECRET in answer.text) is reads, role
        assert (answer.json or {})["check_ins"][0]["doubt"] == (SECRET if reads else None)
    admin = Visit(app, acme.runtime, "admin@acme.example", "admin")
    assert SECRET in alice.get("/key-results/kr-setup").text
    assert SECRET not in admin.get("/audit").text
    token = tokens.create(acme.runtime, "script", "admin")
    for path in ("exports/csv", "exports/xlsx", "exports/json", "exports/pptx"):
        answer = app.test_client().get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200, path
        assert SECRET.encode() not in unpacked(answer.data), path
    with acme.runtime.store.read() as session:
        dump = json.dumps([str(row) for row in session.execute(select(CheckIn.__table__))])
    assert SECRET not in dump


def unpacked(data: bytes) -> bytes:
    if not data.startswith(b"PK"):
        return data
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        return b"\n".join(package.read(name) for name in package.namelist())
