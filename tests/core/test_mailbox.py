"""Addresses of MAIL and RCPT."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.core.mailbox import parse_mailbox
from tests.steps import steps_of


@pytest.mark.parametrize(
    ("path", "address", "domain"),
    [
        (b"<a@b>", b"a@b", b"b"),
        (b"a@b", b"a@b", b"b"),
        (b" <a@b> ", b"a@b", b"b"),
        (b"<a@b", b"a@b", b"b"),
        (b"a@b>", b"a@b", b"b"),
        (b"<Ann@Example.COM>", b"ann@example.com", b"example.com"),
        (b"<a@example.com.>", b"a@example.com", b"example.com"),
        (b"<@one,@two:a@b>", b"a@b", b"b"),
        (b'<"a@x"@b>', b"a@x@b", b"b"),
        (b'<"a"@b>', b"a@b", b"b"),
        (b'<"a\\"c"@b>', b'a"c@b', b"b"),
        (b'<"a\\@c"@b>', b"a@c@b", b"b"),
        (b"<a\\@c@b>", b"a@c@b", b"b"),
        (b'<x."y z"@b>', b"x.y z@b", b"b"),
        (b"<a+x@b>", b"a+x@b", b"b"),
        (b"<a@[192.0.2.7]>", b"a@[192.0.2.7]", b"[192.0.2.7]"),
        (b"<a@[IPv6:2001:db8::1]>", b"a@[ipv6:2001:db8::1]", b"[ipv6:2001:db8::1]"),
        ("<jörg@b>".encode(), "jörg@b".encode(), b"b"),
    ],
)
def test_spellings_of_one_mailbox(path: bytes, address: bytes, domain: bytes) -> None:
    mailbox = parse_mailbox(path)
    assert (mailbox.address, mailbox.domain) == (address, domain)
    assert not any((mailbox.uncertain, mailbox.routed, mailbox.is_null))


@pytest.mark.parametrize("path", [b"<>", b"", b" < > "])
def test_the_null_sender(path: bytes) -> None:
    assert parse_mailbox(path).is_null


@pytest.mark.parametrize(
    "path",
    [
        *(b"<a>", b"a", b"<a@>", b"<a@.>", b"<@b>", b"@b", b"<@one:>", b"<@one:a>", b"<a@x@b>", b'<"a@b">'),
        *(b"<a(x)@b>", b"<a@b(x)>", b"<a b@c>", b"<a@b c>", b'<a@"b">', b"<a@b,c@d>", b'<"a@b>', b"<a@b\\>"),
        *(b"<a@b:c>", b"<a;@b>", b"<a@b]>", b"<x <a@b>>"),
    ],
)
def test_what_only_the_mta_can_make_sense_of(path: bytes) -> None:
    mailbox = parse_mailbox(path)
    assert mailbox.uncertain
    assert not mailbox.is_null


@pytest.mark.parametrize(
    ("path", "routed"),
    [(b"<a%c@b>", True), (b"<c!a@b>", True), (b'<"a%c"@b>', False), (b"<a@b>", False)],
)
def test_a_route_in_the_local_part(path: bytes, routed: bool) -> None:
    assert parse_mailbox(path).routed is routed


@given(st.binary(max_size=40))
def test_any_bytes_are_an_address_or_none(path: bytes) -> None:
    mailbox = parse_mailbox(path)
    assert mailbox.is_null or mailbox.address.endswith(b"@" + mailbox.domain)


@given(st.sampled_from([b"a", b'"', b"\\", b'"a"', b"@", b'\\"', b"<", b'"\\', b'"@a']))
def test_the_steps_do_not_grow_faster_than_the_path(unit: bytes) -> None:
    once, tenfold = (steps_of(partial(parse_mailbox, unit * n + b"@x")) for n in (200, 2000))
    assert tenfold <= 11 * once + 100
