"""Tests of the connection, with every kind of client."""

from ipaddress import ip_network

import pytest

from mmx.core.client_tests import (
    Client,
    ClientName,
    DnsList,
    Listener,
    Local,
    S25r,
    Stressed,
    verified_name,
)
from mmx.core.condition import Facts, Point, Truth
from mmx.core.leaf import Leaf
from mmx.core.networks import Networks
from mmx.core.patterns import Patterns
from mmx.wire.payload import Connection

YES, NO, OPEN, UNKNOWN = Truth.YES, Truth.NO, Truth.OPEN, Truth.UNKNOWN


def networks(*texts: str) -> tuple[Networks, ...]:
    return (Networks((ip_network(text), True) for text in texts),)


def domains(*texts: bytes) -> Patterns:
    return Patterns(texts, domains=True)


def client(address: bytes, name: bytes = b"mail.example.com", family: bytes = b"4") -> Facts:
    return Facts(client=Connection(name, b"6" if b":" in address else family, 25, address))


UNIX = Facts(client=Connection(b"localhost", b"L", 0, b"/run/x"))
UNSPECIFIED = Facts(client=Connection(b"unknown", b"U", 0, b""))
LISTED = networks("192.0.2.0/24", "2001:db8::/32")

BY_ADDRESS = [
    # facts, `client`, `local`
    (client(b"192.0.2.7"), YES, YES),
    (client(b"198.51.100.7"), NO, NO),
    (client(b"10.0.0.1"), NO, NO),  # private ranges only when listed
    (client(b"127.0.0.1"), NO, YES),
    (client(b"127.9.9.9"), NO, YES),
    (client(b"2001:db8::1"), YES, YES),
    (client(b"IPv6:2001:db8::1"), YES, YES),
    (client(b"2001:db9::1"), NO, NO),
    (client(b"::1"), NO, YES),
    (client(b"::ffff:192.0.2.7"), YES, YES),
    (client(b"::ffff:127.0.0.1"), NO, YES),
    (client(b"::ffff:198.51.100.7"), NO, NO),
    (client(b"unknown", b"unknown"), UNKNOWN, UNKNOWN),
    (UNSPECIFIED, UNKNOWN, UNKNOWN),
    (UNIX, NO, YES),
    (Facts(), OPEN, OPEN),
    (Facts(Point.HELO), UNKNOWN, UNKNOWN),
]


@pytest.mark.parametrize(("facts", "by_network", "local"), BY_ADDRESS)
def test_by_address(facts: Facts, by_network: Truth, local: Truth) -> None:
    assert Client(LISTED).truth(facts, None) is by_network
    assert Local(LISTED).truth(facts, None) is local


def test_any_of_several_lists_may_hold_the_client() -> None:
    both = (*networks("192.0.2.0/24"), *networks("198.51.100.0/24"))
    assert Client(both).truth(client(b"198.51.100.7"), None) is YES
    assert Client(()).truth(client(b"198.51.100.7"), None) is NO


def test_a_list_that_is_not_complete_never_says_no() -> None:
    partial = Local(LISTED, complete=False)
    assert partial.truth(client(b"192.0.2.7"), None) is YES
    assert partial.truth(client(b"10.0.0.1"), None) is UNKNOWN
    assert partial.why(client(b"10.0.0.1"), None) == "local: 10.0.0.1 may be in a list that cannot be read"


@pytest.mark.parametrize(
    ("name", "verified"),
    [
        (b"mail.example.com", b"mail.example.com"),
        (b"Mail.Example.COM.", b"mail.example.com"),
        (b"localhost", b"localhost"),
        (b"unknown", None),
        (b"UNKNOWN", None),
        (b"[192.0.2.7]", None),  # what Sendmail says of a forged name
        (b"192.0.2.7", None),
        (b"IPv6:2001:db8::1", None),
        (b"", None),
    ],
)
def test_a_name_counts_only_if_verified(name: bytes, verified: bytes | None) -> None:
    assert verified_name(Connection(name, b"4", 25, b"192.0.2.7")) == verified


TEMPORARY = {b"client_resolve": b"TEMP"}


@pytest.mark.parametrize(
    ("facts", "truth"),
    [
        (client(b"192.0.2.7", b"a.example.com"), YES),
        (client(b"192.0.2.7", b"A.Example.Com"), YES),
        (client(b"192.0.2.7", b"example.com"), NO),
        (client(b"192.0.2.7", b"exact.example.net"), YES),
        (client(b"192.0.2.7", b"smtp3.example.org"), YES),
        (client(b"192.0.2.7", b"a.example.com.evil.example"), NO),
        (client(b"192.0.2.7", b"unknown"), NO),
        (client(b"192.0.2.7", b"[192.0.2.7]"), NO),
        (Facts(client=Connection(b"unknown", b"4", 0, b"192.0.2.7"), macros=TEMPORARY), UNKNOWN),
        (Facts(client=Connection(b"a.example.com", b"4", 0, b"192.0.2.7"), macros=TEMPORARY), YES),
        (UNIX, NO),
        (UNSPECIFIED, NO),
        (Facts(), OPEN),
        (Facts(Point.MAIL), UNKNOWN),
    ],
)
def test_client_name(facts: Facts, truth: Truth) -> None:
    names = domains(b".example.com", b"exact.example.net", b"smtp*.example.org")
    assert ClientName(names).truth(facts, None) is truth


@pytest.mark.parametrize(
    ("facts", "truth", "why"),
    [
        (client(b"192.0.2.7", b"a1b2.example.net"), YES, "s25r: a1b2.example.net rule 1"),
        (client(b"192.0.2.7", b"A1B2.Example.Net"), YES, "s25r: a1b2.example.net rule 1"),
        (client(b"192.0.2.7", b"unknown"), YES, "s25r: no reverse name"),
        (client(b"192.0.2.7", b"[192.0.2.7]"), YES, "s25r: no reverse name"),
        (client(b"192.0.2.7", b"mail.example.net"), NO, "s25r: mail.example.net satisfies no rule"),
        (client(b"192.0.2.7", b"a1b2.good.example"), NO, "s25r: a1b2.good.example is allowed"),
        (client(b"192.0.2.7", b"mail.bad.example"), YES, "s25r: mail.bad.example is denied"),
        (client(b"192.0.2.7", b"mail.both.example"), NO, "s25r: mail.both.example is allowed"),
        (client(b"unknown", b"unknown"), YES, "s25r: no reverse name"),
        (
            Facts(client=Connection(b"unknown", b"4", 0, b"192.0.2.7"), macros=TEMPORARY),
            UNKNOWN,
            "s25r: the name server did not answer",
        ),
        (UNSPECIFIED, YES, "s25r: no reverse name"),
        (UNIX, NO, "s25r: on a unix socket"),
        (Facts(), OPEN, "s25r: not known yet"),
        (Facts(Point.MAIL), UNKNOWN, "s25r: no client"),
    ],
)
def test_s25r(facts: Facts, truth: Truth, why: str) -> None:
    test = S25r(domains(b".good.example", b"*.both.example"), domains(b".bad.example", b".both.example"))
    assert test.truth(facts, None) is truth
    assert test.why(facts, None) == why


@pytest.mark.parametrize(("listener", "truth"), [("submission", YES), ("smtp", NO), ("", NO)])
def test_listener(listener: str, truth: Truth) -> None:
    assert Listener(frozenset({"submission", "local"})).truth(Facts(listener=listener), None) is truth


@pytest.mark.parametrize(("stressed", "truth"), [(True, YES), (False, NO)])
def test_stressed(stressed: bool, truth: Truth) -> None:
    assert Stressed().truth(Facts(stressed=stressed), None) is truth


@pytest.mark.parametrize(
    ("answers", "truth", "why"),
    [
        ({}, OPEN, "no answer from a"),
        ({"a": NO}, OPEN, "no answer from b"),
        ({"b": YES}, YES, "in b"),
        ({"a": NO, "b": YES}, YES, "in b"),
        ({"a": UNKNOWN, "b": YES}, YES, "in b"),
        ({"a": NO, "b": NO}, NO, "in none of the lists"),
        ({"a": UNKNOWN, "b": NO}, UNKNOWN, "no answer from a"),
        ({"a": UNKNOWN}, OPEN, "no answer from b"),
        ({"a": UNKNOWN, "b": UNKNOWN}, UNKNOWN, "no answer from a"),
        ({"c": YES, "a": NO, "b": NO}, NO, "in none of the lists"),
    ],
)
def test_dnsbl(answers: dict[str, Truth], truth: Truth, why: str) -> None:
    test = DnsList(("a", "b"))
    assert test.truth(Facts(listed=answers), None) is truth
    assert test.why(Facts(listed=answers), None) == f"dnsbl: {why}"


@pytest.mark.parametrize(
    ("test", "facts", "why"),
    [
        (Client(LISTED), client(b"192.0.2.7"), "client: 192.0.2.7 is in 192.0.2.0/24"),
        (Client(LISTED), client(b"10.0.0.1"), "client: 10.0.0.1 is in no network of the list"),
        (Client(LISTED), UNSPECIFIED, "client: no client address"),
        (Local(LISTED), client(b"::1"), "local: ::1 is loopback"),
        (Local(LISTED), UNIX, "local: on a unix socket"),
        (ClientName(domains(b".b")), client(b"192.0.2.7", b"a.b"), "client_name: a.b matches .b"),
        (ClientName(domains(b"a.b")), client(b"192.0.2.7", b"a.b"), "client_name: a.b is in the list"),
        (ClientName(domains(b".b")), client(b"192.0.2.7", b"unknown"), "client_name: no verified name"),
        (Listener(frozenset({"a"})), Facts(listener="a"), "listener: a is in the list"),
        (Stressed(), Facts(), "stressed: few sessions are open"),
    ],
)
def test_why(test: Leaf, facts: Facts, why: str) -> None:
    assert test.why(facts, None) == why
