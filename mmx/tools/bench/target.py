"""What a benchmark loads: a milter, or an SMTP server. Both are sessions that deliver messages.

A load on somebody else's machine is refused: an endpoint is a unix socket or has loopback addresses only,
unless --allow-remote was given. A name is resolved once; every address it has must pass, and the one that
answers is used from then on, so that the name cannot mean another machine meanwhile.
"""

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

from mmx.aio.dial import resolve
from mmx.core.action import Loss
from mmx.errors import InvalidValueError, UnavailableError
from mmx.settings.endpoint import Endpoint, InetEndpoint
from mmx.tools.bench.smtp import SmtpError, SmtpSession, content
from mmx.tools.bench.tally import Result
from mmx.tools.mail_file import Message
from mmx.tools.mta.dialogue import Terms
from mmx.tools.mta.link import MilterLostError
from mmx.tools.mta.macros import Client
from mmx.tools.mta.mta import Mta
from mmx.tools.mta.outcome import Envelope


class LostError(Exception):
    """The other side is lost; `kind` is one word, the text says how."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


class Session(Protocol):
    """One connection. What goes wrong is a LostError."""

    @property
    def is_refused(self) -> bool:
        """It takes no message: after the one that says so it is of no use."""

    async def open(self) -> None:
        """Reach the other side, up to where MAIL may follow."""

    async def deliver(self, number: int) -> Result:
        """The message of this number."""

    async def quit(self) -> None:
        """Take leave."""

    def close(self) -> None:
        """Go without a word."""


class Target(Protocol):
    """What is loaded; `name` as the user wrote it."""

    name: str

    def session(self) -> Session:
        """A new one."""


@dataclass(frozen=True, slots=True)
class Mail:
    """Whom messages come from and go to; they are used in turn."""

    client: Client
    envelope: Envelope
    messages: list[Message]


class MilterTarget:
    """A milter."""

    def __init__(self, name: str, endpoint: Endpoint, mail: Mail, terms: Terms) -> None:
        self.name = name
        self.endpoint = endpoint
        self.mail = mail
        self.terms = terms

    def session(self) -> Session:
        return MilterSession(self)


class MilterSession:
    """One connection of an MTA."""

    def __init__(self, target: MilterTarget) -> None:
        self._target = target
        self._mta: Mta | None = None

    @property
    def is_refused(self) -> bool:
        return self._mta is not None and bool(self._mta.opening.verdict)

    async def open(self) -> None:
        target = self._target
        try:
            self._mta = await Mta.connect("the milter", target.endpoint, target.mail.client, target.terms)
            await self._mta.open()
        except MilterLostError as error:
            raise _lost(error.loss) from None

    async def deliver(self, number: int) -> Result:
        assert self._mta is not None  # noqa: S101 - the protocol of sessions
        mail = self._target.mail
        began = perf_counter()
        outcome = await self._mta.deliver(mail.envelope, mail.messages[number % len(mail.messages)])
        seconds = perf_counter() - began
        if outcome.loss is not None:
            raise _lost(outcome.loss)
        return Result(outcome.verdict, seconds=seconds, refused=len(outcome.refused))

    async def quit(self) -> None:
        if self._mta is not None:
            self._mta.quit()

    def close(self) -> None:
        if self._mta is not None:
            self._mta.close()


class SmtpTarget:
    """An SMTP server at an address."""

    def __init__(self, name: str, at: InetEndpoint, mail: Mail, within: float) -> None:
        self.name = name
        self.at = at
        self.envelope = mail.envelope
        self.helo = mail.client.helo or mail.client.name
        self.within = within
        self.contents = [content(message) for message in mail.messages]

    def session(self) -> Session:
        return SmtpTargetSession(self)


class SmtpTargetSession:
    """One connection of a client."""

    def __init__(self, target: SmtpTarget) -> None:
        self._target = target
        self._session: SmtpSession | None = None
        self._refusal = ""
        self.is_refused = False

    async def open(self) -> None:
        target = self._target
        try:
            self._session = await SmtpSession.connect(target.at.host, target.at.port, target.within)
            reply = await self._session.open(target.helo)
        except SmtpError as error:
            raise LostError(error.kind, str(error)) from None
        self.is_refused = not reply.is_positive
        self._refusal = reply.verdict

    async def deliver(self, number: int) -> Result:
        assert self._session is not None  # noqa: S101 - the protocol of sessions
        if self.is_refused:
            return Result(self._refusal)
        contents = self._target.contents
        try:
            result = await self._session.deliver(self._target.envelope, contents[number % len(contents)])
        except SmtpError as error:
            raise LostError(error.kind, str(error)) from None
        self.is_refused = result.verdict == "shutdown"
        return result

    async def quit(self) -> None:
        if self._session is None:
            return
        try:
            await self._session.quit()
        except SmtpError as error:
            raise LostError(error.kind, str(error)) from None
        finally:
            self._session.close()

    def close(self) -> None:
        if self._session is not None:
            self._session.close()


def _lost(loss: Loss) -> LostError:
    return LostError(loss.reason, loss.detail)


# Where it may be.


async def addresses_of(endpoint: InetEndpoint, *, allow_remote: bool) -> list[InetEndpoint]:
    """The addresses of an endpoint, all of which may be loaded. Raises MmxError."""
    try:
        found = [InetEndpoint(str(address[0]), endpoint.port) for _, address in await resolve(endpoint)]
    except socket.gaierror as error:
        raise UnavailableError(f"{endpoint}: {error.strerror}; check the host name") from None
    remote = [one.host for one in found if not _is_loopback(one.host)]
    if remote and not allow_remote:
        raise InvalidValueError(
            f"{endpoint} is another machine ({', '.join(remote)})",
            "a load on it needs --allow-remote; ask its owner first",
        )
    return found


def _is_loopback(host: str) -> bool:
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


async def reached(target: Target) -> LostError | None:
    """Open one session and end it: why that does not work, or None."""
    session = target.session()
    try:
        await session.open()
        await session.quit()
    except LostError as error:
        session.close()
        return error
    except asyncio.CancelledError:
        session.close()
        raise
    return None
