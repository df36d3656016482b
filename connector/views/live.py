"""Live updates: a stream of "this changed" for open pages (server-sent events). It carries names, never content.

One look at the database serves all open pages of a web process; without open pages there is none. A page that hears a name
fetches itself again and swaps what differs.
"""

from __future__ import annotations

import json
import queue
import signal
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import FrameType
from typing import Any

import structlog
from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from connector.domain.rights import Viewer
from connector.errors import StoreUnavailable
from connector.runtime import Runtime
from connector.store.tables import KeyResult, Objective
from connector.store.visibility import READY, sees_key_result

log = structlog.get_logger(__name__)

LOOK_EVERY = 0.25  # seconds between two looks at the database
MOST_STREAMS = 200  # per web process: each holds a connection that a webhook may need
MOST_UNHEARD = 100  # announcements kept for a page that does not read; then its stream ends, and a browser connects anew
open_to_all = and_(Objective.restricted.is_(False), Objective.stage == READY)
PING_EVERY = 15.0  # seconds after which a silent stream says that it is alive
STREAM_SECONDS = 60.0  # then the browser connects anew by itself, and who looks is looked up again: rights may have changed


class Feed:
    """Who listens, and what they are told. One per web process."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._listeners: dict[queue.Queue[list[str]], Viewer] = {}
        self._looking = False
        self._ends_with_process = False
        self.closed = False

    def announce(self, names: Iterable[str], *, hidden: Mapping[str, Collection[Viewer]] | None = None) -> None:
        """Tell every open page that these things changed, such as "kr-setup" or "jira".

        ``hidden``: names that not everybody may know of, with the viewers who may.
        """
        every = set(names)
        with self._lock:
            listeners = list(self._listeners.items()) if every else []
        for listener, viewer in listeners:
            told = sorted(name for name in every if hidden is None or name not in hidden or viewer in hidden[name])
            if not told:
                continue
            try:
                listener.put_nowait(told)
            except queue.Full:
                with self._lock:
                    self._listeners.pop(listener, None)

    @property
    def full(self) -> bool:
        """True when this process has no room for one more page."""
        return len(self._listeners) >= MOST_STREAMS

    def stream(self, viewer: Viewer) -> Iterator[str]:
        """The body of one viewer's event stream. Ends when the page goes, the process stops or the time is up."""
        mine: queue.Queue[list[str]] = queue.Queue(MOST_UNHEARD)
        with self._lock:
            self._listeners[mine] = viewer
        self._end_with_process()
        self._start_looking()
        try:
            yield "retry: 1000\n\n"
            begun = spoken = time.monotonic()
            while not self.closed and mine in self._listeners and time.monotonic() - begun < STREAM_SECONDS:
                try:
                    names = set(mine.get(timeout=0.5))
                except queue.Empty:
                    if time.monotonic() - spoken > PING_EVERY:
                        spoken = time.monotonic()
                        yield ": still here\n\n"
                    continue
                while not mine.empty():
                    names.update(mine.get())
                spoken = time.monotonic()
                yield f"data: {json.dumps(sorted(names))}\n\n"
        finally:
            with self._lock:
                self._listeners.pop(mine, None)

    def _start_looking(self) -> None:
        with self._lock:
            if self._looking:
                return
            self._looking = True
        threading.Thread(target=self._look, name="live-updates", daemon=True).start()

    def _look(self) -> None:
        seen: datetime | None = None
        first = True
        while True:
            with self._lock:
                if not self._listeners or self.closed:
                    self._looking = False
                    return
            try:
                with self._runtime.store.read() as session:
                    if first:
                        seen, first = session.scalar(select(func.max(KeyResult.updated_at))), False
                    else:
                        query = (
                            select(KeyResult.id, KeyResult.updated_at, open_to_all.label("open"))
                            .join(Objective, Objective.id == KeyResult.objective_id)
                            .where(KeyResult.updated_at.is_not(None))
                        )
                        rows: list[Any] = list(session.execute(query.where(KeyResult.updated_at > seen) if seen else query))
                        seen = max((row.updated_at for row in rows), default=seen)
                        self.announce((row.id for row in rows), hidden=self._hidden(session, [row.id for row in rows if not row.open]))
            except StoreUnavailable as error:
                log.warning("live_updates_wait", error=str(error))
                time.sleep(2.0)
            time.sleep(LOOK_EVERY)

    def _hidden(self, session: Session, names: Sequence[str]) -> dict[str, set[Viewer]]:
        """Who of those who listen may know of key results that are not for all."""
        with self._lock:
            viewers = set(self._listeners.values()) if names else set()
        return {name: {each for each in viewers if sees_key_result(session, each, name)} for name in names}

    def _end_with_process(self) -> None:
        """Open streams would keep a stopping web process waiting for its whole grace time: end them at its first signal."""
        if self._ends_with_process:
            return
        self._ends_with_process = True
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            before = signal.getsignal(number)
            if not callable(before):
                continue

            def handle(received: int, frame: FrameType | None, before: Any = before) -> None:
                self.closed = True
                before(received, frame)

            try:
                signal.signal(number, handle)
            except ValueError:  # not the main thread, as in tests: there the streams end with their readers
                return
