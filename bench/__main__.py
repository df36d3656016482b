"""``python -m bench [NAME ...]``: run every benchmark module (or the named ones) and print their tables.

A benchmark is a module of this package with ``run() -> list[Row]``; names with an underscore and the helpers below are none.
``BENCH_SCALE=0.01`` makes the sizes small. Exit code 1 when a bound does not hold, 2 for an unknown name.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import time

import bench
from bench.report import Row, table

SUPPORT = {"figures", "load", "door_server", "report"}


def names() -> list[str]:
    """The benchmarks there are."""
    found = [module.name for module in pkgutil.iter_modules(bench.__path__)]
    return sorted(name for name in found if name not in SUPPORT and not name.startswith("_"))


def main(chosen: list[str]) -> int:
    """Run and print; returns the exit code."""
    found = names()
    if unknown := [name for name in chosen if name not in found]:
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(found)}", file=sys.stderr)
        return 2
    missed = False
    for name in chosen or found:
        begun = time.monotonic()
        rows: list[Row] = [Row.of(row) for row in importlib.import_module(f"bench.{name}").run()]
        missed = missed or any(row.ok is False for row in rows)
        print(f"\n{name} ({time.monotonic() - begun:.0f} s)\n{table(rows)}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
