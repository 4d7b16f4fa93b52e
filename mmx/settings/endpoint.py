"""Where a milter listens: the grammar of endpoints.

    endpoint = "unix:" path  |  "local:" path
             | "inet:" host ":" port  |  "inet:" port "@" host
    path     = an absolute path, at most 107 bytes (sun_path less its NUL)
    host     = a host name, an IPv4 address, or an IPv6 address in brackets (behind "@" also without)
    port     = 1 to 65535

A child may also have "unknown:" reason: the milter belongs in the chain, and nobody can say where it listens.
It counts as one that cannot be reached, so that its default action applies and no mail passes it unseen.

The first form of each line is Postfix's and the canonical one, which `str` gives; the second is libmilter's,
as milter configurations have it. Nothing else is guessed at: an unknown word before the colon, such as
`tcp:`, once made a milter silently do nothing.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from mmx.errors import InvalidValueError

LONGEST_PATH: Final = 107
_HOST_NAME: Final = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
                               r"(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?")  # fmt: skip
_FORMS: Final = "write unix:/PATH or inet:HOST:PORT"
_INET_FORM: Final = "write inet:HOST:PORT, for example inet:127.0.0.1:8891 or inet:[::1]:8891"


@dataclass(frozen=True, slots=True)
class UnixEndpoint:
    """A unix socket; `path` is absolute."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class InetEndpoint:
    """A TCP socket; `host` is a name or an address without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"inet:{host}:{self.port}"


Endpoint = UnixEndpoint | InetEndpoint
LONGEST_REASON: Final = 300


@dataclass(frozen=True, slots=True)
class UnknownEndpoint:
    """Where a milter listens that belongs in the chain is not known; `reason` says why, on one line."""

    reason: str

    def __str__(self) -> str:
        return f"unknown:{self.reason}"


ChildEndpoint = Endpoint | UnknownEndpoint


def unknown_endpoint(reason: str) -> UnknownEndpoint:
    """An UnknownEndpoint for any text: control characters are made question marks, much text is cut."""
    plain = "".join(char if char.isprintable() else "?" for char in reason.strip())
    return UnknownEndpoint(plain[:LONGEST_REASON].rstrip() or "no reason given")


def parse_endpoint(text: str) -> Endpoint:
    """Read an endpoint in any form of the grammar; raises InvalidValueError."""
    if text.startswith("/"):
        raise InvalidValueError("a path alone is no endpoint", f"write unix:{text}")
    scheme, colon, rest = text.partition(":")
    if not colon:
        raise InvalidValueError("not an endpoint", _FORMS)
    if scheme in {"unix", "local"}:
        return UnixEndpoint(parse_unix_path(rest))
    if scheme == "inet":
        return _inet(rest)
    if scheme in {"tcp", "inet6"}:
        raise InvalidValueError(f"{scheme}: is not a word for endpoints", f"for TCP {_INET_FORM}")
    raise InvalidValueError(f"{scheme}: is not a word for endpoints", _FORMS)


def parse_child_endpoint(text: str) -> ChildEndpoint:
    """Read the endpoint of a child, which may be an unknown one; raises InvalidValueError."""
    scheme, colon, rest = text.partition(":")
    if scheme != "unknown" or not colon:
        return parse_endpoint(text)
    endpoint = unknown_endpoint(rest)
    if endpoint.reason != rest:
        raise InvalidValueError("no reason why an endpoint is unknown", "write unknown:REASON on one line")
    return endpoint


def parse_address(text: str) -> InetEndpoint:
    """Read HOST:PORT, as HTTP addresses are written; raises InvalidValueError."""
    return _inet(text.removeprefix("inet:"))


def parse_host(text: str) -> str:
    """Read a host name or an address, in brackets or not; raises InvalidValueError."""
    try:
        return _host(text if ":" not in text or text.startswith("[") else f"[{text}]")
    except InvalidValueError as error:
        raise InvalidValueError(error.message, "write a name or an address, without a port") from None


def same_place(one: ChildEndpoint, other: ChildEndpoint) -> bool:
    """Tell whether two endpoints certainly reach the same socket, however each is spelt."""
    if isinstance(one, UnixEndpoint) and isinstance(other, UnixEndpoint):
        return _plain_path(one.path) == _plain_path(other.path)
    if isinstance(one, InetEndpoint) and isinstance(other, InetEndpoint):
        return one.port == other.port and _same_host(one.host, other.host)
    return False


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach a socket bound to `host`."""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_unix_path(path: str) -> str:
    """Check the path of a unix socket; raises InvalidValueError."""
    if not path.startswith("/"):
        raise InvalidValueError("the path of a unix socket must be absolute", "write unix:/PATH")
    if path.endswith("/"):
        raise InvalidValueError("this is a directory", "name the socket in it")
    if any(ord(char) < 32 or ord(char) == 127 for char in path):
        raise InvalidValueError("a control character in the path of a socket", "remove it")
    length = len(path.encode())
    if length > LONGEST_PATH:
        raise InvalidValueError(
            f"the path has {length} bytes, a unix socket at most {LONGEST_PATH}", "shorten it"
        )
    return path


def _inet(text: str) -> InetEndpoint:
    if "@" in text:
        port, _, host = text.partition("@")
        bracketed = host if host.startswith("[") or ":" not in host else f"[{host}]"
        return InetEndpoint(_host(bracketed), _port(port))
    host, colon, port = text.rpartition(":")
    if not colon or not host:
        raise InvalidValueError("host or port is missing", _INET_FORM)
    return InetEndpoint(_host(host), _port(port))


def _host(text: str) -> str:
    if text.startswith("[") and text.endswith("]"):
        try:
            return str(ipaddress.IPv6Address(text[1:-1]))
        except ValueError:
            raise InvalidValueError("no IPv6 address between the brackets", _INET_FORM) from None
    if ":" in text:
        raise InvalidValueError("an IPv6 address needs brackets", _INET_FORM)
    if re.fullmatch(r"[0-9.]+", text):
        try:
            return str(ipaddress.IPv4Address(text))
        except ValueError:
            raise InvalidValueError("no IPv4 address", _INET_FORM) from None
    if not _HOST_NAME.fullmatch(text):
        raise InvalidValueError("no host name", _INET_FORM)
    return text.lower()


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise InvalidValueError("the port is not a number from 1 to 65535", _INET_FORM)
    return int(text)


def _plain_path(path: str) -> str:
    # /var/run is a link to /run on every system mmx runs on.
    plain = re.sub(r"/+(\./+)*", "/", path)
    return plain.removeprefix("/var") if plain.startswith("/var/run/") else plain


def _same_host(one: str, other: str) -> bool:
    wildcards = {"0.0.0.0", "::"}
    if one == other or (is_loopback(one) and is_loopback(other) and "localhost" in {one, other}):
        return True
    return (one in wildcards and is_loopback(other)) or (other in wildcards and is_loopback(one))
