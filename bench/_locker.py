"""A worker that locks what is due, alone in its process: ``python -m bench._locker SEED [SKEW [STALLS]]``; one line of JSON at the end.

``SEED`` mixes the order in which it takes the reviews, as jobs of a queue are spread over workers. ``SKEW``: seconds that its clock is off.
``STALLS``: in the so many-th freeze it says "inside" between claim and commit and stands still there, to be killed.
"""

from __future__ import annotations

import json
import random
import sys
import time
from typing import Any

from connector import log
from connector.errors import StoreUnavailable
from connector.queue import InlineQueue
from connector.runtime import build_runtime
from connector.services.rhythm import delivering, locking
from connector.settings import load_settings


def main(seed: int, skew: float = 0.0, stalls: int = 0) -> dict[str, Any]:
    """Lock until nothing is due any more."""
    settings = load_settings()
    log.configure("text", "warning")
    runtime = build_runtime(settings, queue=InlineQueue(), clock=lambda: time.time() + skew)
    if stalls:
        _stall(stalls)
    print("ready", flush=True)
    sys.stdin.readline()
    begun, mine = time.monotonic(), 0
    mixed = random.Random(seed)
    try:
        while waiting := locking.due(runtime):
            mixed.shuffle(waiting)
            for review in waiting:
                try:
                    mine += locking.lock(runtime, review)
                except StoreUnavailable:  # a worker ends its job, and the clock asks again
                    time.sleep(0.1)
    finally:
        runtime.close()
    return {"locked": mine, "seconds": time.monotonic() - begun}


def _stall(turn: int) -> None:
    deliver, seen = delivering.deliver, 0

    def stalled(*arguments: Any) -> None:
        nonlocal seen
        deliver(*arguments)
        seen += 1
        if seen == turn:
            print("inside", flush=True)
            time.sleep(3600)

    delivering.deliver = stalled


if __name__ == "__main__":
    print(json.dumps(main(*[int(argument) for argument in sys.argv[1:]])), flush=True)
