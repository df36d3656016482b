"""The cost of an update is measured where a form is opened and saved, and nobody is stored with it."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import select

from connector import schedule
from connector.services.check_ins import file_check_in
from connector.services.check_ins.form_use import kept_of, read_clicks
from connector.store.tables import CheckIn, FormOpening
from tests.support.signed_in import Visit
from tests.support.world import Company

ADDRESS = "/key-results/kr-setup/check-in"


@pytest.fixture
def acme(acme: Company) -> Company:
    file_check_in(acme.runtime, "kr-setup", {"value": 45, "confidence": 6, "decision": "none"}, author="alice@acme.example")
    return acme


def openings(acme: Company) -> list[FormOpening]:
    with acme.runtime.store.read() as session:
        return list(session.scalars(select(FormOpening).order_by(FormOpening.id)))


def hidden(page: str) -> dict[str, str]:
    return {name: unescape(value) for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page)}


def filled(page: str, **changes: str) -> dict[str, str]:
    return {**hidden(page), "value": "45", "confidence": "6", "decision": "none", **changes}


def test_open_and_save(alice: Visit, acme: Company) -> None:
    page = alice.get(ADDRESS).text
    (row,) = openings(acme)
    assert (row.key_result_id, row.place, row.saved_at, row.offered) == ("kr-setup", "page", None, 0)
    acme.clock.ahead += 40
    assert alice.post(ADDRESS, filled(page, confidence="5", clicks="4")).status_code == 303
    (row,) = openings(acme)
    assert row.saved_at is not None
    assert timedelta(seconds=38) <= row.saved_at - row.opened_at <= timedelta(seconds=60)
    assert (row.clicks, row.offered, row.kept) == (4, 2, 1)


def test_nobody_can_be_found_by_it(alice: Visit, acme: Company) -> None:
    alice.post(ADDRESS, filled(alice.get(ADDRESS).text))
    columns = {column.name for column in FormOpening.__table__.columns}
    assert not [name for name in columns if "person" in name or "author" in name]
    with acme.runtime.store.read() as session:
        told = set(session.scalars(select(CheckIn.source_id)))
    (row,) = openings(acme)
    assert row.key not in told
    assert row.key not in {hashlib.sha256(each.encode()).hexdigest()[:32] for each in told}


def test_a_mistake_and_a_conflict_go_on_with_the_same_opening(alice: Visit, acme: Company) -> None:
    page = alice.get(ADDRESS).text
    assert alice.post(ADDRESS, filled(page, confidence="12")).status_code == 422
    file_check_in(acme.runtime, "kr-setup", {"value": 50, "confidence": 7, "decision": "none"}, author="bob@acme.example")
    again = alice.post(ADDRESS, filled(page))
    assert again.status_code == 409
    assert alice.post(ADDRESS, filled(again.text)).status_code == 303
    (row,) = openings(acme)
    assert row.saved_at is not None


def test_who_only_reads_opens_nothing(app: Flask, acme: Company) -> None:
    Visit(app, acme.runtime, "viv@acme.example", "viewer").get(ADDRESS)
    assert openings(acme) == []


def test_what_is_older_than_a_quarter_is_forgotten(alice: Visit, acme: Company) -> None:
    alice.get(ADDRESS)
    acme.clock.ahead += 89 * 86_400
    schedule.prune(acme.runtime)
    assert len(openings(acme)) == 1
    acme.clock.ahead += 2 * 86_400
    schedule.prune(acme.runtime)
    assert openings(acme) == []


def test_counts_that_are_none() -> None:
    assert [read_clicks(text) for text in ("4", "", "-1", "1e3", "100000", "٣", "<b>")] == [4, None, None, None, None, None, None]
    assert kept_of({"value": "45", "blocker": ""}, {"value": " 45 "}) == (1, 1)
