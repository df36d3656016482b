"""What a row of a host's OKR database still needs before it becomes an objective or a key result, in words for the person there. Pure.

Column names are those that people see: they may have renamed them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connector.domain.model import FieldValue, Kind, Unknown
from connector.domain.okr_columns import FROM, KIND, TITLE, TO, UNIT

_NUMERAL = re.compile(r"[+-]?\d+([.,]\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")  # 1,200 is one number for some and another for others
_BLANKS = str.maketrans({"\u00a0": "", "\u202f": "", " ": "", "−": "-"})
_LONGEST_NUMERAL = 300
PERCENT = "%"
_YES_NO = frozenset({"yes/no", "yes no", "yes_no", "done", "done/not done", "ja/nein", "oui/non", "sí/no", "si/no", "sim/não"})
_KINDS = {"metric": Kind.METRIC, "at_least": Kind.AT_LEAST, "at_most": Kind.AT_MOST, "yes_no": Kind.YES_NO}
_MOST_DECIMALS = 3


@dataclass
class Reading:
    """What was made of a row. ``given``: in the words of the plan services · ``needs``: what is not there · ``wrong``: whole sentences."""

    given: dict[str, object] = field(default_factory=dict)
    needs: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def missing(self) -> tuple[str, ...]:
        """All of it, each a phrase of its own; empty when the row is complete."""
        return (*(f"needs {each}" for each in self.needs), *self.wrong)


def draft_note(what: str, missing: Sequence[str]) -> str:
    """The sentence that stands in a draft's row; ``what``: "a key result"."""
    return f"Not {what} yet: {'; '.join(missing)}" if missing else ""


def text_of(value: FieldValue) -> str:
    """A text without blanks around it, "" for anything else."""
    return " ".join(value.split()) if isinstance(value, str) else ""


def refs_of(value: FieldValue) -> tuple[str, ...]:
    """The refs or accounts of a value, each once."""
    if isinstance(value, str):
        return (value,) if value else ()
    return tuple(dict.fromkeys(value)) if isinstance(value, tuple) else ()


def unreadable(value: FieldValue, name: str) -> str:
    """The sentence about a value that the host could not tell, "" for others."""
    return f"“{name}” cannot be read there ({value.reason})" if isinstance(value, Unknown) else ""


def numeral(text: str) -> tuple[float, bool] | None:
    """(the number that a text says, whether it says it in percent): "50 %" is 50, "0,5" a half.

    None where it says none or may be read two ways, as "1,200".
    """
    words = text.strip().translate(_BLANKS)
    bare = words.removesuffix(PERCENT)
    if not _NUMERAL.fullmatch(bare) or _THOUSANDS.fullmatch(bare) or len(bare) > _LONGEST_NUMERAL:
        return None
    return float(bare.replace(",", ".")), bare != words


def number_of(value: FieldValue, name: str) -> float | None:
    """A number, None for none. Raises ``ValueError`` with the sentence."""
    if sentence := unreadable(value, name):
        raise ValueError(sentence)
    if value is None or value in ("", ()):
        return None
    number: float | None = None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value)
    elif isinstance(value, str) and (said := numeral(value)) is not None:
        number = said[0]
    if number is None and isinstance(value, str) and _THOUSANDS.fullmatch(bare := value.strip().translate(_BLANKS).removesuffix(PERCENT)):
        raise ValueError(f"“{name}” holds {bare!r}, which may be read two ways; write {bare.replace(',', '')} or {bare.replace(',', '.')}")
    if number is None:
        raise ValueError(f"“{name}” holds {str(value)[:40]!r} where a number belongs; write it without its unit, such as 42 or 4.1")
    if not math.isfinite(number):
        raise ValueError(f"“{name}” must be a finite number")
    return number


def read_title(reading: Reading, values: Mapping[str, FieldValue], names: Mapping[str, str]) -> str:
    """The title, noted as given or needed."""
    value = values.get(TITLE)
    if sentence := unreadable(value, names.get(TITLE, "title")):
        reading.wrong.append(sentence)
        return ""
    title = text_of(value)
    if title:
        reading.given["title"] = title
    else:
        reading.needs.append("a title")
    return title


def read_numbers(reading: Reading, values: Mapping[str, FieldValue], names: Mapping[str, str], unit: str = "") -> None:
    """Kind, From, To and unit of a key result. What is yes or no needs no numbers, a bound no start.

    ``unit``: what its numbers are told in there, for a row that names no unit itself.
    """
    unit = text_of(values.get(UNIT)) or unit
    kind = _KINDS.get(text_of(values.get(KIND)).casefold().replace(" ", "_").replace("/", "_"))
    if kind is None:
        kind = Kind.YES_NO if unit.casefold() in _YES_NO else Kind.METRIC
    reading.given["kind"] = kind.value
    if unit:
        reading.given["unit"] = unit
    if kind is Kind.YES_NO:
        return
    found: dict[str, float] = {}
    for each, key in ((FROM, "start"), (TO, "target")):
        if each == FROM and kind is not Kind.METRIC:
            continue
        name = names.get(each, each.capitalize())
        try:
            number = number_of(values.get(each), name)
        except ValueError as error:
            reading.wrong.append(str(error))
            continue
        if number is None:
            reading.needs.append(f"“{name}”")
        else:
            found[key] = number
    if len(found) == 2 and found["start"] == found["target"]:
        reading.wrong.append(f"“{names.get(FROM, 'From')}” and “{names.get(TO, 'To')}” are equal, so there is no way to go; change one")
    reading.given |= found
    if found:
        reading.given["decimals"] = max(_decimals(number) for number in found.values())


def _decimals(number: float) -> int:
    shown = f"{number:.{_MOST_DECIMALS}f}".rstrip("0")
    return len(shown.partition(".")[2])
