"""How daemons write where they listen, to an endpoint at which they can be reached.

    libmilter       PATH  |  unix:PATH  |  local:PATH  |  inet:PORT[@HOST]  |  inet6:PORT[@HOST]
    rspamd          HOST:PORT  |  *:PORT  |  PATH mode=0660 owner=...
    systemd         PATH (Stream)  |  HOST:PORT (Stream)  |  [::]:PORT (Stream)

A daemon that listens on every address is reached on the loopback one. /var/run is written as it stands: it is
the same place as /run (mmx.settings.endpoint.same_place), but not the same text in the output of ss.
"""

import re
from typing import Final

from mmx.errors import InvalidValueError
from mmx.settings.endpoint import Endpoint, InetEndpoint, UnixEndpoint, parse_endpoint

_ANY_HOST: Final = frozenset({"", "*", "0.0.0.0"})
_ANY_HOST_6: Final = frozenset({"::", "[::]", "[*]"})


def libmilter_socket(text: str) -> Endpoint:
    """Read a socket as libmilter does; raises InvalidValueError."""
    text = _readable(text)
    scheme, colon, rest = text.partition(":")
    if text.startswith("/") or not colon:
        return parse_endpoint(f"unix:{text}")
    if scheme in {"inet", "inet6"}:
        port, _, host = rest.partition("@")
        return _inet(host.strip(), port.strip(), six=scheme == "inet6")
    return parse_endpoint(f"{scheme}:{rest.strip()}")


def rspamd_socket(text: str) -> Endpoint:
    """Read a `bind_socket` of rspamd; raises InvalidValueError."""
    word = _readable(text).partition(" ")[0]
    if word.startswith("/"):
        return parse_endpoint(f"unix:{word}")
    return _host_and_port(word)


def listen_socket(text: str) -> Endpoint | None:
    """Read a `Listen` property of a socket unit; None if it is no stream. Raises InvalidValueError."""
    address, blank, kind = _readable(text).rpartition(" ")
    if kind != "(Stream)" or not blank:
        return None
    return parse_endpoint(f"unix:{address}") if address.startswith("/") else _host_and_port(address)


def _readable(text: str) -> str:
    """The text without blanks around it; bytes that were no UTF-8, among others, are refused."""
    text = text.strip()
    if not text.isprintable():
        raise InvalidValueError("not printable text")
    return text


def _host_and_port(text: str) -> Endpoint:
    match = re.fullmatch(r"(?:(.*):)?([^:]*)", text)
    if match is None:
        raise InvalidValueError("not HOST:PORT")
    return _inet(match[1] or "", match[2], six=False)


def _inet(host: str, port: str, *, six: bool) -> InetEndpoint | UnixEndpoint:
    if host in _ANY_HOST_6 or (six and host in _ANY_HOST):
        host = "[::1]"
    elif host in _ANY_HOST:
        host = "127.0.0.1"
    # A literal address stands in brackets, an IPv4 one too (opendkim(8)).
    host = host.removeprefix("[").removesuffix("]")
    bracketed = f"[{host}]" if ":" in host else host
    return parse_endpoint(f"inet:{bracketed}:{port}")
