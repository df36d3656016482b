"""Time zones, public holidays and weekends by name. Nothing is asked over the network: all come with the installation."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from connector.domain.rhythm import WEEKEND, Holidays
from connector.errors import InputError
from mappings.reading import near

_OTHER_WEEKENDS = {  # the zones of countries whose weekend is not Saturday and Sunday, with the old names that some machines still have
    "Africa/Algiers": "DZ", "Africa/Cairo": "EG", "Africa/Djibouti": "DJ", "Africa/Khartoum": "SD", "Asia/Aden": "YE", "Asia/Amman": "JO",
    "Asia/Baghdad": "IQ", "Asia/Bahrain": "BH", "Asia/Brunei": "BN", "Asia/Damascus": "SY", "Asia/Dacca": "BD", "Asia/Dhaka": "BD",
    "Asia/Jerusalem": "IL", "Asia/Kabul": "AF", "Asia/Kuwait": "KW", "Asia/Muscat": "OM", "Asia/Qatar": "QA", "Asia/Riyadh": "SA",
    "Asia/Tehran": "IR", "Asia/Tel_Aviv": "IL", "Egypt": "EG", "Indian/Maldives": "MV", "Iran": "IR", "Israel": "IL",
}  # fmt: skip
_NO_PLACES = frozenset({"Factory", "localtime", "posixrules"})  # files beside the zones


def zone_name(text: str, *, where: str = "zone") -> str:
    """The name of a time zone as it is known, "" for the installation's. Raises ``InputError``."""
    wanted = text.strip()
    if not wanted:
        return ""
    try:
        if wanted in _NO_PLACES:
            raise ValueError
        return ZoneInfo(wanted).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        names = _zones()
        found = names.get(wanted.casefold().replace(" ", "_"))
        if found is not None:
            return found
        hint = near(wanted[:60], names.values())
        raise InputError(f"{wanted[:60]!r} is not a time zone{hint}; use a name such as Europe/Oslo", where=where) from None


@lru_cache(maxsize=1)
def _zones() -> dict[str, str]:
    return {name.casefold(): name for name in sorted(available_timezones() - _NO_PLACES)}


def zone_called(name: str, default: tzinfo) -> tzinfo:
    """The time zone of a stored name, ``default`` for "" and for one that this machine does not know any more."""
    try:
        return ZoneInfo(name) if name else default
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return default


def zone_names() -> list[str]:
    """The zones that a form offers: places, without the old names of whole countries."""
    return [name for name in _zones().values() if "/" in name and not name.startswith(("Etc/", "posix/", "right/", "US/", "SystemV/"))]


def country_code(text: str, *, where: str = "country") -> str:
    """A country with public holidays, as "DE", or a part of one, as "DE-BY"; "" for none. Raises ``InputError`` naming what is unknown."""
    wanted = text.strip()
    if not wanted:
        return ""
    country, _, part = (piece.strip() for piece in wanted.partition("-"))
    known = _countries()
    code = country.upper()
    if code not in known:
        hint = near(code[:20], [each for each in known if len(each) == 2])
        raise InputError(f"no country {country[:20]!r} is known{hint}; use two letters such as DE, or DE-BY for a part of it", where=where)
    if not part:
        return code
    parts = {each.casefold(): each for each in known[code]}
    if part.casefold() not in parts:
        told = f"; {code} has {', '.join(known[code][:60])}" if known[code] else f"; {code} has no parts, write {code}"
        raise InputError(f"no part {part[:20]!r} of {code} is known{told}", where=where)
    return f"{code}-{parts[part.casefold()]}"


def holidays_of(country: str, years: Collection[int]) -> Holidays:
    """The public holidays of a country ("DE", "DE-BY") in these years, and its weekend; none for "".

    Raises ``InputError`` for an unknown one. Weekends that are worked in exchange for a bridge day stay free: nobody is asked then.
    """
    if not country:
        return Holidays()
    found: set[date] = set()
    for year in years:
        found |= _of_year(country, year)
    return Holidays.of(found, weekend_in(country))


def holidays_between(country: str, start: date, end: date) -> Holidays:
    """The public holidays of a stored country in the years of these days, and its weekend; none for one that is not known any more."""
    try:
        return _of_years(country, start.year, end.year) if country else Holidays()
    except InputError:
        return Holidays()


@lru_cache(maxsize=512)
def weekend_in(country: str) -> frozenset[int]:
    """The days of the week that are off in a country ("DE", "DE-BY"), 0 is Monday. Raises ``InputError`` for an unknown one.

    Where the law names Sunday alone, offices keep Saturday too.
    """
    code, _, part = country_code(country).partition("-")
    found = frozenset(int(day) for day in _library().country_holidays(code, subdiv=part or None).weekend)
    return WEEKEND if found < WEEKEND else found


def weekend_at(zone: tzinfo) -> frozenset[int]:
    """The days of the week that are off where a time zone is: of its country."""
    country = _OTHER_WEEKENDS.get(getattr(zone, "key", ""))
    return weekend_in(country) if country else WEEKEND


@lru_cache(maxsize=256)
def _of_years(country: str, first: int, last: int) -> Holidays:
    return holidays_of(country, range(first, last + 1))


@lru_cache(maxsize=1024)
def _of_year(country: str, year: int) -> frozenset[date]:
    code, _, part = country_code(country).partition("-")
    return frozenset(_library().country_holidays(code, subdiv=part or None, years=[year]))


@lru_cache(maxsize=1)
def _countries() -> dict[str, list[str]]:
    return {code: list(parts) for code, parts in _library().list_supported_countries().items()}


def _library() -> Any:
    import holidays  # here: half a second that only an installation with a country's holidays needs to pay

    return holidays
