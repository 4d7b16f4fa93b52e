"""What an MTA knows of its client and of a mail, and the macros it makes of that.

Macros are sent with the stages whose lists name them, as Postfix does, and only those that have a value. A
list may spell a name with or without braces; it is sent as the list has it. A macro that was told goes before
what it would be.
"""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mmx.errors import InvalidValueError
from mmx.wire import command, option, payload
from mmx.wire.framing import frame

UNKNOWN: Final = "unknown"
UNIX: Final = "unix"

_TLS: Final = {b"tls_version": b"TLSv1.3", b"cipher": b"TLS_AES_256_GCM_SHA384", b"cipher_bits": b"256"}


@dataclass(frozen=True, slots=True)
class Client:
    """Who sends. `address` is an IP address, UNIX or UNKNOWN; `user` is who has logged in."""

    address: str
    name: str = UNKNOWN
    port: int = 25025
    helo: str | None = None
    user: str = ""
    mechanism: str = "PLAIN"
    tls: bool = False

    def __post_init__(self) -> None:
        """Raises InvalidValueError if no client can be like that."""
        if self.address not in (UNIX, UNKNOWN):
            try:
                ipaddress.ip_address(self.address)
            except ValueError:
                raise InvalidValueError(
                    f"--client {self.address}: no address", f"write an IP address, {UNIX} or {UNKNOWN}"
                ) from None
        if not 0 <= self.port <= 0xFFFF:
            raise InvalidValueError(f"--port {self.port}: no port", "write a number up to 65535")

    @property
    def connection(self) -> bytes:
        """The data of CONNECT. A client without a name is called by its address in brackets (W4)."""
        name = os.fsencode(self.name)
        if self.address == UNIX:
            return payload.encode_connection(b"localhost", b"L", 0, b"/socket")
        if self.address == UNKNOWN:
            return payload.encode_connection(name, b"U")
        if self.name == UNKNOWN:
            name = f"[{self.address}]".encode()
        family = b"6" if ":" in self.address else b"4"
        return payload.encode_connection(name, family, self.port, self.address.encode())


def address_of(text: str) -> bytes:
    """An address as SMTP has it, in its brackets."""
    return os.fsencode(text if text.startswith("<") else f"<{text}>")


def bare(name: bytes) -> bytes:
    """The name of a macro without its braces."""
    return name.strip(b"{}")


def parse_macro(text: str) -> tuple[str, str]:
    """Read NAME=VALUE; raises InvalidValueError."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InvalidValueError(f"--macro {text}: no macro", "write NAME=VALUE")
    return name, value


class Macros:
    """The macros of one session; `lists` says by stage which of them are sent, and may be replaced."""

    __slots__ = ("_frames", "_lists", "_told", "_user", "_values")

    def __init__(
        self, client: Client, told: Mapping[str, str], lists: Mapping[int, tuple[bytes, ...]]
    ) -> None:
        prefix = "IPv6:" if ":" in client.address else ""
        user = {b"auth_authen": os.fsencode(client.user), b"auth_type": os.fsencode(client.mechanism)}
        self._user = user if client.user else {}
        self._told = {bare(os.fsencode(name)): os.fsencode(value) for name, value in told.items()}
        self._lists = lists
        self._frames: dict[int, bytes] = {}
        self._values = {
            b"v": b"Postfix",
            b"_": os.fsencode(f"{client.name} [{client.address}]"),
            b"client_addr": f"{prefix}{client.address}".encode(),
            b"client_name": os.fsencode(client.name),
            b"client_port": b"%d" % client.port,
            b"client_resolve": b"FAIL" if client.name == UNKNOWN else b"OK",
            **(_TLS if client.tls else {}),
        }

    def use(self, lists: Mapping[int, tuple[bytes, ...]]) -> None:
        """Other lists."""
        self._lists = lists
        self._frames.clear()

    def know(self, values: Mapping[bytes, bytes | None]) -> None:
        """Learn values, bare names to them; None: not known any more."""
        for name, value in values.items():
            if value is None:
                self._values.pop(name, None)
            else:
                self._values[name] = value
        self._frames.clear()

    def know_user(self) -> None:
        """From MAIL on the user is told of."""
        if self._user:
            self.know(self._user)

    def pairs(self, code: int) -> list[tuple[bytes, bytes]]:
        """What goes with a command."""
        values = self._values | self._told
        names = self._lists.get(option.STAGE_OF_COMMAND.get(code, -1), ())
        return [(name, values[bare(name)]) for name in names if bare(name) in values]

    def frame(self, code: int) -> bytes:
        """The MACRO frame that goes before a command, with or without pairs."""
        made = self._frames.get(code)
        if made is None:
            made = self._frames[code] = frame(command.MACRO, payload.encode_macros(code, self.pairs(code)))
        return made
