"""Numbers with a unit, as the settings write them.

    duration = digits unit      ms, s, m (minutes), h, d           "30s"   "9m"   "500ms"
    size     = digits unit      B, KiB, MiB, GiB (powers of 1024)   "64KiB" "1MiB"
    mode     = 3 or 4 octal digits, in quotes                       "0660"

A number without its unit is refused, because nobody can tell from `idle_timeout: 5` what was meant.
Every `format_...` gives the shortest text that the `parse_...` beside it reads back to the same value.
"""

import re
from typing import Final

from mmx.errors import InvalidValueError

# Milliseconds and bytes; the largest unit first, as the formatters try them.
_DURATION_UNITS: Final = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_SIZE_UNITS: Final = {"GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10, "B": 1}
_NUMBER_AND_UNIT: Final = re.compile(r"([0-9]{1,18})([A-Za-z]+)")


def parse_duration(text: str) -> float:
    """Read a duration; returns seconds; raises InvalidValueError."""
    return _parse(text, _DURATION_UNITS, "a duration", 'such as "30s", "9m" or "500ms"') / 1000


def format_duration(seconds: float) -> str:
    """Write a duration given in seconds, exact to the millisecond."""
    return _format(round(seconds * 1000), _DURATION_UNITS, "s")


def parse_size(text: str) -> int:
    """Read a size; returns bytes; raises InvalidValueError."""
    return _parse(text, _SIZE_UNITS, "a size", 'such as "64KiB", "1MiB" or "500B"')


def format_size(size: int) -> str:
    """Write a size given in bytes."""
    return _format(size, _SIZE_UNITS, "B")


def parse_mode(text: str) -> int:
    """Read the permission bits of a file; raises InvalidValueError."""
    if not re.fullmatch(r"0?[0-7]{3}", text):
        raise InvalidValueError("no file mode", 'write three octal digits in quotes, such as "0660"')
    return int(text, 8)


def format_mode(mode: int) -> str:
    """Write permission bits with a leading 0."""
    return f"{mode:04o}"


def _parse(text: str, units: dict[str, int], kind: str, examples: str) -> int:
    match = _NUMBER_AND_UNIT.fullmatch(text)
    if match and match[2] in units:
        return int(match[1]) * units[match[2]]
    remedy = f"write a whole number and one of the units {', '.join(reversed(units))}, {examples}"
    if re.fullmatch(r"[0-9]+", text):
        raise InvalidValueError(f"{kind} needs its unit", remedy)
    raise InvalidValueError(f"not {kind}", remedy)


def _format(number: int, units: dict[str, int], unit_of_zero: str) -> str:
    if number == 0:
        return f"0{unit_of_zero}"
    return next(f"{number // factor}{unit}" for unit, factor in units.items() if number % factor == 0)
