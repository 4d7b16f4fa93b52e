"""A milter for the tests of the MTA: it says what the test says, and keeps what it was told."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mmx.settings.endpoint import UnixEndpoint
from mmx.tools.mail_file import Message
from mmx.tools.mta.dialogue import Terms
from mmx.tools.mta.macros import Client
from mmx.tools.mta.mta import Mta
from mmx.tools.mta.outcome import Address, Envelope
from mmx.wire import command, option, payload, reply
from mmx.wire.framing import CODE, DATA, frame
from tests.aio.peers import CONTINUE, NO_ANSWER, FakeChild

CLIENT = Client("192.0.2.7", "mail.example.net", 40025, helo="helo.example.net")
MESSAGE = Message(((b"Subject", b" x"), (b"To", b"y\n\tz")), b"one\r\n")


def envelope(*recipients: str) -> Envelope:
    addresses = recipients or ("b@example.org",)
    return Envelope(Address.parse("a@example.net"), tuple(map(Address.parse, addresses)))


def verdict(code: int, data: bytes = b"") -> bytes:
    return frame(code, data)


def text(smtp: str) -> bytes:
    """A REPLYCODE."""
    return frame(reply.REPLYCODE, smtp.encode() + b"\0")


class Milter(FakeChild):
    """Answers continue, or what `answers` has for the command: one after another, the last one for ever."""

    def __init__(
        self,
        path: Path,
        answers: Mapping[int, Sequence[bytes]] | None = None,
        *,
        protocol: int = option.HDR_LEADSPC,
        version: int = 6,
        actions: int = option.ALL_ACTIONS,
        macros: dict[int, tuple[bytes, ...]] | None = None,
    ) -> None:
        super().__init__(path, self._say)
        self._answers = {code: list(said) for code, said in (answers or {}).items()}
        self._options = payload.encode_options(version, actions, protocol, macros or {})
        self._protocol = protocol

    @property
    def at(self) -> UnixEndpoint:
        return UnixEndpoint(str(self.path))

    @property
    def names(self) -> list[str]:
        """The commands that came, macros left out."""
        return [command.NAMES[code] for code in self.commands if code != command.MACRO]

    def data(self, code: int) -> list[bytes]:
        """What came with each command of that code."""
        return [received[DATA:] for received in self.frames if received[CODE] == code]

    def macros(self, code: int) -> list[dict[bytes, bytes]]:
        """The macros that came for a command, by packet."""
        packets = [payload.decode_macros(data) for data in self.data(command.MACRO)]
        return [dict(pairs) for of, pairs in packets if of == code]

    async def mta(self, terms: Terms | None = None, client: Client = CLIENT) -> Mta:
        """One that has opened its session."""
        mta = await Mta.connect("milter", self.at, client, terms or Terms())
        await mta.open()
        return mta

    def _say(self, received: bytes) -> bytes | None:
        code = received[CODE]
        if code in self._answers:
            said = self._answers[code]
            return said.pop(0) if len(said) > 1 else said[0]
        if code == command.OPTNEG:
            return frame(reply.OPTNEG, self._options)
        silent = code in NO_ANSWER or self._protocol & option.NO_REPLY.get(code, 0)
        return None if silent else CONTINUE
