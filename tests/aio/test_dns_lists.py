"""DNS lists as sessions see them: told once, shared, kept, bounded."""

import asyncio
import logging

import pytest
from dns.resolver import NoResolverConfiguration

from mmx.aio import dns_lists as module
from mmx.aio.dns_lists import DnsLists
from mmx.core.action import LookUp
from mmx.core.condition import Truth
from tests.aio.dns_server import SERVFAIL, DnsServer
from tests.aio.peers import CONTINUE, OPTNEG, until
from tests.aio.puppet import set_up, tear_down

CLIENT = "192.0.2.7"
NAME = "7.2.0.192.list.example"
LIST = "list.example"


class Told:
    """Keeps what it is told, in order."""

    def __init__(self) -> None:
        self.all: list[tuple[str, Truth]] = []

    def __call__(self, dns_list: str, truth: Truth) -> None:
        self.all.append((dns_list, truth))

    async def first(self, count: int) -> dict[str, Truth]:
        await until(lambda: len(self.all) >= count)
        assert len(self.all) == count
        return dict(self.all)


def lists_of(server: DnsServer, timeout: float = 5.0) -> DnsLists:
    return DnsLists(loop=asyncio.get_running_loop(), timeout=timeout, new_resolver=server.resolver)


async def ask(lists: DnsLists, *names: str, client: str = CLIENT) -> dict[str, Truth]:
    told = Told()
    lists.look_up(client, names, told)
    return await told.first(len(names))


async def test_each_list_is_told(dns_server: DnsServer) -> None:
    dns_server.table = {NAME: ["127.0.0.3"], "7.2.0.192.broken.example": SERVFAIL}
    answers = await ask(lists_of(dns_server), LIST, "other.example", "broken.example")
    assert answers == {LIST: Truth.YES, "other.example": Truth.NO, "broken.example": Truth.UNKNOWN}


@pytest.mark.parametrize(
    ("addresses", "written", "truth"),
    [
        (["127.0.0.2"], "list.example=127.0.0.[2..11;14]", Truth.YES),
        (["127.0.0.14"], "list.example=127.0.0.[2..11;14]", Truth.YES),
        (["127.0.0.12"], "list.example=127.0.0.[2..11;14]", Truth.NO),
        (["127.0.0.12", "127.0.0.3"], "list.example=127.0.0.[2..11;14]", Truth.YES),
        (["127.9.9.9"], "list.example", Truth.YES),
        (["127.0.0.3"], "LIST.example.", Truth.YES),
        (["203.0.113.80"], "list.example", Truth.UNKNOWN),
        (["127.255.255.254"], "list.example", Truth.UNKNOWN),
        (["127.0.0.2", "127.255.255.255"], "list.example=127.0.0.2", Truth.UNKNOWN),
    ],
)
async def test_what_an_answer_means(
    dns_server: DnsServer, addresses: list[str], written: str, truth: Truth
) -> None:
    dns_server.table[NAME] = addresses
    assert await ask(lists_of(dns_server), written) == {written: truth}


async def test_a_client_in_ipv6(dns_server: DnsServer) -> None:
    dns_server.table["1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.list.example"] = [
        "127.0.0.2"
    ]
    assert await ask(lists_of(dns_server), LIST, client="2001:db8::1") == {LIST: Truth.YES}
    assert await ask(lists_of(dns_server), LIST, client="2001:db8::2") == {LIST: Truth.NO}


async def test_private_clients_and_what_is_no_address_are_not_asked(dns_server: DnsServer) -> None:
    lists = lists_of(dns_server)
    told = Told()
    lists.look_up("10.0.0.1", (LIST,), told)
    lists.look_up("unknown", (LIST,), told)
    assert told.all == [(LIST, Truth.NO), (LIST, Truth.UNKNOWN)]
    assert dns_server.asked == []


async def test_an_answer_is_kept_and_told_at_once(dns_server: DnsServer) -> None:
    dns_server.table[NAME] = ["127.0.0.3"]
    lists = lists_of(dns_server)
    await ask(lists, LIST)
    told = Told()
    lists.look_up(CLIENT, (LIST, "list.example=127.0.0.4"), told)
    assert told.all == [(LIST, Truth.YES), ("list.example=127.0.0.4", Truth.NO)]
    assert dns_server.asked == [NAME]


async def test_a_no_is_kept_as_well(dns_server: DnsServer) -> None:
    lists = lists_of(dns_server)
    for _ in range(3):
        assert await ask(lists, LIST) == {LIST: Truth.NO}
    assert dns_server.asked == [NAME]


@pytest.mark.parametrize(("ttl", "longest", "asked"), [(0, 3600.0, 2), (86400, 0.0, 2), (86400, 3600.0, 1)])
async def test_no_answer_is_kept_for_longer_than_its_ttl_or_the_bound(
    dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch, ttl: int, longest: float, asked: int
) -> None:
    monkeypatch.setattr(module, "LONGEST_KEPT", longest)
    dns_server.ttl = ttl
    lists = lists_of(dns_server)
    await ask(lists, LIST)
    await ask(lists, LIST)
    assert len(dns_server.asked) == asked


async def test_silence_is_not_kept(dns_server: DnsServer) -> None:
    dns_server.table[NAME] = SERVFAIL
    lists = lists_of(dns_server)
    assert await ask(lists, LIST) == {LIST: Truth.UNKNOWN}
    dns_server.table[NAME] = ["127.0.0.2"]
    assert await ask(lists, LIST) == {LIST: Truth.YES}


async def test_the_oldest_answers_go_first(dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KEPT", 2)
    lists = lists_of(dns_server)
    for last in (1, 2, 3):
        await ask(lists, LIST, client=f"192.0.2.{last}")
    del dns_server.asked[:]
    for last in (3, 2, 1):
        await ask(lists, LIST, client=f"192.0.2.{last}")
    assert dns_server.asked == ["1.2.0.192.list.example"]


async def test_sessions_that_want_the_same_share_one_question(dns_server: DnsServer) -> None:
    dns_server.table[NAME] = ["127.0.0.3"]
    lists = lists_of(dns_server)
    told = Told()
    for _ in range(50):
        lists.look_up(CLIENT, (LIST,), told)
    assert await told.first(50) == {LIST: Truth.YES}
    assert dns_server.asked == [NAME]


async def test_the_time_limit_holds(
    dns_server: DnsServer, time_unit: float, caplog: pytest.LogCaptureFixture
) -> None:
    dns_server.table[NAME] = None
    lists = lists_of(dns_server, 0.2 * time_unit)
    for _ in range(2):
        assert await ask(lists, LIST) == {LIST: Truth.UNKNOWN}
    lines = [record.message for record in caplog.records if record.name == module.__name__]
    assert len(lines) == 1
    assert "DNS list list.example: no answer within" in lines[0]


async def test_one_silent_list_holds_up_no_other(dns_server: DnsServer, time_unit: float) -> None:
    dns_server.table["7.2.0.192.silent.example"] = None
    lists = lists_of(dns_server, 60.0 * time_unit)
    told = Told()
    lists.look_up(CLIENT, ("silent.example", LIST), told)
    assert await told.first(1) == {LIST: Truth.NO}
    lists.stop()


async def test_too_many_questions_are_unknown_at_once(
    dns_server: DnsServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "MAX_ASKED", 1)
    dns_server.table[NAME] = None
    lists = lists_of(dns_server, 60.0)
    told = Told()
    lists.look_up(CLIENT, (LIST,), told)
    lists.look_up("192.0.2.8", (LIST,), told)
    assert told.all == [(LIST, Truth.UNKNOWN)]
    assert "1 questions are under way" in caplog.text
    lists.stop()


async def test_no_resolver_is_unknown(caplog: pytest.LogCaptureFixture) -> None:
    def none_there() -> None:
        raise NoResolverConfiguration

    lists = DnsLists(loop=asyncio.get_running_loop(), timeout=5.0, new_resolver=none_there)  # type: ignore[arg-type]
    assert await ask(lists, LIST) == {LIST: Truth.UNKNOWN}
    assert "NoResolverConfiguration" in caplog.text


async def test_a_stop_tells_nobody(dns_server: DnsServer) -> None:
    dns_server.table[NAME] = None
    lists = lists_of(dns_server, 60.0)
    told = Told()
    lists.look_up(CLIENT, (LIST,), told)
    await until(lambda: dns_server.asked)
    lists.stop()
    await until(lambda: len(asyncio.all_tasks()) == 1)
    assert told.all == []


async def test_a_change_takes_the_new_time_limit_and_reads_the_name_servers_anew(
    dns_server: DnsServer, time_unit: float
) -> None:
    made = []

    def new_resolver() -> object:
        made.append(1)
        return dns_server.resolver()

    dns_server.table[NAME] = None
    lists = DnsLists(
        loop=asyncio.get_running_loop(),
        timeout=600.0,
        new_resolver=new_resolver,  # type: ignore[arg-type]
    )
    await ask(lists, "other.example")
    lists.change(0.1 * time_unit)
    assert await ask(lists, LIST) == {LIST: Truth.UNKNOWN}
    assert len(made) == 2


@pytest.fixture(autouse=True)
def warnings_heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)


async def test_the_driver_asks_and_tells_its_session_while_there_is_one() -> None:
    setup = await set_up()
    setup.session.reactions["from_mta"] = lambda received: setup.session.actions.append(
        LookUp("192.0.2.7", ("list.example",))
    )
    setup.session.reactions["looked_up"] = lambda *_: setup.session.mta_out.append(CONTINUE)
    setup.mta.send(OPTNEG)
    await until(lambda: setup.around.asked)
    address, lists, tell = setup.around.asked[0]
    assert (address, lists) == ("192.0.2.7", ("list.example",))
    tell("list.example", Truth.YES)
    assert setup.session.heard[-1] == ("looked_up", "list.example", Truth.YES)
    assert await asyncio.to_thread(setup.mta.recv, 100) == CONTINUE
    await tear_down(setup)
    heard = len(setup.session.heard)
    tell("list.example", Truth.NO)
    assert len(setup.session.heard) == heard
    assert setup.around.life == ["began", "ended"]
