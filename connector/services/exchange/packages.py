"""Whether a file may be unpacked at all: what it is by its first bytes, zip bombs, macros. Nothing is parsed before this said yes."""

from __future__ import annotations

import io
import zipfile
import zlib
from xml.parsers import expat

from connector.errors import InputError

MOST_BYTES = 64_000_000  # of a file of rows
_MOST_ENTRIES = 2_000
_MOST_UNPACKED = 300_000_000
_MOST_SHEET = 150_000_000  # of one sheet
_MOST_TEXTS = 80_000_000  # the shared texts of a workbook are held in memory while it is read
_MOST_RATIO = 200  # how many times an honest part shrinks, at most; small parts do not matter
_SMALL = 2_000_000
_HEAD = 4096
_MOST_CELLS = 16_384  # of a row: what a spreadsheet program can hold
_MOST_ROWS = 1_048_576  # of a sheet, empty ones too
_MOST_ELEMENTS = 200_000  # of XML that must be held at once
_CHUNK = 1 << 16
_OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # also the shell of a workbook with a password
_OTHERS = {
    "xlsm": "is a workbook with macros, which are never read; save it as .xlsx",
    "xltm": "is a template with macros, which are never read; save it as .xlsx",
    "xls": "is a workbook of an old version of Excel; save it as .xlsx",
    "xlsb": "is a binary workbook; save it as .xlsx",
    "ods": "is an OpenDocument sheet; save it as .xlsx or CSV",
    "numbers": "is a Numbers document; export it as .xlsx or CSV",
    "zip": "is an archive; unpack it and import the file in it",
    "tsv": "",
    "txt": "",
}
# What the reading of a broken package, or of one made to break us, ends with.
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    OverflowError,
    SyntaxError,
    OSError,
    EOFError,
    RuntimeError,  # an encrypted part; a packing that is not known
    AssertionError,
    MemoryError,
)


def kind_of(name: str, data: bytes) -> str:
    """ "csv", "xlsx" or "json", by the name's ending and checked by the first bytes. Raises ``InputError`` for anything else."""
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    if reason := _OTHERS.get(ending):
        raise InputError(f"the file {reason}", where=name)
    if ending not in ("csv", "tsv", "txt", "xlsx", "json"):
        raise InputError("the file must end in .csv, .xlsx or .json", where=name)
    if data.startswith(_OLD_EXCEL):
        raise InputError("this is a workbook of an old version of Excel, or one with a password; save it as .xlsx without one", where=name)
    zipped = data.startswith(b"PK\x03\x04")
    if zipped and ending != "xlsx":
        raise InputError(f"this is not a .{ending} file but a workbook or an archive; name it .xlsx, or save it as CSV", where=name)
    if ending == "xlsx" and not zipped:
        raise InputError("this is not an XLSX file", where=name)
    return ending if ending in ("xlsx", "json") else "csv"


def check_size(data: bytes) -> None:
    """Raises ``InputError`` for a file that is larger than any honest one."""
    if len(data) > MOST_BYTES:
        raise InputError(f"the file has more than {MOST_BYTES // 1_000_000} MB; import it in parts")


def check_package(data: bytes) -> None:
    """Raises ``InputError`` for a workbook that unpacks to far more than an honest one, or that brings macros."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > _MOST_ENTRIES:
                raise InputError(f"the workbook has {len(entries)} parts; {_MOST_ENTRIES} are the most")
            names = [entry.filename for entry in entries]
            if len(set(names)) != len(names):
                raise InputError("the workbook holds two parts of one name; save it anew")
            for entry in entries:
                _check_entry(entry)
            if sum(entry.file_size for entry in entries) > _MOST_UNPACKED:
                raise InputError(f"the workbook unpacks to more than {_MOST_UNPACKED // 1_000_000} MB; import it in parts")
            for entry in entries:
                if entry.filename.endswith((".xml", ".rels")):
                    _check_xml(archive, entry)
            for entry in entries:
                if "/worksheets/" in entry.filename.lower() and entry.filename.endswith(".xml"):
                    _check_sheet(archive, entry)
    except BROKEN as error:
        raise InputError("this is not an XLSX file, or it is damaged") from error


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.filename.lower()
    if "vbaproject" in name or "/macrosheets/" in name or "/activex/" in name:
        raise InputError("the workbook holds macros, which are never read; save it as .xlsx without them")
    if entry.flag_bits & 1:
        raise InputError("the workbook is encrypted; save it without a password")
    if entry.file_size > _SMALL and entry.file_size > _MOST_RATIO * max(entry.compress_size, 1):
        raise InputError(
            f"the part {entry.filename[:80]} of the workbook unpacks to more than {_MOST_RATIO} times its size; it is not read"
        )
    if "/worksheets/" in name and entry.file_size > _MOST_SHEET:
        raise InputError(f"a sheet of the workbook has more than {_MOST_SHEET // 1_000_000} MB; import it in parts")
    if name.endswith("sharedstrings.xml") and entry.file_size > _MOST_TEXTS:
        raise InputError(f"the workbook holds more than {_MOST_TEXTS // 1_000_000} MB of text; import it in parts")


def _check_xml(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Parts of a workbook never define entities: whoever does wants them to grow."""
    with archive.open(entry) as part:
        head = part.read(_HEAD)
    plain = head.replace(b"\x00", b"").lower()  # UTF-16 too
    if b"<!doctype" in plain or b"<!entity" in plain:
        raise InputError("this is not an XLSX file: one of its parts defines entities")
    if b"macroenabled" in plain and entry.filename == "[Content_Types].xml":
        raise InputError("the workbook holds macros, which are never read; save it as .xlsx without them")


def _check_sheet(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Count a sheet's rows and cells without keeping them: the library that reads it builds each row whole, and keeps every row's frame."""
    name = entry.filename.rpartition("/")[2][:80]
    rows = cells = elements = depth = 0

    def begin(tag: str, _: dict[str, str]) -> None:
        nonlocal cells, elements, depth
        depth += 1
        elements += 1
        cells += tag.rpartition(":")[2] == "c"
        if cells > _MOST_CELLS:
            raise _too_many(_MOST_CELLS, "cells in a row", f"{name}, row {rows + 1}")
        if elements > _MOST_ELEMENTS:
            raise _too_many(_MOST_ELEMENTS, "parts in one place", name)

    def end(tag: str) -> None:
        nonlocal rows, cells, elements, depth
        depth -= 1
        row = tag.rpartition(":")[2] == "row"
        if row or depth == 1:
            cells = elements = 0
        if row:
            rows += 1
            if rows > _MOST_ROWS:
                raise _too_many(_MOST_ROWS, "rows", name)

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = begin, end
    try:
        with archive.open(entry) as part:
            while piece := part.read(_CHUNK):
                parser.Parse(piece, False)
            parser.Parse(b"", True)
    except expat.ExpatError:
        raise InputError("this is not an XLSX file, or it is damaged") from None


def _too_many(most: int, word: str, where: str) -> InputError:
    return InputError(f"has more than {f'{most:,}'.replace(',', ' ')} {word}; import it in parts", where=where)
