"""Readers of values: each takes a node of the document and returns what it means, or raises RefusedError.

A reader is a pure function, so bigger ones are put together from smaller ones: `list_of(endpoint)`,
`nullable(size)`. A list is read to its end before it is refused, so that all its faults are told at once.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from mmx.errors import InvalidValueError
from mmx.settings.document import Items, Node, Place, Scalar, describe
from mmx.settings.endpoint import (
    ChildEndpoint,
    Endpoint,
    InetEndpoint,
    parse_address,
    parse_child_endpoint,
    parse_endpoint,
    parse_host,
    parse_unix_path,
)
from mmx.settings.units import format_duration, parse_duration, parse_mode, parse_size

T = TypeVar("T")
W = TypeVar("W", bound=StrEnum)
Reader = Callable[[Node], T]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_MACRO: Final = re.compile(r"[A-Za-z_]|\{[A-Za-z0-9_]{2,64}\}")
_PRIVATE_HEADER: Final = re.compile(r"[Xx]-[A-Za-z0-9-]{1,60}")
_BOOLEANS: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_LONGEST_DURATION: Final = 365 * 86400.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a value; `key` is the path below the value that was read."""

    place: Place
    key: str
    value: str
    message: str
    remedy: str


class RefusedError(Exception):
    """A node is not what its key wants; `faults` says why, all of it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = tuple(faults)


def refusal(node: Node, message: str, remedy: str, key: str = "") -> RefusedError:
    """A RefusedError with a single fault."""
    return RefusedError([Fault(node.place, key, describe(node), message, remedy)])


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A remedy for an unknown word: the nearest known one, else all of them."""
    words = sorted(known)
    near = difflib.get_close_matches(word, words, 1)
    if near:
        return f"did you mean {near[0]}?"
    return f"known are {', '.join(words)}" if words else "remove it"


def text(node: Node) -> str:
    """Any string without control characters."""
    if not isinstance(node, Scalar):
        raise refusal(node, "a single value is wanted here", "write KEY: VALUE")
    if node.kind == "null":
        raise refusal(node, "the value is missing", "write one, or remove the key")
    if node.kind != "str":
        raise refusal(node, f"YAML reads this as {node.kind}", "put it in quotes")
    if not node.text:
        raise refusal(node, "the value is empty", "write one, or remove the key")
    if any(ord(char) < 32 or 127 <= ord(char) < 160 for char in node.text):
        raise refusal(node, "a control character in the value", "remove it")
    return node.text


def boolean(node: Node) -> bool:
    """A plain yes or no, true or false, on or off."""
    if isinstance(node, Scalar) and node.kind == "bool":
        return _BOOLEANS[node.text.lower()]
    raise refusal(node, "neither yes nor no", "write yes or no, without quotes")


def integer(low: int, high: int) -> Reader[int]:
    """A decimal number within bounds."""

    def read(node: Node) -> int:
        if (
            not isinstance(node, Scalar)
            or node.kind != "int"
            or not re.fullmatch(r"0|[1-9][0-9]*", node.text)
        ):
            raise refusal(node, "not a whole decimal number", f"write a number from {low} to {high}")
        if not low <= int(node.text) <= high:
            raise refusal(node, "out of bounds", f"write a number from {low} to {high}")
        return int(node.text)

    return read


def duration(low: float = 0.001) -> Reader[float]:
    """A duration with its unit, in seconds; at least `low`, at most a year."""

    def read(node: Node) -> float:
        seconds = _parsed(node, parse_duration)
        if not low <= seconds <= _LONGEST_DURATION:
            raise refusal(node, "out of bounds", f"write a duration from {format_duration(low)} to 365d")
        return seconds

    return read


def size(node: Node) -> int:
    """A size with its unit, in bytes; at least 1."""
    number = _parsed(node, parse_size)
    if number < 1:
        raise refusal(node, "out of bounds", "write a size of at least 1B")
    return number


def mode(node: Node) -> int:
    """Permission bits, quoted: YAML reads a bare 0660 as 432 and a bare 660 as decimal."""
    if isinstance(node, Scalar) and node.kind == "int":
        raise refusal(
            node, "a mode without quotes, which YAML takes for another number", 'write it as "0660"'
        )
    return text_as(node, parse_mode)


def endpoint(node: Node) -> Endpoint:
    """An endpoint in any form of its grammar."""
    return text_as(node, parse_endpoint)


def child_endpoint(node: Node) -> ChildEndpoint:
    """An endpoint, or why it is unknown."""
    return text_as(node, parse_child_endpoint)


def address(node: Node) -> InetEndpoint:
    """HOST:PORT."""
    return text_as(node, parse_address)


def host(node: Node) -> str:
    """A host name, or an address."""
    return text_as(node, parse_host)


def directory(node: Node) -> str:
    """An absolute path."""
    path = text(node)
    if not path.startswith("/"):
        raise refusal(node, "not an absolute path", "write it from the root on")
    return path


def file(node: Node) -> str:
    """The absolute path of a file."""
    path = directory(node)
    if path.endswith("/"):
        raise refusal(node, "a directory", "write the path of a file")
    return path


def socket_path(node: Node) -> str:
    """The absolute path of a unix socket, as in `unix:PATH`."""
    return text_as(node, lambda word: parse_unix_path(word.removeprefix("unix:")))


def name(node: Node) -> str:
    """A name that may stand in logs and in labels of metrics."""
    return text_as(node, parse_name)


def parse_name(word: str) -> str:
    """Check a name; raises InvalidValueError."""
    if not _NAME.fullmatch(word):
        remedy = "use 1 to 64 letters, digits, dots, dashes, underscores and @, a letter or digit first"
        raise InvalidValueError("not usable as a name", remedy)
    return word


def macro(node: Node) -> str:
    """The name of a macro as the milter protocol spells it."""
    word = text(node)
    if not _MACRO.fullmatch(word):
        raise refusal(node, "no macro name", 'write one letter, or a longer name in braces: "{auth_type}"')
    return word


def private_header(node: Node) -> str:
    """The name of a header that no standard gives a meaning, so that mmx may delete those that come."""
    word = text(node)
    if not _PRIVATE_HEADER.fullmatch(word):
        raise refusal(node, "no header name for mmx", "write one that begins with X-, such as X-Mmx-Children")
    return word


def choice(words: type[W]) -> Reader[W]:
    """One of the words of an enumeration."""

    def read(node: Node) -> W:
        word = text(node)
        try:
            return words(word)
        except ValueError:
            raise refusal(node, "not a word for this", f"write one of {', '.join(words)}") from None

    return read


def yes_no_or(words: type[W]) -> Reader[W]:
    """One of the words of an enumeration in which yes and no are two."""

    def read(node: Node) -> W:
        if isinstance(node, Scalar) and node.kind == "bool":
            return words("yes" if boolean(node) else "no")
        return choice(words)(node)

    return read


def nullable(read: Reader[T]) -> Reader[T | None]:
    """The same, or null."""

    def read_or_null(node: Node) -> T | None:
        return None if isinstance(node, Scalar) and node.kind == "null" else read(node)

    return read_or_null


def list_of(read: Reader[T]) -> Reader[tuple[T, ...]]:
    """A list of such values."""

    def read_list(node: Node) -> tuple[T, ...]:
        if not isinstance(node, Items):
            raise refusal(node, "a list is wanted here", "write [ONE, ANOTHER], or one a line behind dashes")
        return collect(("", read, item) for item in node.items)

    return read_list


def one_or_list_of(read: Reader[T]) -> Reader[tuple[T, ...]]:
    """A list of such values, or a single one without brackets; never empty."""
    read_list = list_of(read)

    def read_either(node: Node) -> tuple[T, ...]:
        if not isinstance(node, Items):
            return (read(node),)
        if not node.items:
            raise refusal(node, "an empty list", "write at least one value")
        return read_list(node)

    return read_either


def collect(jobs: Iterable[tuple[str, Reader[T], Node]]) -> tuple[T, ...]:
    """Read every node, then tell all faults at once, each below the key it belongs to ("": its list's)."""
    found: list[T] = []
    faults: list[Fault] = []
    for key, read, node in jobs:
        try:
            found.append(read(node))
        except RefusedError as error:
            for fault in error.faults:
                path = ".".join(part for part in (key, fault.key) if part)
                faults.append(Fault(fault.place, path, fault.value, fault.message, fault.remedy))
    if faults:
        raise RefusedError(faults)
    return tuple(found)


def text_as(node: Node, parse: Callable[[str], T]) -> T:
    """A string, as a parser understands it that raises InvalidValueError."""
    word = text(node)
    try:
        return parse(word)
    except InvalidValueError as error:
        raise refusal(node, error.message, error.remedy) from None


def _parsed(node: Node, parse: Callable[[str], T]) -> T:
    """Like text_as, but a number is handed on too: the parser tells best which unit it lacks."""
    if isinstance(node, Scalar) and node.kind in {"int", "float"}:
        node = Scalar(node.place, "str", node.text)
    return text_as(node, parse)
