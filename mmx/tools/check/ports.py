"""TCP sockets of this host that listen, as the kernel tells everybody: /proc/net/tcp and tcp6.

An address there is in hexadecimal, each of its words in the byte order of the machine.
"""

import ipaddress
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

TABLES: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTEN: Final = "0A"
_WORD: Final = 8
"""Characters of a word."""


def listening(tables: tuple[Path, ...] = TABLES) -> Mapping[int, frozenset[str]]:
    """Ports, each with the addresses that somebody listens on."""
    found: dict[int, frozenset[str]] = {}
    for table in tables:
        try:
            text = table.read_text()
        except OSError:
            continue
        for address, port in read(text):
            found[port] = found.get(port, frozenset()) | {address}
    return found


def read(text: str) -> Iterator[tuple[str, int]]:
    """Address and port of each socket of a table that listens."""
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 3 and fields[3] == _LISTEN:
            address, _, port = fields[1].partition(":")
            yield _address(address), int(port, 16)


def _address(text: str) -> str:
    words = [int(text[start : start + _WORD], 16) for start in range(0, len(text), _WORD)]
    return str(ipaddress.ip_address(b"".join(struct.pack("=I", word) for word in words)))


def outward(addresses: frozenset[str]) -> tuple[str, ...]:
    """Those of them that other hosts may reach."""
    return tuple(sorted(one for one in addresses if not _is_loopback(one)))


def _is_loopback(text: str) -> bool:
    address = ipaddress.ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
