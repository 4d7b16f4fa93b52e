"""Configuration files of other programs, as lines: whatever bytes they hold can be read.

Bytes that are no UTF-8 become surrogates; they matter only if they stand in a value that is used, and then no
endpoint can be made of it. A NUL or a very long line is nothing special.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Value:
    """A value as its file has it, and the line where it begins; lines count from 1."""

    text: str
    line: int


def numbered(data: bytes) -> Iterator[tuple[int, str]]:
    """Number and text of each line, without its end."""
    text = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    for number, line in enumerate(text.split("\n"), 1):
        yield number, line.removesuffix("\r")


def joined(data: bytes) -> Iterator[tuple[int, str]]:
    """The same, with lines put together that end in a backslash; the number is that of the first."""
    start, whole = 0, ""
    for number, line in numbered(data):
        start = start or number
        if line.endswith("\\"):
            whole += line[:-1]
            continue
        yield start, whole + line
        start, whole = 0, ""
    if start:
        yield start, whole
