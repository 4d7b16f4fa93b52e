"""Sessions whose children depend on DNS lists, over sockets and with a name server."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from mmx.aio.dns_lists import DnsLists
from mmx.aio.plan import make_chain
from mmx.settings.model import ChildSettings, DnsblSettings
from mmx.wire import command
from tests.aio.dns_server import SERVFAIL, DnsServer
from tests.aio.peers import CONTINUE, FakeChild, FakeMta, until
from tests.aio.test_sessions import Running

LISTED = b"192.0.2.7"
OTHER = b"192.0.2.8"
NAME = "7.2.0.192.list.example"


class Site(Running):
    """Sessions with one child, which sees mail of clients that are in list.example."""

    def __init__(self, directory: Path, child: FakeChild, dns_server: DnsServer) -> None:
        super().__init__(directory, child.endpoint)
        self.dns_server = dns_server
        self.ask_within(5.0)

    def ask_within(self, seconds: float, *when: str) -> None:
        (child,) = self.settings.children
        children: tuple[ChildSettings, ...] = (replace(child, when=when or ("dnsbl",)),)
        self.settings = replace(
            self.settings, children=children, dnsbl=DnsblSettings(("list.example=127.0.0.[2..4]",), seconds)
        )
        self.sessions.change(self.settings, make_chain(self.settings), max_sessions=100)
        loop = asyncio.get_running_loop()
        self.sessions.dns_lists = DnsLists(loop=loop, timeout=seconds, new_resolver=self.dns_server.resolver)

    async def client(self, address: bytes) -> FakeMta:
        mta = await FakeMta.connect(self.path)
        self.mtas.append(mta)
        await mta.greet(address)
        return mta


@pytest_asyncio.fixture
async def site(directory: Path, child: FakeChild, dns_server: DnsServer) -> AsyncIterator[Site]:
    made = Site(directory, child, dns_server)
    async with made.serving():
        yield made


def messages_seen(child: FakeChild) -> int:
    return child.commands.count(command.EOM)


async def test_the_answer_decides_who_sees_the_mail(
    site: Site, child: FakeChild, dns_server: DnsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    dns_server.table[NAME] = ["127.0.0.3"]
    assert await (await site.client(OTHER)).message() == CONTINUE
    assert (child.connections, messages_seen(child)) == (0, 0)
    assert await (await site.client(LISTED)).message() == CONTINUE
    assert messages_seen(child) == 1
    assert "in none of the lists" in caplog.text


async def test_an_answer_outside_the_range_is_no_listing(
    site: Site, child: FakeChild, dns_server: DnsServer
) -> None:
    dns_server.table[NAME] = ["127.0.0.9"]
    assert await (await site.client(LISTED)).message() == CONTINUE
    assert messages_seen(child) == 0


@pytest.mark.parametrize("when", ["dnsbl", "not dnsbl"])
@pytest.mark.parametrize("said", [SERVFAIL, ["127.255.255.254"]])
async def test_no_answer_lets_the_child_see_the_mail(
    site: Site, child: FakeChild, dns_server: DnsServer, said: list[str] | int, when: str
) -> None:
    site.ask_within(5.0, when)
    dns_server.table[NAME] = said
    assert await (await site.client(LISTED)).message() == CONTINUE
    assert messages_seen(child) == 1


async def test_a_silent_list_holds_up_its_client_alone_and_not_for_ever(
    site: Site, child: FakeChild, dns_server: DnsServer, time_unit: float
) -> None:
    dns_server.table[NAME] = None
    site.ask_within(1.0 * time_unit)
    waiting = await site.client(LISTED)
    message = asyncio.create_task(waiting.message())
    for _ in range(5):
        assert await (await site.client(OTHER)).message() == CONTINUE
    assert not message.done()
    assert messages_seen(child) == 0
    assert await message == CONTINUE
    assert messages_seen(child) == 1


async def test_sessions_of_one_client_share_the_answer(
    site: Site, child: FakeChild, dns_server: DnsServer
) -> None:
    dns_server.table[NAME] = ["127.0.0.3"]
    for _ in range(5):
        assert await (await site.client(LISTED)).message() == CONTINUE
    assert messages_seen(child) == 5
    assert dns_server.asked == [NAME]


async def test_a_client_that_leaves_is_not_told(
    site: Site, child: FakeChild, dns_server: DnsServer, time_unit: float, caplog: pytest.LogCaptureFixture
) -> None:
    dns_server.table[NAME] = None
    site.ask_within(0.2 * time_unit)
    leaving = await site.client(LISTED)
    await leaving.close()
    await until(lambda: len(site.sessions) == 0)
    await until(lambda: "no answer within" in caplog.text)
    assert "internal error" not in caplog.text
    assert child.connections == 0


async def test_a_client_of_a_private_network_is_not_asked_about(
    site: Site, child: FakeChild, dns_server: DnsServer
) -> None:
    assert await (await site.client(b"10.1.2.3")).message() == CONTINUE
    assert (child.connections, dns_server.asked) == (0, [])
