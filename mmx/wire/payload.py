"""The data of each frame: encoders and decoders, one pair a shape (protocol tables of commands and replies).

Everything is bytes (W2); a string is bytes without NUL, then NUL. Decoders take the data after the code byte
and raise `ProtocolError` for anything that Postfix or libmilter would not read.
"""

import struct
from typing import NamedTuple

from mmx.errors import ProtocolError

_OPTIONS = struct.Struct(">III")
_U32 = struct.Struct(">I")
_U16 = struct.Struct(">H")


class Options(NamedTuple):
    """OPTNEG in either direction. `macros` maps a stage (0 to 6) to the names asked for, in order."""

    version: int
    actions: int
    protocol: int
    macros: dict[int, tuple[bytes, ...]]


class Connection(NamedTuple):
    """CONNECT: host name, family byte (`4`, `6`, `L` or `U`), port in host order, address text."""

    hostname: bytes
    family: bytes
    port: int
    address: bytes


def strings(data: bytes) -> list[bytes]:
    """All NUL-terminated strings that `data` consists of."""
    if not data:
        return []
    if data[-1]:
        raise ProtocolError("string without its NUL")
    return data[:-1].split(b"\0")


def encode_strings(*values: bytes) -> bytes:
    """The values, each NUL-terminated."""
    return b"\0".join(values) + b"\0" if values else b""


def encode_options(version: int, actions: int, protocol: int, macros: dict[int, tuple[bytes, ...]]) -> bytes:
    """OPTNEG data; the macro lists follow in stage order, as libmilter sends them."""
    lists = [_U32.pack(stage) + b" ".join(names) + b"\0" for stage, names in sorted(macros.items())]
    return _OPTIONS.pack(version, actions, protocol) + b"".join(lists)


def decode_options(data: bytes) -> Options:
    """OPTNEG data. Stages outside 0 to 6 are ignored, as Postfix does (N16)."""
    if len(data) < _OPTIONS.size:
        raise ProtocolError(f"OPTNEG of {len(data)} bytes, at least {_OPTIONS.size} are due")
    version, actions, protocol = _OPTIONS.unpack_from(data)
    macros: dict[int, tuple[bytes, ...]] = {}
    at = _OPTIONS.size
    while at < len(data):
        end = data.find(b"\0", at + _U32.size)
        if end < 0:
            raise ProtocolError("macro list without its NUL")
        (stage,) = _U32.unpack_from(data, at)
        if stage <= 6:
            macros[stage] = tuple(data[at + _U32.size : end].replace(b",", b" ").split())
        at = end + 1
    return Options(version, actions, protocol, macros)


def encode_connection(hostname: bytes, family: bytes, port: int = 0, address: bytes = b"") -> bytes:
    """CONNECT data; nothing follows the family byte `U` (W5)."""
    if family == b"U":
        return hostname + b"\0U"
    return hostname + b"\0" + family + _U16.pack(port) + address + b"\0"


def decode_connection(data: bytes) -> Connection:
    """CONNECT data. The address text is not interpreted: `unknown` and an `IPv6:` prefix occur (W6, W7).

    What follows the address is ignored, as libmilter does.
    """
    hostname, nul, rest = data.partition(b"\0")
    if not nul or not rest:
        raise ProtocolError("CONNECT without host name or family")
    family = rest[:1]
    if family == b"U":
        return Connection(hostname, family, 0, b"")
    if family not in (b"4", b"6", b"L"):
        raise ProtocolError(f"CONNECT with family {family!r}")
    if len(rest) < 4 or rest[-1]:
        raise ProtocolError("CONNECT without port or address")
    address, _, _ = rest[3:].partition(b"\0")
    return Connection(hostname, family, _U16.unpack_from(rest, 1)[0], address)


def decode_macros(data: bytes) -> tuple[int, list[tuple[bytes, bytes]]]:
    """MACRO data: the command it belongs to and its name and value pairs, none being normal (S12)."""
    if not data:
        raise ProtocolError("MACRO without a command code")
    values = strings(data[1:])
    if len(values) % 2:
        raise ProtocolError("MACRO with a name that has no value")
    return data[0], list(zip(values[::2], values[1::2], strict=True))


def encode_macros(code: int, pairs: list[tuple[bytes, bytes]]) -> bytes:
    """MACRO data for the command `code`."""
    return bytes((code,)) + b"".join(name + b"\0" + value + b"\0" for name, value in pairs)


def decode_header(data: bytes) -> tuple[bytes, bytes]:
    """HEADER and ADDHEADER data: name and value, both present (the value may be empty)."""
    values = strings(data)
    if len(values) != 2:
        raise ProtocolError(f"header with {len(values)} strings, name and value are due")
    return values[0], values[1]


def decode_indexed_header(data: bytes) -> tuple[int, bytes, bytes]:
    """INSHEADER and CHGHEADER data: index, name, value."""
    if len(data) < _U32.size:
        raise ProtocolError("header change without an index")
    name, value = decode_header(data[_U32.size :])
    return _U32.unpack_from(data)[0], name, value


def encode_indexed_header(index: int, name: bytes, value: bytes) -> bytes:
    """INSHEADER and CHGHEADER data."""
    return _U32.pack(index) + name + b"\0" + value + b"\0"


def decode_address(data: bytes) -> tuple[bytes, list[bytes]]:
    """MAIL and RCPT data: address as the client wrote it (W8), then ESMTP parameters."""
    values = strings(data)
    if not values:
        raise ProtocolError("address missing")
    return values[0], values[1:]


def decode_one_string(data: bytes) -> bytes:
    """Data of exactly one string: HELO, UNKNOWN, REPLYCODE, QUARANTINE, ADDRCPT, DELRCPT."""
    values = strings(data)
    if len(values) != 1:
        raise ProtocolError(f"{len(values)} strings where one is due")
    return values[0]
