"""The mail that `mmx explain` is about, as the frames that Postfix would send of it.

What is not said is not sent: the frames end where the arguments do. Macros are sent as mmx.tools.mta.macros
has them.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from mmx.errors import InvalidValueError
from mmx.tools.mail_file import Message
from mmx.tools.mta.macros import UNKNOWN, Client, Macros, address_of, bare
from mmx.wire import command, payload
from mmx.wire.framing import MAX_DATA, frame


class Step(NamedTuple):
    """An event with its macros. `label` is the word for people."""

    label: str
    frames: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Mail:
    """What is known of the mail. None: the mail does not get that far."""

    client: str
    name: str = UNKNOWN
    port: int = 25025
    helo: str | None = None
    sender: str | None = None
    recipients: tuple[str, ...] = ()
    size: int | None = None
    user: str = ""
    tls: bool = False
    macros: Mapping[str, str] = field(default_factory=dict)
    message: Message | None = None

    @property
    def sent_by(self) -> Client:
        """The client."""
        return Client(self.client, self.name, self.port, user=self.user, tls=self.tls)

    def __post_init__(self) -> None:
        """Raises InvalidValueError if no mail can be like that."""
        _ = self.sent_by  # it checks itself
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


def steps(mail: Mail, lists: Mapping[int, tuple[bytes, ...]]) -> Iterator[Step]:
    """The events of the mail in order; `lists` are the macros that are asked of the MTA, by stage."""
    sender = _Sender(mail, lists)
    yield sender.step("CONNECT", command.CONNECT, mail.sent_by.connection)
    if mail.helo is not None:
        yield sender.step("HELO", command.HELO, payload.encode_strings(os.fsencode(mail.helo)))
    if mail.sender is None:
        return
    parameters = [] if mail.size is None else [b"SIZE=%d" % mail.size]
    sender.envelope_of("mail", mail.sender)
    sender.macros.know_user()
    yield sender.step("MAIL", command.MAIL, payload.encode_strings(address_of(mail.sender), *parameters))
    for number, recipient in enumerate(mail.recipients, 1):
        sender.envelope_of("rcpt", recipient)
        yield sender.step(f"RCPT {number}", command.RCPT, payload.encode_strings(address_of(recipient)))
    if mail.recipients:
        sender.macros.know({b"i": b"EXPLAIN"})
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


def unsent(mail: Mail, lists: Mapping[int, tuple[bytes, ...]]) -> list[str]:
    """Macros that were told and that no list names, so that the MTA would not send them."""
    listed = {bare(name) for names in lists.values() for name in names}
    return [name for name in mail.macros if bare(os.fsencode(name)) not in listed]


class _Sender:
    """Puts the macros before each event."""

    def __init__(self, mail: Mail, lists: Mapping[int, tuple[bytes, ...]]) -> None:
        self.macros = Macros(mail.sent_by, mail.macros, lists)

    def envelope_of(self, kind: str, address: str) -> None:
        """The macros about an address of MAIL or RCPT."""
        self.macros.know({f"{kind}_addr".encode(): address_of(address).strip(b"<>")})

    def step(self, label: str, code: int, data: bytes = b"") -> Step:
        """An event behind its macros."""
        macros = (self.macros.frame(code),) if self.macros.pairs(code) else ()
        return Step(label, (*macros, frame(code, data)))
