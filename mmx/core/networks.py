"""Client addresses against lists of networks.

A list is a table from the length of a prefix to the prefixes of that length, so an address is looked up once
for each length that occurs, however many networks there are. Of several networks that hold it the one that
stands first in the list counts, as in Postfix's cidr tables; its row may also say that it is not listed.

The text of an address has many forms (W6, W7): Sendmail writes `IPv6:` before it, Postfix may send the word
`unknown`, and an IPv4 client on an IPv6 socket is `::ffff:192.0.2.1`, which is the same client as 192.0.2.1.
"""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network
from typing import Final, NamedTuple

from mmx.wire.payload import Connection

Network = IPv4Network | IPv6Network

UNIX: Final = b"L"
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_LONGEST_TEXT: Final = 64
_ZERO: Final = ord("0")


class Address(NamedTuple):
    """An address: how many bits it has, and these as a number."""

    bits: int
    number: int

    @property
    def is_loopback(self) -> bool:
        """True for 127.0.0.0/8 and ::1."""
        return self.number >> 24 == 127 if self.bits == 32 else self.number == 1


class Row(NamedTuple):
    """One network of a list; its order, and whether its addresses are listed."""

    order: int
    network: Network
    listed: bool


class Networks:
    """An ordered list of networks."""

    __slots__ = ("_rows",)

    def __init__(self, networks: Iterable[tuple[Network, bool]]) -> None:
        # Length of the address -> bits to drop -> prefix -> row.
        self._rows: dict[int, dict[int, dict[int, Row]]] = {32: {}, 128: {}}
        for order, (written, listed) in enumerate(networks):
            network = unmapped(written)
            dropped = network.max_prefixlen - network.prefixlen
            rows = self._rows[network.max_prefixlen].setdefault(dropped, {})
            rows.setdefault(int(network.network_address) >> dropped, Row(order, network, listed))

    def find(self, address: Address) -> Network | None:
        """The network by which the address is listed."""
        bits, number = address
        first: Row | None = None
        for dropped, rows in self._rows[bits].items():
            row = rows.get(number >> dropped)
            if row is not None and (first is None or row.order < first.order):
                first = row
        return first.network if first is not None and first.listed else None


def unmapped(network: Network) -> Network:
    """A network of IPv4-mapped IPv6 addresses as what it is: one of IPv4 addresses."""
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    return network


def client_address(client: Connection) -> Address | None:
    """The address of an IP client; None if there is none, or it is not known."""
    if client.family not in (b"4", b"6") or len(client.address) > _LONGEST_TEXT:
        return None
    number = _ipv4(client.address)
    if number is not None:
        return Address(32, number)
    text = client.address.decode("ascii", "replace").strip().strip("[]")
    if text[:5].lower() == "ipv6:":
        text = text[5:]
    try:
        number = int(IPv6Address(text.partition("%")[0]))
    except ValueError:
        return None
    return Address(32, number & 0xFFFFFFFF) if number >> 32 == 0xFFFF else Address(128, number)


def _ipv4(text: bytes) -> int | None:
    """Four decimal numbers, none with a 0 in front that would make it octal elsewhere."""
    parts = text.split(b".")
    if len(parts) != 4:
        return None
    number = 0
    for part in parts:
        if not part.isdigit() or len(part) > 3 or (part[0] == _ZERO and len(part) > 1) or int(part) > 255:
            return None
        number = number << 8 | int(part)
    return number
