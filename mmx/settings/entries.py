"""The entries of lists in conditions: networks, names of hosts and domains, addresses, and files of these.

    network   ADDRESS  |  ADDRESS/BITS            an IPv6 address may stand in brackets, as in main.cf
    domain    NAME  |  .NAME  |  pattern          `.NAME` is every name below NAME
    address   LOCAL@DOMAIN  |  <>  |  pattern     `<>` is the null sender
    pattern   a domain or an address with `*` for any characters and `?` for one
    file      file:/PATH                          one entry a line; see mmx.settings.tables

Parsers take the text of one entry and return its canonical form, or raise InvalidValueError, so they serve
the settings and the files alike.
"""

import ipaddress
import re
from collections.abc import Callable
from typing import Final

from mmx.errors import InvalidValueError
from mmx.settings import values
from mmx.settings.document import Node
from mmx.settings.values import Reader, refusal

FILE: Final = "file:"
NETWORKS: Final = "networks"
DOMAINS: Final = "domains"
ADDRESSES: Final = "addresses"

MOST_PATTERNS: Final = 1000
TOO_MANY: Final = (
    f"more than {MOST_PATTERNS} patterns with wildcards",
    "write names, .NAME or *@DOMAIN, which are looked up and not tried",
)

_LONGEST: Final = 320
_WILDCARD: Final = re.compile(r"[*?]")
_BRACKETS: Final = re.compile(r"\[([^\]]*)\](.*)")
_SPECIAL: Final = re.compile(r"[\s()<>,;:\\\"]")
_EXPRESSION: Final = re.compile(r"^/.*/i?$|[\^$|+\\]")


def parse_network(text: str) -> str:
    """An address or a network in CIDR form, written canonically."""
    word = _BRACKETS.sub(r"\1\2", text)
    try:
        return str(ipaddress.ip_network(word))
    except ValueError as error:
        raise InvalidValueError(
            f"no network: {error}", "write an address or ADDRESS/BITS without host bits"
        ) from None


def parse_domain(text: str) -> str:
    """The name of a host or a domain, or a pattern of names; a HELO may be an address in brackets."""
    _check_length(text)
    if _EXPRESSION.search(text):
        raise InvalidValueError(
            "looks like a regular expression",
            "write a name, .NAME for all below it, or a pattern with * and ?",
        )
    if "@" in text:
        raise InvalidValueError("an address, where a name is wanted", "write what stands behind the @")
    literal = text.startswith("[")
    if _SPECIAL.search(text.replace(":", "") if literal else text):
        raise InvalidValueError("no name of a host or domain", "write letters, digits, dots and dashes")
    return text


def parse_address(text: str) -> str:
    """A mail address, a pattern of addresses, or the null sender."""
    _check_length(text)
    if text == "<>":
        return text
    local, at, domain = text.rpartition("@")
    if not at and "*" not in text:
        raise InvalidValueError("no address", "write LOCAL@DOMAIN, a pattern such as *@DOMAIN, or <>")
    if at and (not local or not domain) and "*" not in text:
        raise InvalidValueError("half an address", "write LOCAL@DOMAIN, or a pattern such as *@DOMAIN")
    if _SPECIAL.search(domain.strip("[]").replace(":", "")) or re.search(r"[\s<>\"]", local):
        raise InvalidValueError("no address", "write it without brackets, quotes and blanks")
    return text


def _check_length(text: str) -> None:
    if len(text) > _LONGEST:
        raise InvalidValueError(f"longer than {_LONGEST} characters", "shorten it with *")


PARSERS: Final[dict[str, Callable[[str], str]]] = {
    NETWORKS: parse_network,
    DOMAINS: parse_domain,
    ADDRESSES: parse_address,
}


def reader(kind: str) -> Reader[str]:
    """Reads one entry of a list, or the name of a file of them."""
    parse = PARSERS[kind]

    def parse_entry(text: str) -> str:
        if not text.startswith(FILE):
            return parse(text)
        if not text.startswith(FILE + "/"):
            raise InvalidValueError("a file without an absolute path", "write file:/PATH")
        return text

    def read(node: Node) -> str:
        return values.text_as(node, parse_entry)

    return read


def is_tried(entry: str) -> bool:
    """True for a pattern that has to be tried on each name, since it is not found by looking names up."""
    return _WILDCARD.search(entry.removeprefix("*@").removeprefix("*.")) is not None


def _bounded(read: Reader[tuple[str, ...]]) -> Reader[tuple[str, ...]]:
    def read_list(node: Node) -> tuple[str, ...]:
        found = read(node)
        if sum(map(is_tried, found)) > MOST_PATTERNS:
            raise refusal(node, *TOO_MANY)
        return found

    return read_list


def any_number(kind: str) -> Reader[tuple[str, ...]]:
    """Reads a list of entries."""
    return _bounded(values.list_of(reader(kind)))


def several(kind: str) -> Reader[tuple[str, ...]]:
    """Reads one entry, or a list of at least one."""
    return _bounded(values.one_or_list_of(reader(kind)))


def percent(node: Node) -> int:
    """A share in percent, from 1% to 100%."""
    match = re.fullmatch(r"([0-9]{1,3})%", values.text(node))
    if match is None or not 1 <= int(match[1]) <= 100:
        raise refusal(node, "no share", 'write it in percent, "1%" to "100%"')
    return int(match[1])
