"""What an admin entered for a connection → checked values, every fault at its field. Calls no host and reads no database."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from connector.errors import Faults, InputError
from connector.hosts.http import is_public
from connector.hosts.registry import HOSTS

LONGEST_URL = 300
LONGEST_SECRET = 5_000
PORTS = frozenset({None, 443, 8443})
OPTIONS = ("requests_per_minute", "property_only", "token_expires", "fields")
FIELDS = ("progress", "status")  # of the option ``fields``: what our panels say in fields of the host
LONGEST_FIELD = 255

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_EMAIL = re.compile(r"[^@\s:]+@[^@\s]+")
# Names that lead to the machine itself, to its network, or to what a cloud tells only its own machines.
_INSIDE = ("localhost", "localhost.localdomain", "metadata", "metadata.google.internal", "metadata.goog", "instance-data")
_INSIDE_ENDS = (".localhost", ".local", ".internal", ".lan", ".home.arpa")


@dataclass(frozen=True, slots=True)
class Draft:
    """A connection that is not stored yet. ``auth`` holds opened secrets: never log it."""

    name: str
    host: str
    url: str
    auth: Mapping[str, str] = field(repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)


def read_draft(data: Mapping[str, Any], *, allow_private: bool) -> Draft:
    """The draft in ``data`` (keys name, host, url, auth, options). Raises ``Faults`` with every fault, none with a secret in it."""
    faults: list[InputError] = []
    name = _note(faults, lambda: check_name(data.get("name")))
    host = _note(faults, lambda: check_host(data.get("host")))
    url = _note(faults, lambda: check_url(data.get("url"), allow_private=allow_private))
    auth = _note(faults, lambda: check_auth(host or "", data.get("auth")))
    options = _note(faults, lambda: check_options(data.get("options")))
    if faults:
        raise Faults(faults)
    assert name is not None
    assert host is not None
    assert url is not None
    assert auth is not None
    return Draft(name, host, url, auth, options or {})


def _note(faults: list[InputError], read: Any) -> Any:
    try:
        return read()
    except InputError as error:
        faults.extend(error.errors if isinstance(error, Faults) else (error,))
        return None


def check_name(value: Any) -> str:
    """A name: it becomes the address of the webhook and of the connection's page."""
    name = value.strip() if isinstance(value, str) else ""
    if not name:
        raise InputError("Enter a name, such as acme-jira. It becomes part of the webhook's address", where="name")
    if not _NAME.fullmatch(name) or set(name) == {"."}:
        raise InputError("Use 1 to 64 letters, digits, - _ and ., beginning with a letter or digit", where="name")
    return name


def check_host(value: Any) -> str:
    """The kind of host."""
    if not isinstance(value, str) or value not in HOSTS:
        raise InputError(f"Choose {' or '.join(HOSTS)}", where="host")
    return value


def check_url(value: Any, *, allow_private: bool) -> str:
    """The base URL without its final slash.

    ``allow_private`` lifts everything that keeps requests on the public internet. What a name resolves to is judged where it is called.
    """
    url = value.strip().rstrip("/") if isinstance(value, str) else ""
    if not url:
        raise InputError("Enter the address, such as https://acme.atlassian.net", where="url")
    if len(url) > LONGEST_URL or any(sign.isspace() or not sign.isprintable() for sign in url):
        raise InputError(f"Enter one address of at most {LONGEST_URL} characters, without spaces", where="url")
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        port, name = parts.port, (parts.hostname or "").rstrip(".")
    except ValueError:
        raise InputError("This is not an address; write it as https://acme.atlassian.net", where="url") from None
    if parts.scheme not in ("http", "https") or not name:
        raise InputError("This is not a web address; write it as https://acme.atlassian.net", where="url")
    if parts.username is not None or parts.password is not None:
        raise InputError("Leave user and password out of the address; credentials have their own fields", where="url")
    if parts.query or parts.fragment:
        raise InputError("Enter the address alone, without ? and # and what follows them", where="url")
    if not allow_private:
        _check_public(parts.scheme, name, port)
    shown = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{shown}{f':{port}' if port is not None else ''}{parts.path.rstrip('/')}"


def _check_public(scheme: str, name: str, port: int | None) -> None:
    lifted = "; OKR_ALLOW_PRIVATE_HOSTS=1 allows it"
    if scheme != "https":
        raise InputError(f"The address must begin with https://, so that the credentials travel encrypted{lifted}", where="url")
    if port not in PORTS:
        raise InputError(f"Port {port} is not one on which Jira or Notion answer; leave it out{lifted}", where="url")
    address = _as_address(name)
    if address is not None and not is_public(str(address)):
        raise InputError(f"{address} is a private, local or link-local address, which connections must not call{lifted}", where="url")
    if name.casefold() in _INSIDE or name.casefold().endswith(_INSIDE_ENDS) or (address is None and "." not in name):
        raise InputError(f"{name} is a name of this machine or its network, which connections must not call{lifted}", where="url")


def _as_address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host name writes down, also in the odd ways that resolvers understand (127.1, 0x7f000001, 2130706433)."""
    try:
        return ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        pass
    parts = name.split(".")
    try:
        numbers = [int(part, 0) if not re.fullmatch(r"0[0-7]+", part) else int(part, 8) for part in parts]
    except ValueError:
        return None
    if len(numbers) > 4 or any(number < 0 for number in numbers) or any(number > 255 for number in numbers[:-1]):
        return None
    value = numbers[-1]
    if value >= 256 ** (5 - len(numbers)):
        return None
    for place, number in enumerate(numbers[:-1]):
        value |= number << (24 - 8 * place)
    return ipaddress.IPv4Address(value)


def check_auth(host: str, value: Any) -> dict[str, str]:
    """The credentials as texts, cleaned of the spaces that copying brings. Which keys a host needs is the host's to say."""
    if not isinstance(value, Mapping):
        raise InputError("Enter the credentials", where="auth")
    auth: dict[str, str] = {}
    faults: list[InputError] = []
    for key, given in value.items():
        text = given.strip() if isinstance(given, str) else None
        if text is None or len(text) > LONGEST_SECRET or any(not sign.isprintable() for sign in text):
            faults.append(InputError("Enter one line of text", where=f"auth.{key}"))
        elif not text:
            faults.append(InputError("Fill this in", where=f"auth.{key}"))
        elif key == "email" and not _EMAIL.fullmatch(text):
            faults.append(InputError("This is not an e-mail address; enter one such as okr-bot@acme.example", where="auth.email"))
        else:
            auth[str(key)] = text
    if faults:
        raise Faults(faults)
    if not auth:
        raise InputError("Enter the credentials", where="auth")
    if host in HOSTS and not _lacks_only_cloud_id(host, auth):
        HOSTS[host].check_auth(auth)
    return auth


def _lacks_only_cloud_id(host: str, auth: Mapping[str, str]) -> bool:
    """A service account's cloud id is found by the test."""
    return host == "jira" and set(auth) == {"client_id", "client_secret"}


def check_options(value: Any) -> dict[str, Any]:
    """``requests_per_minute`` (above 0), ``property_only``, ``token_expires`` (a day as ISO text), ``fields``. Empty ones are left out."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InputError("must be a set of options", where="options")
    faults = [
        InputError(f"there is no such option; known are {', '.join(OPTIONS)}", where=f"options.{key}")
        for key in value
        if key not in OPTIONS
    ]
    options: dict[str, Any] = {}
    rate = value.get("requests_per_minute")
    if rate not in (None, ""):
        number = _number(rate)
        if number is None or not 1 <= number <= 100_000:
            faults.append(InputError("Enter a number from 1 to 100000, or leave it empty", where="options.requests_per_minute"))
        else:
            options["requests_per_minute"] = number
    if value.get("property_only"):
        options["property_only"] = True
    ends = value.get("token_expires")
    if ends not in (None, ""):
        try:
            options["token_expires"] = date.fromisoformat(str(ends).strip()).isoformat()
        except ValueError:
            faults.append(InputError("Enter a day such as 2027-03-31, or leave it empty", where="options.token_expires"))
    fields, wrong = check_fields(value.get("fields"))
    if fields:
        options["fields"] = fields
    if faults or wrong:
        raise Faults([*faults, *(InputError(each.message, where=f"options.{each.where}") for each in wrong)])
    return options


def check_fields(value: Any) -> tuple[dict[str, str], list[InputError]]:
    """(the named fields, what is wrong with them) of the option ``fields``: the name or id of the one for each of ``FIELDS``."""
    if value in (None, ""):
        return {}, []
    if not isinstance(value, Mapping):
        return {}, [InputError("must name a field for progress, for status, or both", where="fields")]
    known = ", ".join(FIELDS)
    wrong = [
        InputError(f"there is no such field of a panel; known are {known}", where=f"fields.{key}") for key in value if key not in FIELDS
    ]
    told: dict[str, str] = {}
    for key in FIELDS:
        name = value.get(key)
        if name is not None and (not isinstance(name, str) or len(name) > LONGEST_FIELD or not name.isprintable()):
            wrong.append(InputError(f"Enter the name or id of a field, at most {LONGEST_FIELD} signs", where=f"fields.{key}"))
        elif name and name.strip():
            told[key] = name.strip()
    if len({name.casefold() for name in told.values()}) < len(told):
        wrong.append(InputError("Progress is a number and status a text: name two fields", where="fields.status"))
    return told, wrong


def _number(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return int(value) if float(value).is_integer() else None
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
