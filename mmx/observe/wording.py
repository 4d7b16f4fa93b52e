"""Numbers and times in words for people: short, and aligned where they stand below each other."""

from datetime import datetime
from typing import Final

_UNITS: Final = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
_SIZES: Final = ("B", "KiB", "MiB", "GiB", "TiB")


def period(seconds: float) -> str:
    """A period with its two largest units: 3 min 20 s."""
    left = int(seconds)
    parts: list[str] = []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def wait(seconds: float) -> str:
    """A short time with three digits at most: 4.2 ms, 310 ms, 12.5 s."""
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms" if seconds < 0.01 else f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds:.0f} s"


def size(count: int) -> str:
    """Bytes in the largest unit that leaves a whole part."""
    value = float(count)
    for unit in _SIZES[:-1]:
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} {_SIZES[-1]}"


def number(count: int) -> str:
    """A count with its thousands apart, by a narrow blank that does not break."""
    return f"{count:,}".replace(",", "\u202f")


def plural(count: int, word: str, several: str = "") -> str:
    """A count and its word."""
    return f"{number(count)} {word if count == 1 else several or word + 's'}"


def clock(at: float, now: float) -> str:
    """A local time; with its date unless that is today's."""
    moment, today = datetime.fromtimestamp(at).astimezone(), datetime.fromtimestamp(now).astimezone()
    return moment.strftime("%H:%M:%S" if moment.date() == today.date() else "%Y-%m-%d %H:%M:%S")


def stamp(at: float) -> str:
    """A local time in full, with its zone."""
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
