"""A whole installation for tests: real processes on real services, a Jira site and a Notion workspace that stand in for the hosts.

``Plant`` starts processes and kills them; ``Hosts`` are the stand-ins with a small world; ``Door`` posts signed deliveries.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import select, text

from connector.hosts.jira.sandbox import JiraSandbox
from connector.hosts.notion.sandbox import NotionSandbox
from connector.runtime import Runtime, build_runtime
from connector.settings import load_settings
from connector.store.tables import Connection, Delivery, KeyResult
from connector.supervisor import descendants
from tests.support.standin import running
from webhooks.signatures import sign

ROOT = Path(__file__).parent.parent.parent
SECRET = "a webhook secret for tests"
KEY = "k" * 40


def until(condition: Callable[[], bool], seconds: float = 20.0, *, what: Callable[[], Any] = lambda: "") -> None:
    """Wait until a condition holds; fails with what ``what`` says."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not happen within {seconds} seconds: {what()}"
        time.sleep(0.03)


class Hosts:
    """Both stand-ins: epics of four children in project ACME, a database of deals and a page for the objective's panel."""

    def __init__(self, jira: JiraSandbox, jira_url: str, notion: NotionSandbox, notion_url: str, epics: int = 6) -> None:
        self.jira, self.jira_url, self.notion, self.notion_url = jira, jira_url, notion, notion_url
        self.epics = [jira.add_issue("ACME", f"Epic {number}", type="Epic") for number in range(epics)]
        self.children = {epic: [jira.add_issue("ACME", f"Story {number}", parent=epic) for number in range(4)] for epic in self.epics}
        world = notion.world
        self.database, self.source = world.add_database("Deals", {"Name": "title", "Stage": "status", "Seats": "number"})
        self.page = world.add_page("Objective")
        self.rows = [world.add_row(self.source, {"Name": f"Deal {number}", "Stage": "Done", "Seats": 10}) for number in range(2)]

    def ref(self, key: str) -> str:
        """The id of an issue."""
        issue = self.jira.world.find(key)
        assert issue is not None
        return str(issue["id"])

    def share(self, epic: str) -> float:
        """The truth: the share of an epic's children that are done, in percent."""
        ref = self.ref(epic)
        children = [issue for issue in self.jira.world.issues.values() if issue["fields"]["parent"] == ref and not issue["deleted"]]
        done: int = sum(issue["fields"]["category"] == "done" for issue in children)
        return 100.0 * done / len(children)

    def seats(self) -> float:
        """The truth: the seats of all rows."""
        prop = self.notion.world.property_id(self.source, "Seats")
        return float(sum(row["values"][prop] for row in self.notion.world.rows(self.source)))

    def links(self, epic: str) -> list[str]:
        """The summaries of our links on an epic."""
        issue = self.jira.world.find(epic)
        assert issue is not None
        return [link["body"]["object"]["summary"] for link in list(issue["links"].values())]

    def callouts(self) -> list[str]:
        """The texts of the callouts on the objective's page."""
        with self.notion.world.lock:
            blocks = [
                block
                for block in self.notion.world.data["blocks"].values()
                if block["type"] == "callout" and not block["in_trash"] and block["page"] == self.page
            ]
        return ["".join(run["text"]["content"] for run in block["content"]["rich_text"]) for block in blocks]

    def jira_event(self, key: str, **more: Any) -> dict[str, Any]:
        """The body of a delivery about an issue."""
        issue = {"id": self.ref(key), "key": key}
        mark = str(uuid.uuid4())  # two events of one millisecond differ
        return {"timestamp": int(time.time() * 1000), "webhookEvent": "jira:issue_updated", "issue": issue, "mark": mark, **more}

    def notion_event(self, row: str) -> dict[str, Any]:
        """The body of a delivery about a row."""
        return {
            "id": str(uuid.uuid4()),
            "type": "page.properties_updated",
            "entity": {"id": row, "type": "page"},
            "authors": [],
            "data": {"parent": {"id": self.database, "type": "database", "data_source_id": self.source}},
        }

    def declaration(self, token: str = "sandbox-token") -> str:
        """A file for `apply`: one key result per epic, and one over the database."""
        key_results = [
            {
                "id": f"kr-{number}",
                "title": f"Epic {number} shipped",
                "owner": "alice@acme.example",
                "unit": "%",
                "start": 0,
                "target": 100,
                "mappings": [{"connection": "acme-jira", "select": {"epics": [epic]}, "measure": "done_share"}],
            }
            for number, epic in enumerate(self.epics)
        ]
        deals = {
            "id": "kr-deals",
            "title": "Seats sold",
            "owner": "alice@acme.example",
            "start": 0,
            "target": 1000,
            "mappings": [
                {
                    "connection": "acme-notion",
                    "select": {"database": self.database, "filter": {"Stage": "Done"}},
                    "measure": {"sum": "Seats"},
                }
            ],
        }
        today = time.time()
        start, end = (time.strftime("%Y-%m-%d", time.gmtime(today + days * 86_400)) for days in (-40, 50))
        objective = {"cycle": "now", "team": "Growth"}
        # JSON is YAML
        return json.dumps(
            {
                "version": 1,
                "connections": {
                    "acme-jira": {
                        "host": "jira",
                        "url": self.jira_url,
                        "auth": {"email": "bot@acme.example", "api_token": token},
                        "webhook_secret": SECRET,
                    },
                    "acme-notion": {
                        "host": "notion",
                        "url": self.notion_url,
                        "auth": {"token": self.notion.token},
                        "webhook_secret": SECRET,
                        "options": {"requests_per_minute": 100_000},
                    },
                },
                "people": [{"email": "alice@acme.example", "name": "Alice"}],
                "teams": [{"name": "Growth", "lead": "alice@acme.example"}],
                "cycles": {"now": {"start": start, "end": end}},
                "objectives": [
                    {"id": "epics", "title": "Epics are shipped", **objective, "key_results": key_results},
                    {
                        "id": "deals",
                        "title": "Deals are won",
                        **objective,
                        "panels": [{"connection": "acme-notion", "page": self.page}],
                        "key_results": [deals],
                    },
                ],
            }
        )


@contextmanager
def hosts(epics: int = 6) -> Iterator[Hosts]:
    """Both stand-ins on real sockets."""
    jira, notion = JiraSandbox(), NotionSandbox()
    with running(jira) as jira_url, running(notion) as notion_url:
        yield Hosts(jira, jira_url, notion, notion_url, epics)


class Door:
    """Posts signed deliveries, keeping one connection. Gives the status, or None without an answer."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: http.client.HTTPConnection | None = None

    def jira(self, body: dict[str, Any], key: str = "") -> int | None:
        """One delivery as Jira sends it; ``key`` is its identifier."""
        raw = json.dumps(body).encode()
        headers = {"X-Hub-Signature": sign(SECRET, raw), "X-Atlassian-Webhook-Identifier": key or str(uuid.uuid4())}
        return self.post("acme-jira", raw, headers)

    def notion(self, body: dict[str, Any]) -> int | None:
        """One delivery as Notion sends it."""
        raw = json.dumps(body).encode()
        return self.post("acme-notion", raw, {"X-Notion-Signature": sign(SECRET, raw)})

    def post(self, connection: str, raw: bytes, headers: dict[str, str]) -> int | None:
        """One request; a connection that the server closed while idle is opened anew."""
        for _ in (1, 2):
            fresh = self._connection is None
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
            try:
                self._connection.request("POST", f"/webhooks/{connection}", raw, {"Content-Type": "application/json", **headers})
                response = self._connection.getresponse()
                response.read()
                return response.status
            except (OSError, http.client.HTTPException):
                self.close()
                if fresh:
                    return None
        return None

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Plant:
    """The processes of one installation in ``folder``, and a look into its database."""

    def __init__(self, folder: Path, port: int, **variables: str) -> None:
        self.folder, self.port = folder, port
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("OKR_") and name != "PORT"}
        self.env |= {"OKR_DATA_DIR": str(folder), "OKR_SECRET_KEY": KEY, "OKR_ALLOW_PRIVATE_HOSTS": "1", "PORT": str(port)}
        self.env |= {"OKR_WORKERS": "1", "OKR_WEB_WORKERS": "1", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        self.env.pop("PYTHONDONTWRITEBYTECODE", None)  # we start many processes
        self.env |= variables
        self._started: list[subprocess.Popen[bytes]] = []
        self._runtime: Runtime | None = None

    # --- processes ---------------------------------------------------------------------------------------------------------

    def start(self, *arguments: str, module: str = "connector", program: list[str] | None = None) -> subprocess.Popen[bytes]:
        """Start a process; its output goes to the file ``output``."""
        command = program or [sys.executable, "-m", module, *arguments]
        with (self.folder / "output").open("ab") as output:
            process = subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=output, stderr=output, start_new_session=True)
        self._started.append(process)
        return process

    def command(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        command = [sys.executable, "-m", "connector", *arguments]
        return subprocess.run(command, cwd=ROOT, env=self.env, input=stdin, capture_output=True, text=True, timeout=60, check=False)

    def apply(self, declaration: str) -> None:
        """`okr-connector apply` of a file."""
        done = self.command("apply", "-f", "-", stdin=declaration)
        assert done.returncode == 0, done.stderr + done.stdout

    def status(self) -> dict[str, Any]:
        """`okr-connector status --json`, key results by id."""
        done = self.command("status", "--json")
        assert done.returncode == 0, done.stderr
        return {entry["id"]: entry for entry in json.loads(done.stdout)["key_results"]}

    def pids(self, word: str, without: str = "\0") -> list[int]:
        """Living processes of ours whose command line holds ``word``."""
        found = []
        for process in self._started:
            for pid in [process.pid, *descendants(process.pid)]:
                line = command_line(pid)
                if word in line and without not in line:
                    found.append(pid)
        return found

    def kill(self, word: str, without: str = "\0") -> list[int]:
        """SIGKILL to every process of ours whose command line holds ``word``."""
        found = self.pids(word, without)
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return found

    def output(self) -> str:
        """What the processes said."""
        return (self.folder / "output").read_text(errors="replace")

    def ready(self) -> bool:
        """What GET /ready says."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/ready")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        """End everything that was started."""
        if self._runtime is not None:
            self._runtime.close()
        for process in self._started:
            if process.poll() is None:
                process.terminate()
        for process in self._started:
            below = descendants(process.pid)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for pid in below:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    # --- the database ------------------------------------------------------------------------------------------------------

    @property
    def runtime(self) -> Runtime:
        """A runtime of the test's own on the plant's database."""
        if self._runtime is None:
            self._runtime = build_runtime(
                load_settings(
                    data_dir=self.folder,
                    database_url=self.env.get("OKR_DATABASE_URL", ""),
                    redis_url=self.env.get("OKR_REDIS_URL", ""),
                    secret_key=KEY,
                    allow_private_hosts=True,
                )
            )
        return self._runtime

    def current(self, key_result: str) -> float | None:
        """The stored value of a key result."""
        with self.runtime.store.read() as session:
            return session.scalar(select(KeyResult.current).where(KeyResult.id == key_result))

    def state(self, key_result: str) -> str | None:
        """The stored state of a key result."""
        with self.runtime.store.read() as session:
            return session.scalar(select(KeyResult.state).where(KeyResult.id == key_result))

    def connection(self, name: str = "acme-jira") -> Connection:
        """A connection's row."""
        with self.runtime.store.read() as session:
            return session.scalars(select(Connection).where(Connection.name == name)).one()

    def stored(self) -> set[str]:
        """The keys of all stored deliveries."""
        with self.runtime.store.read() as session:
            return set(session.scalars(select(Delivery.key)))

    def pending(self) -> int:
        """How many deliveries wait."""
        with self.runtime.store.read() as session:
            return session.scalar(text("SELECT count(*) FROM deliveries WHERE state = 'pending'")) or 0


def command_line(pid: int) -> str:
    """The command line of a living process, "" for any other."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
    except OSError:
        return ""
