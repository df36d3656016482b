"""``python -m bench [NAME ...]``: run every benchmark module (or the named ones) and print one table.

A benchmark is a module of this package with ``run() -> list[Figure]``. Exit code 1 when a bound does not hold.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

import bench
from bench.figures import Figure

SUPPORT = {"__main__", "figures", "load", "door_server"}


def main(names: list[str]) -> int:
    """Run and print; returns the exit code."""
    found = sorted(module.name for module in pkgutil.iter_modules(bench.__path__) if module.name not in SUPPORT)
    figures: list[tuple[str, Figure]] = []
    for name in names or found:
        if name not in found:
            print(f"no benchmark {name!r}; there are: {', '.join(found)}", file=sys.stderr)
            return 2
        figures += [(name, figure) for figure in importlib.import_module(f"bench.{name}").run()]
    width = max((len(figure.name) for _, figure in figures), default=0)
    for name, figure in figures:
        print(f"{name:<10} {figure.name:<{width}}  {figure.value:>10.2f} {figure.unit:<10} {figure.verdict}".rstrip())
    return 0 if all(figure.holds for _, figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
