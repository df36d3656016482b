"""``okr-connector replay``: stored deliveries are worked off once more."""

from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from connector.cli import cli
from connector.store.tables import Delivery
from tests.webhooks.conftest import KEY, Door, issue_updated, page_updated


@pytest.fixture
def run(door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("OKR_DATABASE_URL", f"sqlite:///{tmp_path / 'okr.db'}")
    monkeypatch.setenv("OKR_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("OKR_SECRET_KEY", KEY)
    for number in range(3):
        door.post("acme-jira", issue_updated(number))
    door.post("acme-notion", page_updated())
    with door.runtime.store.write() as session:
        for number, state in enumerate(("failed", "ignored", "done", "failed"), 1):
            session.execute(update(Delivery).where(Delivery.id == number).values(state=state, reason="x", handled_at=door.runtime.now()))
        session.execute(update(Delivery).where(Delivery.id == 1).values(received_at=door.runtime.now() - timedelta(days=2)))

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["replay", *arguments])

    return invoke


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        ((), [1, 4]),
        (("--state", "all"), [1, 2, 3, 4]),
        (("--state", "ignored"), [2]),
        (("--connection", "acme-jira"), [1]),
        (("--since", "6h"), [4]),
        (("--since", "2020-01-01"), [1, 4]),
        (("--id", "2", "--id", "3", "--id", "99"), [2, 3]),
        (("--state", "failed", "--id", "2"), []),
    ],
)
def test_what_is_set_back(door: Door, run, arguments: tuple[str, ...], ids: list[int]) -> None:  # type: ignore[no-untyped-def]
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"{len(ids)} deliver")
    assert [each.id for each in door.stored() if each.state == "pending"] == ids
    assert all(each.reason == "" and each.handled_at is None for each in door.stored() if each.state == "pending")


@pytest.mark.parametrize(("arguments", "word"), [(("--connection", "nobody"), "nobody"), (("--since", "yesterday"), "yesterday")])
def test_bad_input_is_named(door: Door, run, arguments: tuple[str, ...], word: str) -> None:  # type: ignore[no-untyped-def]
    result = run(*arguments)
    assert result.exit_code != 0
    assert word in str(result.exception)
    assert all(each.state != "pending" for each in door.stored())
