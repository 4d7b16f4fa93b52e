"""Tests of the message: when each is known, and what it makes of every spelling."""

import pytest

from mmx.core.condition import Facts, Point, Truth, decide
from mmx.core.joints import Not
from mmx.core.leaf import Leaf
from mmx.core.message_tests import (
    Addresses,
    Authenticated,
    Domains,
    EveryRecipient,
    Header,
    Helo,
    Macro,
    Recipient,
    Sender,
    SizeAbove,
    declared_size,
)
from mmx.core.patterns import Patterns
from mmx.wire.payload import Connection

YES, NO, OPEN, UNKNOWN = Truth.YES, Truth.NO, Truth.OPEN, Truth.UNKNOWN
MAIL, RCPT, DATA, EOH, EOM = Point.MAIL, Point.RCPT, Point.DATA, Point.EOH, Point.EOM
SENT = frozenset({b"auth_type", b"auth_authen"})


def addresses(*texts: bytes) -> Addresses:
    return Addresses(texts)


def domains(*texts: bytes) -> Domains:
    return Domains(Patterns(texts, domains=True))


@pytest.mark.parametrize(
    ("facts", "truth"),
    [
        (Facts(Point.CONNECT), OPEN),
        (Facts(Point.HELO, sent_macros=SENT), OPEN),
        (Facts(Point.HELO, macros={b"auth_type": b"PLAIN"}, sent_macros=SENT), OPEN),
        (Facts(MAIL, macros={b"auth_type": b"PLAIN"}, sent_macros=SENT), YES),
        (Facts(MAIL, macros={b"auth_authen": b"bob"}, sent_macros=SENT), YES),
        (Facts(MAIL, macros={b"auth_authen": b"bob"}), YES),
        (Facts(MAIL, macros={b"auth_type": b""}, sent_macros=SENT), NO),
        (Facts(MAIL, sent_macros=SENT), NO),
        (Facts(EOM, sent_macros=frozenset({b"auth_type"})), NO),
        (Facts(MAIL), UNKNOWN),
        (Facts(EOM, sent_macros=frozenset({b"i"})), UNKNOWN),
    ],
)
def test_authenticated(facts: Facts, truth: Truth) -> None:
    assert Authenticated().truth(facts, None) is truth


@pytest.mark.parametrize(
    ("facts", "truth"),
    [
        (Facts(Point.CONNECT), OPEN),
        (Facts(Point.HELO, helo=b"mail.example.com"), YES),
        (Facts(Point.HELO, helo=b"MAIL.Example.com."), YES),
        (Facts(Point.HELO, helo=b"example.com"), NO),
        (Facts(Point.HELO, helo=b"[192.0.2.7]"), YES),
        (Facts(Point.HELO, helo=b""), NO),
        (Facts(MAIL, helo=b"mail.example.com"), YES),
        (Facts(MAIL), UNKNOWN),  # a client may leave it out
    ],
)
def test_helo(facts: Facts, truth: Truth) -> None:
    assert Helo(Patterns([b".example.com", b"[192.0.2.*]"], domains=True)).truth(facts, None) is truth


ADDRESS_LIST = addresses(b"ann@example.com", b"*@example.net", b"*@.example.org", b"bob+*@example.com", b"<>")
DOMAIN_LIST = domains(b"example.com", b".example.org")

BY_ADDRESS = [
    # path, in ADDRESS_LIST, in DOMAIN_LIST
    (b"<ann@example.com>", YES, YES),
    (b"ann@example.com", YES, YES),
    (b"<Ann@EXAMPLE.com.>", YES, YES),
    (b'<"ann"@example.com>', YES, YES),
    (b"<@relay.example:ann@example.com>", YES, YES),
    (b"<eve@example.com>", NO, YES),
    (b"<bob+x@example.com>", YES, YES),
    (b"<bob@example.com>", NO, YES),
    (b"<eve@example.net>", YES, NO),
    (b"<eve@a.example.org>", YES, YES),
    (b"<eve@example.org>", NO, NO),
    (b'<"ann@example.com"@evil.example>', NO, NO),
    (b'<"eve@evil.example"@example.net>', YES, NO),
    (b"<ann@example.com.evil.example>", NO, NO),
    (b"<ann>", UNKNOWN, UNKNOWN),
    (b"<ann@example.com@evil.example>", UNKNOWN, UNKNOWN),
    (b"<ann(x)@example.com>", UNKNOWN, UNKNOWN),
]


@pytest.mark.parametrize(("path", "by_address", "by_domain"), BY_ADDRESS)
def test_sender_and_recipients_are_compared_alike(path: bytes, by_address: Truth, by_domain: Truth) -> None:
    for listed, truth in ((ADDRESS_LIST, by_address), (DOMAIN_LIST, by_domain)):
        assert Sender("sender", listed).truth(Facts(MAIL, sender=path), None) is truth
        assert Recipient("recipient", listed).truth(Facts(RCPT), path) is truth
        facts = Facts(DATA, recipients=[path])
        assert EveryRecipient("every_recipient", listed).truth(facts, None) is truth


@pytest.mark.parametrize(
    ("path", "of_a_sender"), [(b"<x%evil.example@example.net>", YES), (b"<a!b@example.net>", YES)]
)
def test_a_route_is_one_only_in_a_recipient(path: bytes, of_a_sender: Truth) -> None:
    assert Sender("sender", ADDRESS_LIST).truth(Facts(MAIL, sender=path), None) is of_a_sender
    assert Recipient("recipient", ADDRESS_LIST).truth(Facts(RCPT), path) is UNKNOWN


@pytest.mark.parametrize("path", [b"<>", b""])
def test_the_null_sender(path: bytes) -> None:
    facts = Facts(MAIL, sender=path)
    assert Sender("sender", ADDRESS_LIST).truth(facts, None) is YES
    assert Sender("sender", addresses(b"*@*", b"ann@example.com")).truth(facts, None) is NO
    assert Sender("sender_domain", domains(b"*")).truth(facts, None) is NO
    assert Recipient("recipient", ADDRESS_LIST).truth(Facts(RCPT), path) is UNKNOWN


def test_the_sender_is_known_at_mail() -> None:
    assert Sender("sender", ADDRESS_LIST).truth(Facts(Point.HELO), None) is OPEN


def test_recipient_tests_are_about_one_recipient() -> None:
    test = Recipient("recipient", ADDRESS_LIST)
    assert test.per_recipient
    assert not EveryRecipient("every_recipient", ADDRESS_LIST).per_recipient
    assert test.truth(Facts(EOM), None) is OPEN


@pytest.mark.parametrize(
    ("recipients", "any_of_them", "none_of_them", "every"),
    [
        ([b"<a@example.com>"], YES, NO, YES),
        ([b"<a@example.com>", b"<b@evil.example>"], YES, YES, NO),
        ([b"<b@evil.example>"], NO, YES, NO),
        ([b"<a@example.com>", b"<b>"], YES, UNKNOWN, UNKNOWN),
        ([b"<b@evil.example>", b"<b>"], UNKNOWN, YES, NO),
    ],
)
def test_several_recipients(
    recipients: list[bytes], any_of_them: Truth, none_of_them: Truth, every: Truth
) -> None:
    test = Recipient("recipient_domain", DOMAIN_LIST)
    facts = Facts(DATA, recipients=recipients)
    assert decide(test, facts)[0] is any_of_them
    assert decide(Not(test), facts)[0] is none_of_them
    assert decide(EveryRecipient("every_recipient_domain", DOMAIN_LIST), facts)[0] is every


def test_every_recipient_is_known_at_data() -> None:
    test = EveryRecipient("every_recipient", ADDRESS_LIST)
    assert test.truth(Facts(RCPT, recipients=[b"<eve@evil.example>"]), None) is OPEN
    assert test.truth(Facts(DATA), None) is UNKNOWN


@pytest.mark.parametrize(
    ("facts", "truth"),
    [
        (Facts(Point.CONNECT), OPEN),
        (Facts(Point.HELO, macros={b"tls_version": b"TLSv1.3"}), YES),
        (Facts(Point.HELO, macros={b"tls_version": b"tlsV1.2"}), YES),
        (Facts(Point.HELO, macros={b"tls_version": b"SSLv3"}), NO),
        (Facts(Point.HELO, sent_macros=frozenset({b"tls_version"})), OPEN),  # STARTTLS may come
        (Facts(MAIL, sent_macros=frozenset({b"tls_version"})), NO),
        (Facts(MAIL, macros={b"tls_version": b""}, sent_macros=frozenset({b"tls_version"})), NO),
        (Facts(MAIL), UNKNOWN),
    ],
)
def test_macro(facts: Facts, truth: Truth) -> None:
    assert Macro(b"tls_version", Patterns([b"TLSv1*"]), MAIL).truth(facts, None) is truth


@pytest.mark.parametrize(
    ("facts", "truth"),
    [
        (Facts(), OPEN),
        (Facts(client=Connection(b"h", b"U", 0, b"")), UNKNOWN),
        (Facts(client=Connection(b"h", b"U", 0, b""), sent_macros=frozenset({b"j"})), NO),
        (Facts(client=Connection(b"h", b"U", 0, b""), macros={b"j": b"a"}), YES),
        (Facts(Point.HELO), UNKNOWN),
    ],
)
def test_macro_of_connect(facts: Facts, truth: Truth) -> None:
    assert Macro(b"j", Patterns([b"a"]), Point.CONNECT).truth(facts, None) is truth


@pytest.mark.parametrize(
    ("point", "headers", "truth"),
    [
        (DATA, [], OPEN),
        (DATA, [(b"Subject", b" x")], OPEN),
        (EOH, [(b"Subject", b" x")], NO),
        (DATA, [(b"Precedence", b" bulk")], YES),
        (DATA, [(b"PRECEDENCE", b"BULK")], YES),
        (DATA, [(b"precedence", b" list")], OPEN),
        (EOH, [(b"precedence", b" list")], NO),
        (EOH, [(b"precedence", b" list"), (b"precedence", b" bulk")], YES),
        (EOH, [(b"Precedence", b" bulk\n\tmail  for you ")], YES),
        (EOH, [(b"Precedence", b"")], NO),
        (EOH, [(b"Precedences", b"bulk")], NO),
    ],
)
def test_header(point: Point, headers: list[tuple[bytes, bytes]], truth: Truth) -> None:
    test = Header(b"Precedence", Patterns([b"bulk", b"bulk mail for *"]))
    assert test.truth(Facts(point, headers=headers), None) is truth


def test_a_star_fits_any_header_of_that_name() -> None:
    test = Header(b"X-Spam", Patterns([b"*"]))
    assert test.truth(Facts(DATA, headers=[(b"x-spam", b"")]), None) is YES
    assert test.truth(Facts(EOH, headers=[(b"x-ham", b"")]), None) is NO


SMALL, BIG = (b"SIZE=10",), (b"BODY=8BITMIME", b"size=1001")


@pytest.mark.parametrize(
    ("point", "size", "parameters", "truth", "below_not"),
    [
        (MAIL, 0, (), OPEN, OPEN),
        (MAIL, 0, SMALL, OPEN, OPEN),
        (MAIL, 0, BIG, YES, OPEN),  # a declared size may include
        (EOM, 10, BIG, YES, YES),  # and never excludes
        (EOH, 1001, SMALL, YES, NO),
        (EOH, 1000, SMALL, OPEN, OPEN),
        (EOM, 1000, SMALL, NO, YES),
        (EOM, 1001, (), YES, NO),
    ],
)
def test_size_above(
    point: Point, size: int, parameters: tuple[bytes, ...], truth: Truth, below_not: Truth
) -> None:
    facts = Facts(point, size=size, parameters=parameters)
    assert SizeAbove(1000).truth(facts, None) is truth
    assert Not(SizeAbove(1000)).truth(facts, None) is below_not


@pytest.mark.parametrize(
    ("parameters", "size"),
    [
        ((b"SIZE=12",), 12),
        ((b"size=12",), 12),
        ((b"SIZE=",), 0),
        ((b"SIZE=-1",), 0),
        ((b"SIZE=1e9",), 0),
        ((b"SIZE=" + b"9" * 21,), 0),
        ((b"XSIZE=12",), 0),
        ((), 0),
    ],
)
def test_declared_size(parameters: tuple[bytes, ...], size: int) -> None:
    assert declared_size(Facts(MAIL, parameters=parameters)) == size
    assert declared_size(Facts(Point.HELO, parameters=parameters)) == 0


@pytest.mark.parametrize(
    ("test", "facts", "why"),
    [
        (Authenticated(), Facts(MAIL, macros={b"auth_authen": b"bob"}), "authenticated: bob has logged in"),
        (Authenticated(), Facts(MAIL, sent_macros=SENT), "authenticated: no login"),
        (
            Authenticated(),
            Facts(MAIL),
            "authenticated: the MTA sends neither {auth_authen} nor {auth_type}",
        ),
        (Helo(Patterns([b"a"])), Facts(MAIL), "helo: no HELO"),
        (Helo(Patterns([b"a"])), Facts(MAIL, helo=b"b\r"), "helo: b is not in the list"),
        (Sender("sender", ADDRESS_LIST), Facts(MAIL, sender=b"<>"), "sender: <> is in the list"),
        (
            Sender("sender", ADDRESS_LIST),
            Facts(MAIL, sender=b"<a>"),
            "sender: <a> only the MTA knows where this leads",
        ),
        (Sender("sender_domain", DOMAIN_LIST), Facts(MAIL), "sender_domain: <> has no domain"),
        (
            Sender("sender", ADDRESS_LIST),
            Facts(MAIL, sender=b"<e@example.net>"),
            "sender: e@example.net is in a domain of the list",
        ),
        (Macro(b"j", Patterns([b"a*"]), MAIL), Facts(macros={b"j": b"ab"}), "macro {j}: ab matches a*"),
        (Macro(b"j", Patterns([b"a*"]), MAIL), Facts(MAIL), "macro {j}: the MTA does not send it"),
        (Header(b"Subject", Patterns([b"a"])), Facts(EOH), "header Subject: no such field"),
        (SizeAbove(9), Facts(EOM, size=10), "size_above: 10 bytes came, above 9"),
        (SizeAbove(9), Facts(MAIL, parameters=SMALL), "size_above: 10 bytes are declared, above 9"),
        (SizeAbove(9), Facts(EOM, size=9), "size_above: 9 bytes, not above 9"),
    ],
)
def test_why(test: Leaf, facts: Facts, why: str) -> None:
    assert test.why(facts, None) == why
