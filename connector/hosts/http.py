"""The one way out to a host: address check, budget, time-outs, error translation, request count, log without secrets.

The vendors' client libraries sit on top of it (an adapter for ``requests``, a transport for ``httpx``) with their own
retries off. It must not know any host; what differs is handed in as a ``Policy``. No redirect is ever followed.
"""

from __future__ import annotations

import ipaddress
import math
import random
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import requests
import structlog
from requests.adapters import HTTPAdapter

from connector.errors import BACKGROUND_BUDGET, OWN_BUDGET, Busy, Gone, HostError, Offline, Refused, Uncertain
from connector.hosts.limits import Allowance, Budget
from connector.hosts.quota import describe_quota, read_quota
from connector.log import HIDDEN, redact_text, visible_text

log = structlog.get_logger(__name__)

CONNECT_TIMEOUT = 5.0  # seconds
READ_TIMEOUT = 65.0  # seconds; Notion's own server limit is about 60
WHOLE_TIMEOUT = 180.0  # seconds for one answer, however steadily it trickles
LARGEST_ANSWER = 64 * 1024 * 1024  # bytes, unpacked: a host that went mad must not take the worker with it
LONGEST_WAIT = 86_400.0  # seconds; a host that asks for more is asked again after a day
SHORTEST_SECRET = 6  # shorter values are too likely to be part of ordinary words

# Addresses that hold an IPv4 address in their last 32 bits: NAT64 (RFC 6052) and the old "compatible" ones.
_HOLDING_IPV4 = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "::/96", "::ffff:0:0:0/96")))
# Not of the public internet, though some versions of Python take them for global: local NAT64, site-local, documentation, SRv6, IETF.
_NOT_PUBLIC = tuple(map(ipaddress.ip_network, ("64:ff9b:1::/48", "fec0::/10", "3fff::/20", "5f00::/16", "192.0.0.0/24")))


class TooLarge(Exception):
    """An answer beyond ``LARGEST_ANSWER`` or ``WHOLE_TIMEOUT``; it was not read to its end."""


_SILENCE = (
    TooLarge,
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
    httpx.TransportError,
    httpx.DecodingError,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A host's answer, reduced to what error translation needs. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON, None when it is none."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None


@dataclass(frozen=True, slots=True)
class Policy:
    """What differs between hosts: budgets per request, how the host words its errors, which requests may be repeated."""

    allowances: Callable[[str, str], Sequence[Allowance]]  # (method, path) → budgets
    explain: Callable[[Answer], tuple[str, str, Mapping[str, Any]]]  # answer → (message, code, details)
    idempotent: Callable[[str, str], bool] = lambda method, path: method in ("GET", "PUT", "DELETE", "HEAD")
    committed: Callable[[Answer], tuple[str, ...]] = lambda answer: ()


@dataclass
class Gateway:
    """The way out for one connection. ``patience``: seconds a call may sleep for budget before it raises ``Busy`` instead."""

    connection: str
    origins: frozenset[str]  # "https://host:port" of every address that this connection may call
    policy: Policy
    budget: Budget
    allow_private: bool = False
    patience: float = 2.0
    secrets: frozenset[str] = field(default=frozenset(), repr=False)  # never shown, also when the host repeats them in an error
    requests: int = 0
    skew: float | None = None  # seconds by which our clock is ahead of the host's, by its last Date header (whole seconds)
    quota: Mapping[str, Any] | None = None  # what the host last told about its limits, see ``Host.quota``
    sleep: Callable[[float], None] = time.sleep
    _checked: dict[str, float] = field(default_factory=dict)

    def exchange(self, method: str, url: str, send: Callable[[], Answer]) -> None:
        """Run one request through check, budget and translation. Raises a ``HostError`` for everything but success."""
        parts = urlsplit(url)
        self._check_address(parts.scheme, parts.hostname or "", parts.port)
        self._wait_for_budget(method, parts.path)
        self.requests += 1
        begun = time.monotonic()
        repeatable = self.policy.idempotent(method, parts.path)
        try:
            answer = send()
        except _SILENCE as error:
            log.warning("host_silent", connection=self.connection, method=method, path=parts.path, error=type(error).__name__)
            refused_early = isinstance(
                error, (requests.ConnectTimeout, httpx.ConnectError, httpx.ConnectTimeout)
            ) or "Connection refused" in str(error)
            kind = Offline if repeatable or refused_early else Uncertain
            raise kind(f"{self.connection}: no answer from {parts.hostname} ({type(error).__name__})") from error
        self.skew = clock_skew(answer.headers)
        self.quota = read_quota(answer.headers, answer.status, datetime.now(UTC)) or self.quota
        milliseconds = round((time.monotonic() - begun) * 1000)
        log.debug("host_call", connection=self.connection, method=method, path=parts.path, status=answer.status, ms=milliseconds)
        if answer.status >= 300:
            raise self._error(method, parts.path, answer, repeatable)

    def _wait_for_budget(self, method: str, path: str) -> None:
        waited = 0.0
        if pause := min(self.budget.pause_for(self.policy.allowances(method, path)), self.patience):
            self.sleep(pause)
        while wait := self.budget.wait_for(self.policy.allowances(method, path)):
            if waited + wait > self.patience:
                code = BACKGROUND_BUDGET if self.budget.background else OWN_BUDGET
                raise Busy(f"{self.connection}: our own request budget is used up", retry_after=wait, code=code)
            pause = wait * random.uniform(1.0, 1.1)  # noqa: S311  # jitter, not a secret
            self.sleep(pause)
            waited += pause

    def used_quota(self, ours: Allowance | None) -> Mapping[str, Any] | None:
        """See ``Host.quota``: what the host told, else the state of the budget ``ours``, None without either."""
        left = self.budget.left(ours) if self.quota is None and ours else None
        if left is None:
            return self.quota
        limit, remaining, ends = left
        ends_at = datetime.fromtimestamp(ends, UTC) if remaining < limit else None
        return describe_quota(limit, remaining, ends_at, reason="", source="budget", now=datetime.now(UTC))

    def _check_address(self, scheme: str, host: str, port: int | None) -> None:
        origin = f"{scheme}://{host}:{port or (443 if scheme == 'https' else 80)}"
        if origin not in self.origins:
            raise Refused(f"{self.connection}: {origin} is not an address of this connection", code="address_not_allowed")
        if self.allow_private or self._checked.get(origin, 0.0) > time.monotonic():
            return
        if scheme != "https":
            raise Refused(
                f"{self.connection}: {origin} must be https (OKR_ALLOW_PRIVATE_HOSTS=1 lifts this for tests)", code="address_not_allowed"
            )
        try:
            addresses = {info[4][0] for info in socket.getaddrinfo(host, port or 443, type=socket.SOCK_STREAM)}
        except OSError as error:
            raise Offline(f"{self.connection}: the name {host} cannot be resolved") from error
        for address in addresses:
            if not is_public(str(address)):
                raise Refused(
                    f"{self.connection}: {host} resolves to the private address {address} (OKR_ALLOW_PRIVATE_HOSTS=1 allows that)",
                    code="address_not_allowed",
                )
        self._checked[origin] = time.monotonic() + 60

    def harmless(self, text: str) -> str:
        """A host's own words without credentials and control signs: they end up in logs, pages and terminals."""
        for secret in self.secrets:
            if len(secret) >= SHORTEST_SECRET:
                text = text.replace(secret, HIDDEN)
        return visible_text(redact_text(text))

    def _error(self, method: str, path: str, answer: Answer, repeatable: bool) -> HostError:
        message, code, details = self.policy.explain(answer)
        message = self.harmless(message)
        text = f"{self.connection}: {method} {path} answered {answer.status}: {message}"
        log.info("host_error", connection=self.connection, method=method, path=path, status=answer.status, code=code)
        facts: dict[str, Any] = {"status": answer.status, "code": code, "details": details}
        if answer.status in (429, 529):
            return Busy(text, retry_after=retry_after(answer.headers), **facts)
        if answer.status in (404, 410):
            return Gone(text, **facts) if answer.status == 404 else Refused(text, **facts)
        if answer.status >= 500 or answer.status in (408, 425):
            if not repeatable:
                return Uncertain(text, committed=self.policy.committed(answer), **facts)
            wait = retry_after(answer.headers)
            return Busy(text, retry_after=wait, **facts) if wait else Offline(text, **facts)
        return Refused(text, **facts)


def is_public(text: str) -> bool:
    """True for an address of the public internet. One that leads to an IPv4 address (mapped, 6to4, NAT64) is judged by that one."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if not address.is_global or address.is_multicast or any(address in network for network in _NOT_PUBLIC):
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return True
    inner = address.ipv4_mapped or address.sixtofour
    if any(address in network for network in _HOLDING_IPV4):
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return inner is None or is_public(str(inner))


def _whole(pieces: Iterable[bytes]) -> bytes:
    """All of an answer's body. Raises ``TooLarge``."""
    body, deadline = bytearray(), time.monotonic() + WHOLE_TIMEOUT
    for piece in pieces:
        body += piece
        if len(body) > LARGEST_ANSWER or time.monotonic() > deadline:
            raise TooLarge
    return bytes(body)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from a ``Retry-After`` header (number or HTTP date), None when missing or unreadable. 0.0 to ``LONGEST_WAIT``."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            return None
    return min(max(0.0, seconds), LONGEST_WAIT) if math.isfinite(seconds) else None


def clock_skew(headers: Mapping[str, str]) -> float | None:
    """Seconds by which our clock is ahead of the ``Date`` header; None when it is missing or unreadable."""
    try:
        return time.time() - parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def origin_of(url: str) -> str:
    """``https://host:port`` of a URL, for ``Gateway.origins``."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


class RequestsAdapter(HTTPAdapter):
    """Puts a ``requests`` session behind a gateway: mount it for ``https://`` and ``http://``. ``read_timeout``: seconds of silence."""

    def __init__(self, gateway: Gateway, *, read_timeout: float | None = None) -> None:
        super().__init__(max_retries=0, pool_maxsize=4)
        self._gateway = gateway
        self._read_timeout = read_timeout

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Send through the gateway. Raises ``HostError`` for every answer from 300 on."""
        held: list[requests.Response] = []

        def send_once() -> Answer:
            response = super(RequestsAdapter, self).send(
                request,
                stream=True,
                timeout=(CONNECT_TIMEOUT, self._read_timeout or READ_TIMEOUT),
                verify=verify,
                cert=cert,
                proxies=proxies,
            )
            try:
                response._content = _whole(response.iter_content(65_536))
            finally:
                response.close()
            held.append(response)
            return Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, response.content)

        self._gateway.exchange(request.method or "GET", request.url or "", send_once)
        return held[0]


_FRAMING = frozenset({"content-encoding", "content-length", "transfer-encoding"})


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities that are trusted, read once: that takes longer than a call, and a client is made for each piece of work."""
    return httpx.create_ssl_context(trust_env=False)


class HttpxTransport(httpx.BaseTransport):
    """Puts an ``httpx`` client behind a gateway: pass it as ``transport``."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._inner = httpx.HTTPTransport(verify=_trusted(), retries=0, trust_env=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send through the gateway. Raises ``HostError`` for every answer from 300 on."""
        request.extensions["timeout"] = {"connect": CONNECT_TIMEOUT, "read": READ_TIMEOUT, "write": 30.0, "pool": 5.0}
        held: list[httpx.Response] = []

        def send_once() -> Answer:
            given = self._inner.handle_request(request)
            try:
                body = _whole(given.iter_bytes())
            finally:
                given.close()
            # The body is unpacked by now, so the headers must not say otherwise.
            headers = [(name, value) for name, value in given.headers.multi_items() if name.lower() not in _FRAMING]
            held.append(httpx.Response(given.status_code, headers=headers, content=body, extensions=given.extensions))
            return Answer(given.status_code, {k.lower(): v for k, v in given.headers.items()}, body)

        self._gateway.exchange(request.method, str(request.url), send_once)
        return held[0]

    def close(self) -> None:
        """Close the pool."""
        self._inner.close()
