"""Nobody gets a marked message past a scanner under the defaults, whatever he writes where.

The chain has every milter of the catalog, with the conditions that it has there; the settings trust a domain
and know local networks, as a site's would. A message with a mark in it comes from a stranger who chooses all
that a client can choose. If the MTA is told to take the message, every scanner has seen it whole.

What a client cannot choose is not varied: its address, the macros of a login, the socket.
"""

import asyncio
import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio

from mmx.aio.plan import make_chain
from mmx.aio.sessions import Sessions
from mmx.settings.catalog import CATALOG, Role
from mmx.settings.load import load
from mmx.wire import command, reply
from mmx.wire.framing import CODE, DATA, MAX_DATA, frame
from mmx.wire.payload import encode_connection, encode_macros, encode_strings
from tests.aio.peers import NO_ANSWER, OPTNEG, Answer, FakeChild, FakeMta, answer_continue, until

MARK: Final = b"MARK-OF-A-VIRUS"
SCANNERS: Final = [milter.name for milter in CATALOG if Role.SCANS in milter.roles]
OTHERS: Final = [milter.name for milter in CATALOG if Role.SCANS not in milter.roles]
TAKEN: Final = (frame(reply.CONTINUE), frame(reply.ACCEPT))
MESSAGES_TOGETHER: Final = 40


@dataclass(frozen=True)
class Mail:
    """All that a client chooses."""

    name: bytes = b"mail.example.net"
    helo: bytes | None = b"mail.example.net"
    sender: bytes = b"<eve@example.net>"
    parameters: tuple[bytes, ...] = ()
    recipients: tuple[bytes, ...] = (b"<r@example.org>",)
    headers: tuple[tuple[bytes, bytes], ...] = ((b"Subject", b" x"),)
    body: bytes = MARK
    unknown: bytes | None = None


NAMES: Final = (
    *(b"unknown", b"localhost", b"[192.0.2.7]", b"[127.0.0.1]", b"mx.trusted.example", b"", b"."),
    *(
        b"dsl-1-2.example.net",
        b"a" * 5000,
        b"trusted.example\n",
        b"\xff\xfe.example",
        b"*",
        b"file:/etc/passwd",
    ),
)
ADDRESSES: Final = (
    *(b"", b"<>", b"<", b"<ann@trusted.example>", b"<ANN@TRUSTED.EXAMPLE>", b"ann@trusted.example"),
    *(b'<"ann@trusted.example"@example.net>', b'<"a b"@trusted.example>', b"<ann@trusted.example.>"),
    *(
        b"<@relay.example:ann@trusted.example>",
        b"<ann%trusted.example@example.net>",
        b"<ann@trusted.example>x",
    ),
    *(b"<a@b@trusted.example>", b"<" + b"a" * 50_000 + b"@trusted.example>", b"<\xff@\xff>", b"<postmaster>"),
    *(b"<ann@[192.0.2.1]>", b"<ann@[IPv6:::1]>", b"<x!y!ann@trusted.example>", b"<(c)ann@trusted.example>"),
)
CHOICES: Final[dict[str, tuple[Any, ...]]] = {
    "name": NAMES,
    "helo": (None, *NAMES),
    "sender": ADDRESSES,
    "parameters": (
        *((b"SIZE=0",), (b"SIZE=999999999999",), (b"SIZE=-1",), (b"SIZE=" + b"9" * 5000,), (b"size=1",)),
        *((b"AUTH=<>",), (b"AUTH=<ann@trusted.example>",), (b"AUTH=ann", b"AUTH=bob"), (b"",)),
        *((b"BODY=8BITMIME", b"SMTPUTF8"), (b"BODY=BINARYMIME",), (b"X-UNKNOWN=1",), (b"X",) * 500),
    ),
    "recipients": (
        *((address,) for address in ADDRESSES),
        (b"<postmaster@example.org>", b"<abuse@example.org>"),
        tuple(b"<r%d@example.org>" % number for number in range(300)),
    ),
    "headers": (
        *((), ((b"", b""),), ((b"a:b", b" x"),), ((b"Subject", b""),), ((b"\xff", b" \xff"),)),
        ((b"X-Virus-Scanned", b" clean"), (b"X-Spam-Status", b" No"), (b"X-Spam-Flag", b" NO")),
        ((b"Authentication-Results", b" mx.example.org; dmarc=pass"), (b"DKIM-Signature", b" v=1")),
        ((b"Content-Length", b" 0"), (b"Content-Type", b" text/plain;\n boundary=" + b"=" * 60_000)),
        ((b"Received", b" from localhost (127.0.0.1)"),) * 2000,
        ((b"X-Nul", b" a\0b"),),
        ((b"List-Id", b" <trusted.example>"), (b"From", b" ann@trusted.example")),
    ),
    "body": (
        *(
            MARK + b"\r\n",
            b"\r\n.\r\n" + MARK,
            b"\0" * 1000 + MARK,
            b"x" * 200_000 + MARK,
            b"\xff" * 5 + MARK,
        ),
        *(b"x" * (MAX_DATA - 5) + MARK, b"x" * (2 << 20) + MARK, MARK + b"x" * (2 << 20)),
    ),
    "unknown": (b"XCLIENT ADDR=127.0.0.1", b"QUIT", b"AUTH PLAIN AGFubgBhbm4=", b"\xff" * 1000, b""),
}


class Site:
    """mmx with all milters of the catalog."""

    def __init__(self, directory: Path, answer: Answer) -> None:
        self.socket = directory / "mmx.sock"
        self.children = {name: FakeChild(directory / f"{name}.sock") for name in (*OTHERS, *SCANNERS)}
        for name in OTHERS:
            self.children[name].answer = answer
        file = directory / "mmx.yaml"
        places = "".join(
            f"  {name}: {{endpoint: '{child.endpoint}'}}\n" for name, child in self.children.items()
        )
        file.write_text(
            f"detect: no\nspool_directory: {directory}\nlocal_networks: [198.51.100.0/24]\n"
            "trusted_domains: [trusted.example]\ndefault_action: {unreachable: accept, died: accept}\n"
            f"children:\n{places}"
        )
        settings = load(file).settings
        assert {child.name for child in settings.children if child.when} >= {"milter-greylist", "opendmarc"}
        loop = asyncio.get_running_loop()
        self.sessions = Sessions(settings, make_chain(settings), max_sessions=100, loop=loop)

    def unseen(self) -> list[str]:
        """Scanners that have not seen the mark and then the end of its message."""
        return [name for name in SCANNERS if not _has_seen(self.children[name].frames)]

    def forget(self) -> None:
        for child in self.children.values():
            child.frames.clear()
            child.commands.clear()


def _has_seen(frames: list[bytes]) -> bool:
    body = b""
    for one in frames:
        if one[CODE] == command.MAIL:
            body = b""
        if one[CODE] == command.BODY:
            body += one[DATA:]
        if one[CODE] == command.EOM and MARK in body + one[DATA:]:
            return True
    return False


def accepting(received: bytes) -> bytes | None:
    """A child that lets everything go at its first event."""
    if received[CODE] == command.OPTNEG or received[CODE] in NO_ANSWER:
        return answer_continue(received)
    return frame(reply.ACCEPT)


def accepting_at(code: int) -> Answer:
    return lambda received: accepting(received) if received[CODE] == code else answer_continue(received)


def breaking_at(code: int) -> Answer:
    """A child that a crafted message breaks: its reply is no milter protocol."""
    return lambda received: b"\0\0\0\0" if received[CODE] == code else answer_continue(received)


SITES: Final[dict[str, Answer]] = {
    "the others let it pass": answer_continue,
    "the others accept the session": accepting,
    "the others accept the sender": accepting_at(command.MAIL),
    "the others accept at the header": accepting_at(command.HEADER),
    "the others break at the sender": breaking_at(command.MAIL),
    "the others break at the body": breaking_at(command.BODY),
}


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory whose paths are short enough for sockets."""
    made = Path(tempfile.mkdtemp(prefix="mmx-"))
    yield made
    shutil.rmtree(made)


@pytest_asyncio.fixture(params=SITES.values(), ids=list(SITES))
async def site(directory: Path, request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    async with serving(directory, request.param) as made:
        yield made


@asynccontextmanager
async def serving(directory: Path, answer: Answer) -> AsyncIterator[Site]:
    site = Site(directory, answer)
    async with AsyncExitStack() as stack:
        for child in site.children.values():
            await stack.enter_async_context(child)
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(site.sessions.accept, site.socket)
        yield site
        server.close()
        await site.sessions.drain(0)


async def is_taken(site: Site, *mails: Mail) -> bool:
    """Send the mails in one session; whether the MTA would take the last one."""
    mta = await FakeMta.connect(site.socket)
    try:
        return await _send(mta, mails)
    except (asyncio.IncompleteReadError, ConnectionError):
        return False
    finally:
        await mta.close()


async def _send(mta: FakeMta, mails: tuple[Mail, ...]) -> bool:
    await mta.ask(OPTNEG)
    first = mails[0]
    connection = encode_connection(first.name, b"4", 2525, b"203.0.113.9")
    macros = encode_macros(command.CONNECT, [(b"j", b"mx.example.org"), (b"v", b"Postfix 3.7.11")])
    await mta.send(frame(command.MACRO, macros))
    if await mta.ask(frame(command.CONNECT, connection)) not in TAKEN:
        return False
    taken = False
    for mail in mails:
        taken = await _message(mta, mail)
        await mta.send(frame(command.ABORT))
    return taken


async def _message(mta: FakeMta, mail: Mail) -> bool:
    events = []
    if mail.helo is not None:
        events.append(frame(command.HELO, mail.helo + b"\0"))
    if mail.unknown is not None:
        events.append(frame(command.UNKNOWN, mail.unknown + b"\0"))
    events.append(frame(command.MAIL, encode_strings(mail.sender, *mail.parameters)))
    for event in events:
        if event[CODE] == command.MAIL:
            pairs = [(b"{mail_addr}", mail.sender.strip(b"<>"))]
            # What stands behind AUTH= becomes {auth_author}; it is no login.
            pairs += [(b"{auth_author}", word[5:]) for word in mail.parameters if word[:5] == b"AUTH="]
            await mta.send(frame(command.MACRO, encode_macros(command.MAIL, pairs)))
        if await mta.ask(event) not in TAKEN:
            return False
    answers = [await mta.ask(frame(command.RCPT, recipient + b"\0")) for recipient in mail.recipients]
    if not any(answer in TAKEN for answer in answers) or await mta.ask(frame(command.DATA)) not in TAKEN:
        return False
    for name, value in mail.headers:
        await mta.send(frame(command.HEADER, name + b"\0" + value + b"\0"))
    await mta.send(frame(command.EOH))
    for start in range(0, len(mail.body), MAX_DATA):
        await mta.send(frame(command.BODY, mail.body[start : start + MAX_DATA]))
    await mta.send(frame(command.EOM))
    answer = await mta.receive()
    while answer[CODE] == reply.PROGRESS:
        answer = await mta.receive()
    return answer in TAKEN


def single() -> Iterator[Mail]:
    """One thing out of the ordinary."""
    yield Mail()
    for field in fields(Mail):
        for value in CHOICES[field.name]:
            yield replace(Mail(), **{field.name: value})


def several(seed: int) -> Iterator[Mail]:
    """Everything out of the ordinary at once, but few of the long bodies."""
    chance = random.Random(seed)
    short = {**CHOICES, "body": CHOICES["body"][:6]}
    for _ in range(MESSAGES_TOGETHER):
        yield Mail(**{name: chance.choice(values) for name, values in short.items()})


@pytest.mark.parametrize(
    "mails", [single, lambda: several(1), lambda: several(2)], ids=["one", "all", "all-2"]
)
async def test_no_marked_message_passes_a_scanner(site: Site, mails: Callable[[], Iterator[Mail]]) -> None:
    refused = []
    for mail in mails():
        site.forget()
        if await is_taken(site, mail):
            assert (mail, site.unseen()) == (mail, [])
        else:
            refused.append(mail)
    # mmx itself refuses a frame that no MTA sends, one with a NUL in a header, and nothing else.
    assert [mail for mail in refused if not any(b"\0" in value for _, value in mail.headers)] == []


async def test_nothing_said_in_one_message_helps_the_next(site: Site) -> None:
    harmless = replace(Mail(), sender=b"<ann@trusted.example>", body=b"harmless", helo=b"localhost")
    for mail in single():
        if len(mail.body) < MAX_DATA:
            site.forget()
            if await is_taken(site, harmless, mail, harmless, mail):
                assert (mail, site.unseen()) == (mail, [])


async def test_the_test_finds_a_way_past(directory: Path) -> None:
    async with serving(directory, answer_continue) as site:
        file = directory / "mmx.yaml"
        name = SCANNERS[0]
        text = file.read_text().replace(f"{name}.sock'", f"{name}.sock', when: [not trusted_domain]")
        file.write_text(text)
        settings = load(file).settings
        site.sessions.change(settings, make_chain(settings), max_sessions=100)
        assert await is_taken(site, replace(Mail(), sender=b"<ann@trusted.example>"))
        await until(lambda: not site.sessions)
        assert site.unseen() == [name]
