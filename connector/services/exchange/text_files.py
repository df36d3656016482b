"""CSV files → lines of cells: which encoding and which separator, found out and said. Judges no value and knows no columns."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
from collections.abc import Iterator

from connector.errors import InputError
from connector.services.exchange.cells import LONGEST_CELL, Line, unguard

MOST_ROWS = 50_000
_MOST_LINES = 1_000_000  # with empty ones
_LONGEST_LINE = 2_000_000  # characters: all cells of a line are made before they can be counted
_MOST_CELLS = 256  # of a line; more is no table of key results
_CHUNK = 1 << 16
_HEAD = 1 << 16  # characters in which the separator is looked for
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
# Longest first: the mark of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, ""),
    (codecs.BOM_UTF32_BE, ""),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NAMES = {"utf-16": "UTF-16", "cp1252": "Windows-1252"}
_SAVE = "save it as CSV UTF-8"


def read_lines(data: bytes, encoding: str = "") -> tuple[list[Line], list[str]]:
    """Non-empty lines of a CSV file, and notes for people on how it was read. ``encoding`` "" finds it out.

    Raises ``InputError`` naming the line for what is not CSV, for too many rows and for cells that are too long.
    """
    chosen, notes = _encoding(data, encoding)
    with io.TextIOWrapper(io.BytesIO(data), chosen, newline="") as text:
        head = text.read(_HEAD)
    skip = 0
    if head[:4].lower() == "sep=" and head[4:5] in _SEPARATORS:  # the line in which Excel names the separator
        separator, skip = head[4], 1
    else:
        separator = _separator(head)
    if separator != ",":
        notes.append(f"{_SEPARATORS[separator]} part the cells")
    with io.TextIOWrapper(io.BytesIO(data), chosen, newline="") as text:
        return list(_lines(text, separator, skip)), notes


def _lines(text: io.TextIOWrapper, separator: str, skip: int) -> Iterator[Line]:
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(_bounded(text), delimiter=separator, strict=True)
    before = filled = 0
    seen: dict[str, str] = {}  # the same objective stands in many rows: keep its text once
    try:
        for cells in reader:
            number, before = before + 1, reader.line_num
            if number > _MOST_LINES:
                raise InputError(f"the file has more than {_MOST_LINES:,} lines; import it in parts".replace(",", " "))
            if number <= skip or not any(cell.strip() for cell in cells):
                continue
            if len(cells) > _MOST_CELLS:
                raise InputError(f"has {len(cells)} cells; {_MOST_CELLS} are the most", where=f"line {number}")
            filled += 1
            if filled > MOST_ROWS + 1:
                raise InputError(f"the file has more than {MOST_ROWS:,} rows; import it in parts".replace(",", " "), where=f"line {number}")
            plain = (unguard(cell.strip()) for cell in cells)
            yield Line(number, tuple(seen.setdefault(cell, cell) for cell in plain))
    except csv.Error as error:
        told = "a cell is too long, or a quote is not closed" if "field larger" in str(error) else str(error)
        raise InputError(f"this is not CSV: {told}", where=f"line {before + 1}") from None


def _bounded(text: io.TextIOWrapper) -> Iterator[str]:
    for number, line in enumerate(text, start=1):
        if len(line) > _LONGEST_LINE:
            raise InputError(f"has more than {_LONGEST_LINE:,} characters".replace(",", " "), where=f"line {number}")
        yield line


def _encoding(data: bytes, wanted: str) -> tuple[str, list[str]]:
    """The name of a codec that reads the whole file, and what to say about it."""
    if wanted:
        return _checked(data, wanted), []
    for mark, name in _MARKS:
        if data.startswith(mark):
            if not name:
                raise InputError(f"the file is UTF-32; {_SAVE}")
            notes = [] if name == "utf-8-sig" else [f"the file is {_NAMES[name]}"]
            return _checked(data, name), notes
    if b"\x00" in data[:_CHUNK]:
        raise InputError(f"this is not a CSV file, or it is UTF-16 without a mark of its byte order; {_SAVE}")
    if _undecodable(data, "utf-8") is None:
        return "utf-8", []
    place = _undecodable(data, "cp1252")
    if place is not None:
        raise InputError(f"the file is neither UTF-8 nor Windows-1252 text; {_SAVE}", where=_line_of(data, place))
    sample = _sample(data)
    return "cp1252", [f"the file is not UTF-8: read as Windows-1252; look whether this is right: {sample!r}"]


def _checked(data: bytes, name: str) -> str:
    try:
        known = codecs.lookup(name)
    except LookupError:
        raise InputError(
            f"{name!r} is not an encoding; examples are utf-8, windows-1252, iso-8859-2, shift_jis", where="encoding"
        ) from None
    if not getattr(known, "_is_text_encoding", True):  # rot13 and zip are codecs too
        raise InputError(f"{name!r} is not the encoding of a text", where="encoding")
    place = _undecodable(data, name)
    if place is not None:
        raise InputError(f"the file is not {_NAMES.get(name, known.name)} text; {_SAVE}", where=_line_of(data, place))
    return name


def _undecodable(data: bytes, name: str) -> int | None:
    """The first byte that the codec cannot read, None when it reads all. In pieces: the text itself is not needed yet."""
    decoder = codecs.getincrementaldecoder(name)()
    for start in range(0, len(data) or 1, _CHUNK):
        try:
            decoder.decode(data[start : start + _CHUNK], final=start + _CHUNK >= len(data))
        except UnicodeDecodeError as error:
            return start + error.start
    return None


def _line_of(data: bytes, place: int) -> str:
    number = data.count(b"\n", 0, place) + 1
    return f"line {number}"


def _sample(data: bytes) -> str:
    """The first word with a letter beyond ASCII, for people to judge the encoding by."""
    text = data.decode("cp1252")
    place = next(number for number, letter in enumerate(text) if ord(letter) > 127)
    begin, end = place, place
    while begin > 0 and place - begin < 20 and text[begin - 1].isalnum():
        begin -= 1
    while end < len(text) and end - place < 20 and text[end].isalnum():
        end += 1
    return text[begin : max(end, place + 1)]


def _separator(head: str) -> str:
    """The sign that parts the first lines into most cells."""
    best, most = ",", 0
    for sign in _SEPARATORS:
        parted = 0
        try:
            for cells in itertools.islice(csv.reader(io.StringIO(head, newline=""), delimiter=sign), 20):
                parted += len(cells) - 1 if cells else 0
        except csv.Error:
            pass  # the head ends within a quoted cell, or the sign is not the one
        if parted > most:
            best, most = sign, parted
    return best
