"""An MTA that hands messages to a milter as Postfix does: one `Mta` is one connection, many may run at once.

    mta = await Mta.connect("opendkim", endpoint, client, Terms())
    await mta.open()                                   OPTNEG, CONNECT, HELO
    outcome = await mta.deliver(envelope, message)     MAIL, RCPT, DATA, the content, EOM
    outcome = await mta.deliver(...)                   with ABORT before it
    mta.quit()

A verdict at CONNECT or HELO ends the session: messages then have that verdict without being shown to the
milter. A later one ends the message, or the recipient. Headers, their end and the body are left out where the
milter declined them; every other command is then told of by its macros alone (mmx.tools.mta.dialogue).
"""

import secrets
import socket
from typing import Final, Self

from mmx.core import verdict
from mmx.errors import ProtocolError
from mmx.settings.endpoint import ChildEndpoint
from mmx.tools.mail_file import Message
from mmx.tools.mta.dialogue import Dialogue, Terms
from mmx.tools.mta.link import Link, MilterLostError
from mmx.tools.mta.macros import Client, Macros
from mmx.tools.mta.outcome import ACCEPT, DEFAULT_TEXTS, DISCARD, Address, Envelope, Outcome
from mmx.wire import command, header, option, payload, reply
from mmx.wire.framing import CODE, DATA
from mmx.wire.payload import Options

MOST_HEADER: Final = 60000
"""Bytes of a header that Postfix hands to a milter (W11)."""

_OPENING: Final = frozenset({command.CONNECT, command.HELO})


class Mta:
    """One connection to a milter."""

    def __init__(self, link: Link, client: Client, terms: Terms) -> None:
        self._client = client
        self._terms = terms
        self._macros = Macros(client, terms.macros, terms.lists)
        self._origin = terms.macros.get("j", socket.gethostname()).encode("utf-8", "surrogateescape")
        self._macros.know(_known_of(client, self._origin))
        self._dialogue = Dialogue(link, terms, self._macros)
        self.opening = self._dialogue.outcome
        """OPTNEG, CONNECT and HELO; with a verdict, no message is shown to the milter."""

    @classmethod
    async def connect(cls, name: str, endpoint: ChildEndpoint, client: Client, terms: Terms) -> Self:
        """Reach the milter, which messages call `name`. Raises MilterLostError."""
        return cls(await Link.dial(name, endpoint, terms.connect_timeout), client, terms)

    @property
    def options(self) -> Options:
        """What the milter negotiated."""
        return self._dialogue.options

    async def open(self) -> None:
        """Negotiate, and tell of the client. Raises MilterLostError; then the connection is closed."""
        try:
            await self._negotiate()
            if not await self._decides(command.CONNECT, self._client.connection):
                await self._greet()
        except MilterLostError as error:
            self.opening.loss = error.loss
            self.close()
            raise
        finally:
            self.opening.ended = self._dialogue.now

    async def deliver(self, envelope: Envelope, message: Message) -> Outcome:
        """One message. A milter that is lost meanwhile is told of in the outcome."""
        outcome = self._begin()
        if self.opening.verdict:
            outcome.verdict, outcome.stage = self.opening.verdict, self.opening.stage
            outcome.reply = self.opening.reply
        else:
            try:
                await self._transaction(envelope, message)
                self._dialogue.put_abort()
            except MilterLostError as error:
                outcome.loss = error.loss
        outcome.ended = self._dialogue.now
        return outcome

    async def unknown(self, line: bytes) -> Outcome:
        """A command that the MTA does not know, between messages."""
        outcome = self._begin()
        try:
            if not self.opening.verdict:
                await self._decides(command.UNKNOWN, payload.encode_strings(line), line)
        except MilterLostError as error:
            outcome.loss = error.loss
        if outcome.verdict in (ACCEPT, DISCARD):
            outcome.problems.append(f"{outcome.verdict} at UNKNOWN: makes Postfix panic at the next MAIL")
        outcome.ended = self._dialogue.now
        return outcome

    def quit(self) -> None:
        """Take leave as Postfix does, and close."""
        if not self.opening.verdict:
            self._dialogue.take_leave()
        self.close()

    def close(self) -> None:
        """Go without a word."""
        self._dialogue.close()

    def _begin(self) -> Outcome:
        self._dialogue.outcome = outcome = Outcome(self._dialogue.now)
        return outcome

    async def _negotiate(self) -> None:
        terms, dialogue = self._terms, self._dialogue
        answer = await dialogue.offer(
            payload.encode_options(terms.version, terms.actions, terms.protocol, {})
        )
        try:
            options = payload.decode_options(answer[DATA:])
        except ProtocolError as error:
            raise dialogue.broken(f"answers OPTNEG wrongly: {error}") from None
        if not 1 <= options.version <= terms.version:
            raise dialogue.broken(f"answers version {options.version}, {terms.version} was offered")
        if options.actions & ~terms.actions:
            raise dialogue.broken(f"wants actions {options.actions:#x}, {terms.actions:#x} were offered")
        unoffered = options.protocol & ~terms.protocol
        if unoffered:
            dialogue.outcome.problems.append(f"protocol bits {unoffered:#x} answered that were not offered")
        dialogue.options = options
        asked = {stage: names for stage, names in options.macros.items() if names}
        self._macros.use({**terms.lists, **asked})

    async def _greet(self) -> None:
        if self._client.helo is not None:
            helo = self._client.helo.encode("utf-8", "surrogateescape")
            await self._decides(command.HELO, payload.encode_strings(helo), helo)

    async def _transaction(self, envelope: Envelope, message: Message) -> None:
        """The outcome has a verdict afterwards."""
        sender, outcome = envelope.sender, self._dialogue.outcome
        # The queue file is not open yet (M3).
        self._macros.know({b"i": None, **_known_of_address("mail", sender, b"smtp", self._origin)})
        self._macros.know_user()
        if await self._decides(command.MAIL, _strings(sender), sender.address):
            return
        if await self._recipients(envelope.recipients):
            return
        if not await self._decides(command.DATA) and not await self._content(message):
            await self._decides(command.EOM)
        if not outcome.verdict:
            outcome.decide(ACCEPT, command.EOM)

    async def _recipients(self, recipients: tuple[Address, ...]) -> bool:
        """True if the message ends here."""
        refused = self._dialogue.outcome.refused
        is_queued = False
        for number, recipient in enumerate(recipients, 1):
            self._macros.know(_known_of_address("rcpt", recipient, b"local", self._origin))
            if await self._decides(command.RCPT, _strings(recipient), recipient.address, recipient):
                return True
            if not is_queued and number > len(refused):
                is_queued = True  # the queue file is opened for the first recipient that is accepted
                self._macros.know({b"i": secrets.token_hex(5).upper().encode()})
        if len(refused) == len(recipients):
            self._dialogue.outcome.refuse_all(refused)
            return True
        return False

    async def _content(self, message: Message) -> bool:
        """True if it decides the message before its end."""
        wanted = ~self.options.protocol
        if wanted & option.NOHDRS:
            for name, value in message.headers:
                if await self._decides(command.HEADER, self._header(name, value), name):
                    return True
        if wanted & option.NOEOH and await self._decides(command.EOH):
            return True
        if wanted & option.NOBODY:
            body = _ended(message.body)
            for start in range(0, len(body), self._terms.chunk):
                if await self._decides(command.BODY, body[start : start + self._terms.chunk]):
                    return True
        return False

    def _header(self, name: bytes, value: bytes) -> bytes:
        """As Postfix has it: cut at a NUL (W10), and after MOST_HEADER bytes."""
        value = value.partition(b"\0")[0][: max(MOST_HEADER - len(name) - 1, 0)]
        if not self.options.protocol & option.HDR_LEADSPC:
            value = header.without_leading_space(value)
        return payload.encode_strings(name, value)

    async def _decides(
        self, code: int, data: bytes = b"", about: bytes = b"", recipient: Address | None = None
    ) -> bool:
        """Send a command; True if the answer ends the message, or in the opening the session."""
        received = await self._dialogue.ask(code, data, about)
        return received is not None and self._judge(code, received, recipient)

    def _judge(self, code: int, received: bytes, recipient: Address | None) -> bool:
        outcome = self._dialogue.outcome
        try:
            decided, remark = verdict.of_reply(received)
        except ProtocolError as error:
            raise self._dialogue.broken(f"answers {command.NAMES[code]} wrongly: {error}") from None
        if remark:
            outcome.problems.append(remark)
        if decided is None:
            if received[CODE] == reply.ACCEPT or outcome.held:
                outcome.decide(ACCEPT, code)
        elif decided.word == DISCARD and code in _OPENING:
            outcome.problems.append(f"DISCARD at {command.NAMES[code]} has no effect")
        else:
            text = decided.text.replace(b"%%", b"%") or DEFAULT_TEXTS.get(decided.word, b"")
            if recipient is not None and decided.word in ("reject", "tempfail"):
                outcome.refused.append((recipient, decided.word, text))
            else:
                outcome.decide(decided.word, code, text)
        return bool(outcome.verdict)


def _known_of(client: Client, host: bytes) -> dict[bytes, bytes | None]:
    """What Postfix knows of itself and of every client."""
    return {
        b"j": host,
        b"daemon_name": host,
        b"daemon_addr": b"127.0.0.1",
        b"daemon_port": b"25",
        b"client_ptr": client.name.encode("utf-8", "surrogateescape"),
        b"client_connections": b"1",
    }


def _known_of_address(kind: str, address: Address, mailer: bytes, origin: bytes) -> dict[bytes, bytes | None]:
    """Postfix completes an address without a domain; a domain stands here for where it would be sent."""
    _, at, domain = address.inside.rpartition(b"@")
    complete = address.inside if at or not domain else domain + b"@" + origin
    return {
        f"{kind}_addr".encode(): complete,
        f"{kind}_host".encode(): domain if at else origin,
        f"{kind}_mailer".encode(): mailer,
    }


def _strings(address: Address) -> bytes:
    return payload.encode_strings(address.address, *address.parameters)


def _ended(body: bytes) -> bytes:
    """The last line has an end (W13)."""
    return body if not body or body.endswith(b"\r\n") else body + b"\r\n"
