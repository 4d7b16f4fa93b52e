"""The MTA of the demonstration: it hands a message to mmx as Postfix does, and does what mmx answers.

It is the MTA of `mmx test` (mmx.tools.mta.mta), whose outcome is told as a dialogue: each reply becomes the
SMTP reply that a client would get. When mmx is silent for longer than `patience`, or goes away, that is 451,
as with the tempfail of Postfix's own milter_default_action.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mmx.core import verdict
from mmx.settings.endpoint import UnixEndpoint
from mmx.tools.demo.milters import MESSAGE
from mmx.tools.mail_file import Message as WholeMessage
from mmx.tools.mta.delivery import delivered
from mmx.tools.mta.dialogue import Terms
from mmx.tools.mta.link import MilterLostError
from mmx.tools.mta.macros import Client
from mmx.tools.mta.mta import Mta
from mmx.tools.mta.outcome import DEFAULT_TEXTS, Address, Envelope
from mmx.tools.mta.outcome import Exchange as Asked
from mmx.wire import command

_CLIENT: Final = Client("192.0.2.7", "mail.example.net", 40025, helo="mail.example.net")
_MACROS: Final = {"j": "mx.example.org", "v": "Postfix 3.7.11"}
_GREETINGS: Final = {
    command.CONNECT: "220 mx.example.org ESMTP",
    command.HELO: "250 mx.example.org",
    command.MAIL: "250 2.1.0 Ok",
    command.RCPT: "250 2.1.5 Ok",
    command.DATA: "354 End data with <CR><LF>.<CR><LF>",
    command.EOM: "250 2.0.0 Ok: queued",
}


@dataclass(frozen=True, slots=True)
class Message:
    """A message with its envelope; header values begin with their blank."""

    sender: str
    recipients: tuple[str, ...]
    headers: tuple[tuple[str, str], ...]
    body: tuple[str, ...]

    def lines(self) -> list[str]:
        """The message as text."""
        return [*(f"{name}:{value}" for name, value in self.headers), "", *self.body]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One step between MTA and mmx: when it began and ended (seconds of the loop), and the SMTP reply."""

    step: str
    began: float
    ended: float
    smtp: str

    @property
    def is_positive(self) -> bool:
        return self.smtp[0] in "23"


@dataclass(slots=True)
class Outcome:
    """What became of a message."""

    exchanges: list[Exchange] = field(default_factory=list)
    keep_alives: list[float] = field(default_factory=list)
    """When mmx asked for patience, in seconds of the loop."""
    delivered: list[str] | None = None
    """The message as it goes on, None if it does not."""


async def deliver(message: Message, path: Path, patience: float) -> Outcome:
    """Hand one message to the mmx that listens on `path`; `patience` is the longest silence, in seconds."""
    terms = Terms(macros=_MACROS, command_timeout=patience, content_timeout=patience)
    mta = await Mta.connect("mmx", UnixEndpoint(str(path)), _CLIENT, terms)
    outcome = Outcome()
    try:
        await mta.open()
        await _deliver(mta, message, outcome)
    except MilterLostError:
        outcome.exchanges = [_told(asked) for asked in mta.opening.exchanges[1:]]
    mta.quit()
    return outcome


async def _deliver(mta: Mta, message: Message, outcome: Outcome) -> None:
    envelope = Envelope(Address.parse(message.sender), tuple(map(Address.parse, message.recipients)))
    headers = tuple((name.encode(), value.encode()) for name, value in message.headers)
    whole = WholeMessage(headers, "".join(f"{line}\r\n" for line in message.body).encode())
    became = await mta.deliver(envelope, whole)
    outcome.exchanges = [_told(asked) for asked in (*mta.opening.exchanges[1:], *became.exchanges)]
    outcome.keep_alives = became.progress
    if became.passes:
        delivery = delivered(envelope, whole, became, mta.options.protocol)
        outcome.delivered = [line.decode() for line in delivery.message.lines()]


def _told(asked: Asked) -> Exchange:
    steps = {command.EOM: MESSAGE, command.RCPT: f"RCPT {asked.about.decode()}"}
    return Exchange(steps.get(asked.code, asked.name), asked.began, asked.ended, _smtp(asked))


def _smtp(asked: Asked) -> str:
    decided = verdict.of_reply(asked.reply)[0] if asked.reply else verdict.TEMPFAIL
    if decided is None:
        return _GREETINGS[asked.code]
    return (decided.text or DEFAULT_TEXTS[decided.word]).decode()
