"""A load generator of our own: raw sockets, keep-alive, one process. ``python -m bench.load`` reads a plan as JSON from stdin.

Plan: {host, port, path, connections, seconds, secret, size, prefix, acknowledged}. Prints one JSON line: requests, seconds, statuses,
connections that ended early, p50 and p99 in milliseconds, and with "acknowledged": true the keys that were answered 200. Bodies differ
in one number; they are signed before a request's time begins, so that latency is the server's.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from webhooks.signatures import sign


class _Client(asyncio.Protocol):
    """One connection: sends a request, waits for its answer, sends the next."""

    def __init__(self, load: Load, number: int) -> None:
        self.load, self.number, self.count = load, number, 0
        self.buffer = bytearray()
        self.began = 0.0
        self.key = ""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.send()

    def send(self) -> None:
        assert self.transport is not None
        if time.perf_counter() >= self.load.ends:
            self.transport.close()
            return
        self.count += 1
        self.key = f"{self.load.prefix}-{self.number}-{self.count}"
        request = self.load.request(self.key)
        self.began = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self.buffer[:end]).lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 : head.find(b"\r\n", at) if head.find(b"\r\n", at) > 0 else None]) if at >= 0 else 0
        if len(self.buffer) < end + 4 + length:
            return
        self.load.answered(int(head[9:12]), time.perf_counter() - self.began, self.key)
        del self.buffer[: end + 4 + length]
        self.send()

    def connection_lost(self, error: Exception | None) -> None:
        self.load.gone(early=time.perf_counter() < self.load.ends)


class Load:
    """One run of load."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.prefix = plan["prefix"]
        self.ends = 0.0
        self.open = plan["connections"]
        self.statuses: dict[int, int] = {}
        self.latencies: list[float] = []
        self.acknowledged: list[str] = []
        self.early = 0
        self.finished = asyncio.get_event_loop().create_future()
        filler = {f"customfield_{number}": f"value {number} of a field that nobody maps" for number in range(1, 400)}
        issue = {"id": "10001", "key": "ACME-1", "fields": filler}
        body = json.dumps({"timestamp": int(time.time() * 1000), "webhookEvent": "jira:issue_updated", "mark": "MARK", "issue": issue})
        self.head, _, self.tail = (body[: plan["size"] - 30].rpartition(",")[0] + "}}}").partition("MARK")
        json.loads(self.head + self.tail)

    def request(self, key: str) -> bytes:
        """The bytes of one request; the same length for every key."""
        body = f"{self.head}{key:>40}{self.tail}".encode()
        head = (
            f"POST {self.plan['path']} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"User-Agent: Atlassian Webhook HTTP Client\r\nX-Atlassian-Webhook-Identifier: {key}\r\n"
            f"X-Atlassian-Webhook-Flow: Primary\r\nX-Hub-Signature: {sign(self.plan['secret'], body)}\r\n\r\n"
        )
        return head.encode() + body

    def answered(self, status: int, seconds: float, key: str) -> None:
        """Note one answer."""
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.latencies.append(seconds)
        if status == 200:
            self.acknowledged.append(key)

    def gone(self, *, early: bool) -> None:
        """Note that a connection ended."""
        self.early += early
        self.open -= 1
        if self.open == 0 and not self.finished.done():
            self.finished.set_result(None)

    async def run(self) -> dict[str, Any]:
        """Send until the time is over or the server is gone."""
        loop = asyncio.get_running_loop()
        began = time.perf_counter()
        self.ends = began + self.plan["seconds"]
        for number in range(self.plan["connections"]):
            await loop.create_connection(lambda number=number: _Client(self, number), self.plan["host"], self.plan["port"])
        await self.finished
        took = time.perf_counter() - began
        ordered = sorted(self.latencies) or [0.0]
        result: dict[str, Any] = {
            "requests": len(self.latencies),
            "seconds": took,
            "statuses": {str(status): number for status, number in self.statuses.items()},
            "early": self.early,
            "p50": ordered[len(ordered) // 2] * 1000,
            "p99": ordered[int(len(ordered) * 0.99)] * 1000,
        }
        if self.plan.get("acknowledged"):
            result["acknowledged"] = self.acknowledged
        return result


async def main() -> None:
    """Run the plan from stdin."""
    print(json.dumps(await Load(json.load(sys.stdin)).run()))


if __name__ == "__main__":
    asyncio.run(main())
