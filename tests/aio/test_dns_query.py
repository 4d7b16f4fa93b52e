"""Questions to DNS lists, asked of a server on the loopback."""

import importlib.util
import socket
import subprocess
import sys

import pytest
from dns.asyncresolver import Resolver

from mmx.aio.dns_query import MAX_RECORDS, Answer, Silence, ask, question_of, require_dnspython
from mmx.errors import EX_UNAVAILABLE, UnavailableError
from tests.aio.dns_server import SERVFAIL, DnsServer

NAME = "7.2.0.192.list.example"


@pytest.mark.parametrize(
    ("address", "question"),
    [
        ("192.0.2.7", "7.2.0.192"),
        ("255.1.2.3", "3.2.1.255"),
        ("2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"),
        ("IPv6:2001:DB8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"),
        ("::ffff:192.0.2.7", "7.2.0.192"),
    ],
)
def test_the_address_is_written_backwards(address: str, question: str) -> None:
    assert question_of(address) == question


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.0.1", "100.64.0.1", "0.0.0.0"),
        *("::1", "::", "fd00::1", "fe80::1", "fe80::1%eth0", "::ffff:10.0.0.1"),
    ],
)
def test_no_list_is_asked_about_a_private_address(address: str) -> None:
    assert question_of(address) is None


@pytest.mark.parametrize("address", ["", "unknown", "192.0.2", "192.0.2.7.list.example", "2001:db8::g"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="does not appear"):
        question_of(address)


async def test_addresses_and_their_ttl(dns_server: DnsServer) -> None:
    dns_server.table[NAME] = ["127.0.0.2", "127.0.0.10"]
    answer = await ask(dns_server.resolver(), NAME, 5.0)
    assert isinstance(answer, Answer)
    assert sorted(answer.addresses) == [b"\x7f\0\0\x02", b"\x7f\0\0\x0a"]
    assert answer.ttl == 60
    assert dns_server.asked == [NAME]


async def test_a_name_that_does_not_exist_is_a_no_for_a_while(dns_server: DnsServer) -> None:
    dns_server.ttl = 90
    assert await ask(dns_server.resolver(), NAME, 5.0) == Answer((), 90)


async def test_a_name_without_addresses_is_a_no(dns_server: DnsServer) -> None:
    dns_server.table[NAME] = []
    assert await ask(dns_server.resolver(), NAME, 5.0) == Answer((), 60)


async def test_a_server_that_fails_is_silence(dns_server: DnsServer) -> None:
    dns_server.table[NAME] = SERVFAIL
    answer = await ask(dns_server.resolver(), NAME, 5.0)
    assert isinstance(answer, Silence)
    assert "SERVFAIL" in answer.reason


async def test_a_lost_question_is_asked_again_and_then_given_up(
    dns_server: DnsServer, time_unit: float
) -> None:
    dns_server.table[NAME] = None
    answer = await ask(dns_server.resolver(), NAME, 0.3 * time_unit)
    assert isinstance(answer, Silence)
    assert "no answer within" in answer.reason
    assert 1 < len(dns_server.asked) <= 4


async def test_a_closed_port_is_silence(time_unit: float) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    resolver = Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = port
    assert isinstance(await ask(resolver, NAME, 0.3 * time_unit), Silence)


async def test_an_answer_of_no_measure_is_silence(dns_server: DnsServer) -> None:
    dns_server.table[NAME] = [f"127.0.0.{number}" for number in range(MAX_RECORDS + 1)]
    assert isinstance(await ask(dns_server.resolver(), NAME, 5.0), Silence)


def test_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    require_dnspython()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UnavailableError, match=r"mmx\[dns\]") as caught:
        require_dnspython()
    assert caught.value.exit_code == EX_UNAVAILABLE


def test_who_asks_nothing_does_not_load_the_package() -> None:
    program = "import sys, mmx.aio.service; sys.exit('dns' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
