"""Secrets at rest: sealed with a key derived from the installation's secret key; nothing here is ever logged."""

from __future__ import annotations

import base64
from typing import Any

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from connector.errors import InputError


class Vault:
    """Seals and opens secrets. ``secret_key`` may be "new old": the first seals, all open (key rotation)."""

    def __init__(self, secret_key: str) -> None:
        self._fernet = MultiFernet([Fernet(_derive(key)) for key in secret_key.split()])

    def seal(self, value: Any) -> str:
        """A JSON value → sealed text."""
        return self._fernet.encrypt(orjson.dumps(value)).decode()

    def open(self, sealed: str) -> Any:
        """Sealed text → the value. Raises ``InputError`` when the key is not the one it was sealed with."""
        try:
            return orjson.loads(self._fernet.decrypt(sealed.encode()))
        except InvalidToken as error:
            raise InputError(
                "stored secrets cannot be opened with this key; put back the key with which they were stored "
                "(the file secret.key in the data folder), or enter the credentials again with apply",
                where="OKR_SECRET_KEY",
            ) from error


def _derive(key: str) -> bytes:
    derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"okr-connector vault 1").derive(key.encode())
    return base64.urlsafe_b64encode(derived)
