"""A DNS list, as the settings write it: Postfix's form for postscreen, without the weight.

    list   = zone [ "=" filter ]            zen.spamhaus.org   list.example.org=127.0.0.[2..11;14]
    zone   = labels of letters, digits, "-" and "_", joined by dots
    filter = octet "." octet "." octet "." octet, the first one 127
    octet  = number  |  "[" item { ";" item } "]"
    item   = number  |  number ".." number

An address is listed if the list answers with one that fits the filter; without a filter any of 127.0.0.0/8
does. What a list answers outside of that, and 127.255.255.0/24, which Spamhaus made the range of its error
codes ("you ask through an open resolver", "too many queries"), says nothing about the client: such an
answer is a fault, whatever the filter.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mmx.errors import InvalidValueError

LONGEST_ZONE: Final = 253 - 64
"""Octets of a zone: the 64 of a reversed IPv6 address stand before it in a name."""

_LABEL: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_OCTET: Final = re.compile(r"[0-9]{1,3}|\[[^\]]*\]")
_ITEM: Final = re.compile(r"([0-9]{1,3})(?:\.\.([0-9]{1,3}))?")
_EXAMPLE: Final = 'write ZONE or ZONE=FILTER, such as "list.example.org=127.0.0.[2..11;14]"'
_LOOPBACK: Final = 127
_ERRORS: Final = bytes((127, 255, 255))


@dataclass(frozen=True, slots=True)
class DnsZone:
    """A list: what is asked (`name`, lower case, no dot at its end), and which answers count."""

    name: str
    octets: tuple[frozenset[int], ...] | None = None
    """The values of each octet that count; None: every answer that is none of a fault."""

    def fits(self, answer: bytes) -> bool:
        """True if these four octets are a listing."""
        return self.octets is None or all(
            octet in allowed for octet, allowed in zip(answer, self.octets, strict=True)
        )


def is_fault(answer: bytes) -> bool:
    """True if these four octets are no statement about a client."""
    return answer[0] != _LOOPBACK or answer.startswith(_ERRORS)


def parse_dns_zone(text: str) -> DnsZone:
    """Read a list; raises InvalidValueError."""
    if "*" in text:
        raise InvalidValueError("a weight has no meaning here", "leave out what stands behind the *")
    name, equals, wanted = text.partition("=")
    return DnsZone(_zone(name), _filter(wanted) if equals else None)


def _zone(text: str) -> str:
    name = text.removesuffix(".").lower()
    labels = name.split(".")
    if len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        raise InvalidValueError("no DNS zone", _EXAMPLE)
    if labels[-1].isdigit():
        raise InvalidValueError("an address, no DNS zone", _EXAMPLE)
    if len(name) > LONGEST_ZONE:
        raise InvalidValueError(f"a zone of more than {LONGEST_ZONE} characters cannot be asked")
    return name


def _filter(text: str) -> tuple[frozenset[int], ...]:
    parts = _OCTET.findall(text)
    if len(parts) != 4 or ".".join(parts) != text:
        raise InvalidValueError(f"{text!r} is no filter of four octets", _EXAMPLE)
    octets = tuple(frozenset(_values(part.strip("[]"))) for part in parts)
    if octets[0] != {_LOOPBACK}:
        raise InvalidValueError("lists answer with 127.something only", "begin the filter with 127.")
    return octets


def _values(text: str) -> Iterable[int]:
    for item in text.split(";"):
        match = _ITEM.fullmatch(item.strip())
        if match is None:
            raise InvalidValueError(f"{item!r} is neither a number nor a range", _EXAMPLE)
        first, last = int(match[1]), int(match[2] or match[1])
        if not first <= last <= 255:
            raise InvalidValueError(f"{item!r} is no range of 0 to 255", _EXAMPLE)
        yield from range(first, last + 1)
