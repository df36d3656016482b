"""The two vendors' own vectors, and everything that must not pass."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.signatures import sign, verify

ATLASSIAN = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
NOTION = "sha256=9faf1b64aef78c022dd0efcd9828c4f284d23e3736fb51480a176bdbac881864"


def test_atlassians_vector():
    assert sign("It's a Secret to Everybody", b"Hello World!") == ATLASSIAN
    assert verify(["It's a Secret to Everybody"], b"Hello World!", ATLASSIAN)


def test_notions_vector_is_over_the_raw_bytes():
    raw = '{"workspace_name":"Käse"}'.encode()
    assert verify(["secret_test"], raw, NOTION)
    assert not verify(["secret_test"], b'{"workspace_name":"K\\u00e4se"}', NOTION)


@pytest.mark.parametrize("secrets", [[], [""], ["", ""]])
def test_no_secret_means_refuse(secrets):
    assert not verify(secrets, b"x", sign("", b"x"))


@pytest.mark.parametrize("header", [None, "", "sha256", "sha256=", "sha256=zz", "sha256=ünicode", "=abc"])
def test_unreadable_headers_are_refused(header):
    assert not verify(["secret"], b"x", header)


def test_only_sha256_counts():
    weak = hmac.new(b"secret", b"x", hashlib.sha1).hexdigest()
    assert not verify(["secret"], b"x", f"sha1={weak}")
    assert not verify(["secret"], b"x", sign("secret", b"x").replace("sha256", "sha512"))


def test_the_previous_secret_still_counts():
    assert verify(["new", "old"], b"x", sign("old", b"x"))
    assert verify(["new", "old"], b"x", sign("new", b"x"))
    assert not verify(["new"], b"x", sign("old", b"x"))


@given(st.text(min_size=1), st.binary(), st.binary(min_size=1))
def test_a_signature_holds_for_its_own_body_only(secret, body, more):
    assert verify([secret], body, sign(secret, body))
    assert not verify([secret], body + more, sign(secret, body))
