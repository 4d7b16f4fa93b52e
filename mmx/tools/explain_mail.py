"""The mail that `mmx explain` is about, as the frames that Postfix would send of it.

What is not said is not sent: the frames end where the arguments do. A message file is read as Postfix takes
it: lines may end in CRLF, an mbox "From " line before the header is left out, values keep their folding.
Macros are sent with the stages whose lists name them, as Postfix does, and only those that have a value.
"""

import ipaddress
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from mmx.errors import InvalidValueError
from mmx.wire import command, option, payload
from mmx.wire.framing import MAX_DATA, frame
from mmx.wire.header import is_valid_name

UNKNOWN_NAME: Final = "unknown"
UNIX: Final = "unix"

_TLS: Final = {b"tls_version": b"TLSv1.3", b"cipher": b"TLS_AES_256_GCM_SHA384", b"cipher_bits": b"256"}
_MBOX_LINE: Final = b"From "


class Step(NamedTuple):
    """An event with its macros. `label` is the word for people."""

    label: str
    frames: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """A message; each value is all that stands behind the colon."""

    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Mail:
    """What is known of the mail. None: the mail does not get that far."""

    client: str
    name: str = UNKNOWN_NAME
    port: int = 25025
    helo: str | None = None
    sender: str | None = None
    recipients: tuple[str, ...] = ()
    size: int | None = None
    user: str = ""
    tls: bool = False
    macros: Mapping[str, str] = field(default_factory=dict)
    message: Message | None = None

    def __post_init__(self) -> None:
        """Raises InvalidValueError if no mail can be like that."""
        if self.client not in (UNIX, UNKNOWN_NAME):
            try:
                ipaddress.ip_address(self.client)
            except ValueError:
                raise InvalidValueError(
                    f"--client {self.client}: no address", f"write an IP address, {UNIX} or {UNKNOWN_NAME}"
                ) from None
        if not 0 <= self.port <= 0xFFFF:
            raise InvalidValueError(f"--port {self.port}: no port", "write a number up to 65535")
        if self.size is not None and self.size < 0:
            raise InvalidValueError(f"--size {self.size}: no size", "write a number of bytes")
        for given, needed, name, other in (
            (self.recipients, self.sender is not None, "--rcpt", "--from"),
            (self.size is not None, self.sender is not None, "--size", "--from"),
            (self.user, self.sender is not None, "--auth", "--from"),
            (self.message is not None, bool(self.recipients), "a message", "--rcpt"),
        ):
            if given and not needed:
                raise InvalidValueError(f"{name} without {other}", f"add {other}")


def parse_message(text: bytes) -> Message:
    """Read a message file."""
    lines = text.replace(b"\r\n", b"\n").split(b"\n")
    if lines and lines[0].startswith(_MBOX_LINE):
        del lines[0]
    headers: list[tuple[bytes, bytes]] = []
    at = 0
    while at < len(lines) and _is_header(lines[at], headers):
        at += 1
    # The empty line that ends the header is no part of the body; any other line is.
    body = lines[at + 1 :] if lines[at : at + 1] == [b""] else lines[at:]
    return Message(tuple(headers), b"\r\n".join(body))


def _is_header(line: bytes, headers: list[tuple[bytes, bytes]]) -> bool:
    """Add a line to the headers, or to the last of them; False if it is neither."""
    if line[:1] in (b" ", b"\t") and headers:
        headers[-1] = headers[-1][0], headers[-1][1] + b"\n" + line
        return True
    name, colon, value = line.partition(b":")
    if not colon or not is_valid_name(name.rstrip()):
        return False
    headers.append((name.rstrip(), value))
    return True


def address_of(text: str) -> bytes:
    """An address as SMTP has it, in its brackets."""
    return os.fsencode(text if text.startswith("<") else f"<{text}>")


def steps(mail: Mail, lists: Mapping[int, tuple[bytes, ...]]) -> Iterator[Step]:
    """The events of the mail in order; `lists` are the macros that are asked of the MTA, by stage."""
    sender = _Sender(mail, lists)
    yield sender.step("CONNECT", command.CONNECT, _connection(mail))
    if mail.helo is not None:
        yield sender.step("HELO", command.HELO, payload.encode_strings(os.fsencode(mail.helo)))
    if mail.sender is None:
        return
    parameters = [] if mail.size is None else [b"SIZE=%d" % mail.size]
    sender.envelope_of("mail", mail.sender)
    yield sender.step(
        "MAIL", command.MAIL, payload.encode_strings(address_of(mail.sender), *parameters), user=True
    )
    for number, recipient in enumerate(mail.recipients, 1):
        sender.envelope_of("rcpt", recipient)
        yield sender.step(
            f"RCPT {number}", command.RCPT, payload.encode_strings(address_of(recipient)), user=True
        )
    if mail.recipients:
        sender.values[b"i"] = b"EXPLAIN"
        yield sender.step("DATA", command.DATA)
    if mail.message is not None:
        yield from _content(sender, mail.message)


def _content(sender: "_Sender", message: Message) -> Iterator[Step]:
    for name, value in message.headers:
        yield sender.step("header", command.HEADER, name + b"\0" + value.replace(b"\0", b"") + b"\0")
    yield sender.step("EOH", command.EOH)
    for start in range(0, len(message.body), MAX_DATA):
        yield Step("body", (frame(command.BODY, message.body[start : start + MAX_DATA]),))
    yield sender.step("EOM", command.EOM)


def _connection(mail: Mail) -> bytes:
    name = os.fsencode(mail.name)
    if mail.client == UNIX:
        return payload.encode_connection(b"localhost", b"L", 0, b"/socket")
    if mail.client == UNKNOWN_NAME:
        return payload.encode_connection(name, b"U")
    family = b"6" if ":" in mail.client else b"4"
    return payload.encode_connection(name, family, mail.port, mail.client.encode())


def unsent(mail: Mail, lists: Mapping[int, tuple[bytes, ...]]) -> list[str]:
    """Macros that were told and that no list names, so that the MTA would not send them."""
    listed = {_bare(name) for names in lists.values() for name in names}
    return [name for name in mail.macros if _bare(os.fsencode(name)) not in listed]


def _bare(name: bytes) -> bytes:
    return name.strip(b"{}")


class _Sender:
    """Puts the macros before each event."""

    def __init__(self, mail: Mail, lists: Mapping[int, tuple[bytes, ...]]) -> None:
        self._lists = lists
        self._told = {_bare(os.fsencode(name)): os.fsencode(value) for name, value in mail.macros.items()}
        self._user = {b"auth_authen": os.fsencode(mail.user), b"auth_type": b"PLAIN"} if mail.user else {}
        prefix = "IPv6:" if ":" in mail.client else ""
        self.values = {
            b"v": b"Postfix",
            b"_": os.fsencode(f"{mail.name} [{mail.client}]"),
            b"client_addr": f"{prefix}{mail.client}".encode(),
            b"client_name": os.fsencode(mail.name),
            b"client_port": b"%d" % mail.port,
            b"client_resolve": b"FAIL" if mail.name == UNKNOWN_NAME else b"OK",
            **(_TLS if mail.tls else {}),
        }

    def envelope_of(self, kind: str, address: str) -> None:
        """The macros about an address of MAIL or RCPT."""
        self.values[f"{kind}_addr".encode()] = address_of(address).strip(b"<>")

    def step(self, label: str, code: int, data: bytes = b"", *, user: bool = False) -> Step:
        """An event behind its macros; a macro that was told goes before what it would be."""
        if user:
            self.values |= self._user
        values = self.values | self._told
        names = self._lists.get(option.STAGE_OF_COMMAND[code], ())
        pairs = [(name, values[_bare(name)]) for name in names if _bare(name) in values]
        macros = (frame(command.MACRO, payload.encode_macros(code, pairs)),) if pairs else ()
        return Step(label, (*macros, frame(code, data)))
