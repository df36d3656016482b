"""Draws the 16 × 16 icons that panels in Jira show: ``python -m connector.views.icons`` writes them into the static folder.

Shapes and colours are those of the pages' state marks, in the light scheme. Each shape is a test "is this point inside",
sampled eight times each way per pixel, so that no drawing library is needed.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

SIZE, FINE = 16, 8
FOLDER = Path(__file__).parents[1] / "static" / "icons"
Inside = Callable[[float, float], bool]  # in the marks' own 12 × 12 units, y downwards


def _segment(x: float, y: float, start: tuple[float, float], end: tuple[float, float], width: float) -> bool:
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    share = max(0.0, min(1.0, ((x - start[0]) * along_x + (y - start[1]) * along_y) / (along_x**2 + along_y**2)))
    return math.hypot(x - start[0] - share * along_x, y - start[1] - share * along_y) <= width / 2


def _ring(x: float, y: float) -> bool:
    return abs(math.hypot(x - 6, y - 6) - 4.9) <= 0.7


def _disc(x: float, y: float) -> bool:
    return math.hypot(x - 6, y - 6) <= 5


def _triangle(x: float, y: float) -> bool:
    return 0.8 <= y <= 11 and abs(x - 6) <= (y - 0.8) / 10.2 * 5.6


def _bars(x: float, y: float) -> bool:
    return 1 <= y <= 11 and (1.5 <= x <= 4.9 or 7.1 <= x <= 10.5)


def _clock(x: float, y: float) -> bool:
    return _ring(x, y) or _segment(x, y, (6, 3.2), (6, 6), 1.4) or _segment(x, y, (6, 6), (8, 7.6), 1.4)


def _dashed(x: float, y: float) -> bool:
    return _ring(x, y) and math.atan2(y - 6, x - 6) % (math.tau / 8) < math.tau / 8 * 0.55


def _diamond(x: float, y: float) -> bool:
    edge = abs(abs(x - 6) + abs(y - 6) - 5.1) <= 1.0
    return edge or _segment(x, y, (6, 4), (6, 6.4), 1.4) or math.hypot(x - 6, y - 8.2) <= 0.75


def _box(x: float, y: float) -> bool:
    reach = max(abs(x - 6), abs(y - 6))
    return 4.1 <= reach <= 5.5 or _segment(x, y, (3.4, 6.2), (5.2, 8), 1.4) or _segment(x, y, (5.2, 8), (8.6, 4.1), 1.4)


def _goal(x: float, y: float) -> bool:
    distance = math.hypot(x - 6, y - 6)
    return distance <= 2 or 3.9 <= distance <= 5.4


ICONS: dict[str, tuple[Inside, tuple[int, int, int]]] = {
    "on_track": (_disc, (0x0B, 0x66, 0x60)),
    "at_risk": (_triangle, (0xA2, 0x3A, 0x00)),
    "stalled": (_bars, (0x6A, 0x37, 0xA6)),
    "overdue": (_clock, (0x76, 0x53, 0x00)),
    "no_data": (_dashed, (0x56, 0x5C, 0x66)),
    "data_late": (_diamond, (0x2A, 0x57, 0x99)),
    "closed": (_box, (0x3C, 0x42, 0x4B)),
    "kr": (_goal, (0x24, 0x56, 0xB8)),
}


def draw(inside: Inside, colour: tuple[int, int, int]) -> bytes:
    """One icon as a PNG with transparency."""
    rows = bytearray()
    for line in range(SIZE):
        rows.append(0)  # no filter
        for column in range(SIZE):
            hits = sum(
                inside((column + (across + 0.5) / FINE) * 12 / SIZE, (line + (down + 0.5) / FINE) * 12 / SIZE)
                for across in range(FINE)
                for down in range(FINE)
            )
            rows += bytes((*colour, round(255 * hits / FINE**2)))
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(bytes(rows), 9)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def main() -> None:
    """Write all icons."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, (inside, colour) in ICONS.items():
        (FOLDER / f"{name}16.png").write_bytes(draw(inside, colour))


if __name__ == "__main__":
    main()
