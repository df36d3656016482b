"""What may be entered for a person: e-mail address, name, role, account ids, leave. Pure checks with words for each mistake."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from connector.domain.rights import ROLES
from connector.errors import InputError

_EMAIL = re.compile(r"[^\s@,;<>()\"]{1,64}@[^\s@,;<>()\"]+\.[^\s@,;<>()\"]+")
LONGEST_EMAIL, LONGEST_NAME, LONGEST_ACCOUNT = 254, 100, 200  # characters


def email_address(text: str, *, where: str = "email") -> str:
    """One e-mail address in lower case. Raises ``InputError``."""
    found = text.strip().lower()
    if not found:
        raise InputError("enter an e-mail address, such as alice@acme.example", where=where)
    if len(found) > LONGEST_EMAIL or not _EMAIL.fullmatch(found) or not found.isprintable():
        raise InputError("this is not one e-mail address; enter one such as alice@acme.example", where=where)
    if looks_like_another(text.strip()):
        raise InputError("this address has letters that can be taken for others; enter it in plain letters", where=where)
    return found


def looks_like_another(address: str) -> bool:
    """Whether folding would make another address of this one, such as kate@ of one with the Kelvin sign for its k."""
    folded = address.lower()
    return folded != address.casefold() or folded != unicodedata.normalize("NFKC", address).lower() or address.isascii() != folded.isascii()


def person_name(text: str, *, where: str = "name") -> str:
    """A person's name as pages print it. Raises ``InputError``."""
    found = " ".join(text.split())
    if not found or len(found) > LONGEST_NAME or not found.isprintable():
        raise InputError(f"enter a name of 1 to {LONGEST_NAME} letters", where=where)
    return found


def role_name(text: str, *, where: str = "role") -> str:
    """A role. Raises ``InputError``."""
    if text not in ROLES:
        raise InputError(f"{text[:40]!r} is not a role; choose {', '.join(ROLES)}", where=where)
    return text


def account_id(text: str, *, where: str = "account") -> str:
    """An account's id at a host, "" for none. Raises ``InputError``."""
    found = text.strip()
    if len(found) > LONGEST_ACCOUNT or not found.isprintable() or " " in found:
        raise InputError("this is not an account id; look it up at the host", where=where)
    return found


def last_day_away(given: str | date | None, *, where: str = "away_until") -> date | None:
    """The last day on which a person is away, None for somebody who is here. Raises ``InputError``."""
    if given is None or isinstance(given, date):
        return given
    if not given.strip():
        return None
    try:
        return date.fromisoformat(given.strip())
    except ValueError:
        raise InputError("enter the last day of the leave, such as 2026-12-31, or leave it empty", where=where) from None
