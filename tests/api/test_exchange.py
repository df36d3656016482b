"""Import and export over the API: the same files, options and refusals as on the pages."""

from __future__ import annotations

import io
from typing import Any

from openpyxl import load_workbook

from tests.api.conftest import Api
from tests.support.world import Company

HEAD = "Objective,Key Result,Owner,From,To,Current value,Confidence,Blocker,Last updated\r\n"
ROW = "Objective onboarding,Key result kr-setup,alice@acme.example,0,100,47,,no test site,\r\n"


def upload(api: Api, name: str, data: bytes) -> Any:
    return api.client.post(f"/api/v1/imports?name={name}", data=data, headers={**api.headers, "Content-Type": "application/octet-stream"})


def test_files_go_out_in_every_format(api: Api) -> None:
    csv = api.get("exports/csv", cycle="now")
    assert (csv.status_code, csv.mimetype) == (200, "text/csv")
    assert csv.headers["Content-Disposition"] == 'attachment; filename="okr-now.csv"'
    assert csv.text.startswith(HEAD)
    assert load_workbook(io.BytesIO(api.get("exports/xlsx").data)).sheetnames == ["now"]
    assert api.get("exports/json").get_json()["format"] == "okr-connector"
    assert api.get("exports/pptx").data.startswith(b"PK")
    assert api.get("exports/csv", cycle="never").status_code == 404


def test_a_file_comes_in_by_upload_check_and_run(api: Api, acme: Company) -> None:
    answer = upload(api, "okr.csv", (HEAD + ROW).encode())
    assert answer.status_code == 201
    ident = answer.get_json()["id"]
    assert api.post(f"imports/{ident}/run", {}).status_code == 409  # not before it was checked
    checked = api.post(f"imports/{ident}/check", {}).get_json()
    assert (checked["state"], checked["counts"]["update"]) == ("checked", 1)
    assert checked["fates"][0]["changes"] == ["Current value 41 → 47"]
    assert api.post(f"imports/{ident}/run", {}).get_json()["state"] == "done"
    acme.work()
    assert acme.row("kr-setup").current == 47.0
    assert [entry["id"] for entry in api.get("imports").get_json()["items"]] == [ident]


def test_columns_are_told_and_chosen(api: Api, acme: Company) -> None:
    guide = api.get("imports/guide").get_json()
    assert "key_result" in guide["fields"]
    assert {"name": "asana-tasks", "confirmed": True}.items() <= next(
        each for each in guide["profiles"] if each["confirmed"] and "Asana" in each["title"]
    ).items()
    ident = upload(api, "ziele.csv", b"Was,Wer,Von,Bis\r\nSchneller,alice@acme.example,0,10\r\n").get_json()["id"]
    checked = api.post(f"imports/{ident}/check", {}).get_json()
    assert checked["faults"][0]["where"] == "columns"
    body = {
        "reason": "moved",
        "columns": {
            "columns": {"key_result": "Was", "owner": "Wer", "from": "Von", "to": "Bis"},
            "constants": {"objective": "Objective onboarding"},
        },
    }
    assert api.post(f"imports/{ident}/options", body).get_json()["state"] == "uploaded"
    assert api.post(f"imports/{ident}/check", {}).get_json()["counts"]["create"] == 1
    wrong = {"columns": {"columns": {"colour": "Was"}}}
    refused = api.post(f"imports/{ident}/options", wrong)
    assert (refused.status_code, refused.get_json()["errors"][0]["field"]) == (422, "columns.colour")
    assert api.post(f"imports/{ident}/cancel", {}).get_json()["state"] == "cancelled"


def test_roles_and_strangers(as_role: Any, api: Api) -> None:
    for role, status in (("lead", 201), ("champion", 403), ("member", 403), ("viewer", 403)):
        assert upload(as_role(role), "okr.csv", (HEAD + ROW).encode()).status_code == status
    backup = api.get("exports/json").data
    assert upload(as_role("lead"), "okr.json", backup).status_code == 403
    assert as_role("lead").get("exports/json").status_code == 403
    assert as_role("viewer").get("exports/csv").status_code == 200
    for path in ("imports/0", "imports/99", "imports/x"):
        assert api.get(path).status_code == 404
    assert upload(api, "okr.xlsm", b"x").status_code == 422
    assert api.post("imports/notion", {"connection": "nowhere", "data_source": "x"}).status_code == 404
