"""A DNS server on the loopback, and resolvers that ask it."""

import asyncio
import socket
import struct
from typing import Final

from dns.asyncresolver import Resolver

HEADER: Final = struct.Struct("!HHHHHH")
A: Final = 1
SOA: Final = 6
OK: Final = 0
SERVFAIL: Final = 2
NXDOMAIN: Final = 3


class DnsServer(asyncio.DatagramProtocol):
    """Answers questions for A records from `table`: addresses, a status, or None for silence.

    A name that is not in the table does not exist; `ttl` goes for every answer.
    """

    def __init__(self) -> None:
        self.table: dict[str, list[str] | int | None] = {}
        self.ttl = 60
        self.asked: list[str] = []
        self.port = 0
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def resolver(self) -> Resolver:
        resolver = Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = self.port
        return resolver

    def datagram_received(self, data: bytes, peer: tuple[str, int]) -> None:
        name, end = _name(data)
        self.asked.append(name)
        said = self.table.get(name, NXDOMAIN)
        if said is None or self._transport is None:
            return
        (number, flags, *_) = HEADER.unpack_from(data)
        (kind,) = struct.unpack_from("!H", data, end)
        status = said if isinstance(said, int) else OK
        addresses = said if isinstance(said, list) and kind == A else []
        records = b"".join(self._record(A, socket.inet_aton(address)) for address in addresses)
        authority = b"" if addresses or status == SERVFAIL else self._soa()
        counts = (1, len(addresses), 1 if authority else 0, 0)
        header = HEADER.pack(number, 0x8080 | (flags & 0x0100) | status, *counts)
        self._transport.sendto(header + data[HEADER.size : end + 4] + records + authority, peer)

    def _record(self, kind: int, data: bytes) -> bytes:
        return b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, self.ttl, len(data)) + data

    def _soa(self) -> bytes:
        return self._record(SOA, b"\0\0" + struct.pack("!IIIII", 1, 3600, 600, 86400, self.ttl))


def _name(query: bytes) -> tuple[str, int]:
    """The name asked for, and where its type begins."""
    labels = []
    position = HEADER.size
    while length := query[position]:
        labels.append(query[position + 1 : position + 1 + length].decode())
        position += 1 + length
    return ".".join(labels).lower(), position + 1
