"""Which rule of a script fits what has come."""

import pytest

from mmx.core.patterns import Patterns
from mmx.errors import ProtocolError
from mmx.tools.filter.script import (
    CLIENT,
    HEADER,
    HELO,
    LONGEST_WORD,
    RECIPIENT,
    SENDER,
    WORD,
    Deed,
    Garbage,
    Match,
    Pause,
    Rule,
    Say,
    SayHeader,
    Seen,
)
from mmx.wire import command, payload, reply
from mmx.wire.framing import frame
from mmx.wire.payload import encode_strings as strings

Event = tuple[int, bytes]
CONNECT: Event = (command.CONNECT, payload.encode_connection(b"mx.example.net", b"4", 25, b"192.0.2.7"))
HELO_: Event = (command.HELO, strings(b"mx.example.net"))
DATA: Event = (command.DATA, b"")
EOH: Event = (command.EOH, b"")
EOM: Event = (command.EOM, b"")


def mail(sender: bytes = b"<ann@example.net>") -> Event:
    return command.MAIL, strings(sender, b"SIZE=100")


def rcpt(recipient: bytes) -> Event:
    return command.RCPT, strings(recipient)


def header(name: bytes, value: bytes) -> Event:
    return command.HEADER, strings(name, value)


def body(text: bytes) -> Event:
    return command.BODY, text


def rule(code: int, *tests: Match, **counts: tuple[int, ...]) -> Rule:
    return Rule(1, 1, frozenset({code}), (), tests, **counts)


def match(subject: str, *globs: bytes, name: bytes = b"") -> Match:
    return Match(subject, Patterns(globs), name)


def fits(tried: Rule, *events: Event, session: int = 1) -> list[bool]:
    """Whether the rule fits at each of its events."""
    seen = Seen([tried], session)
    found = []
    for code, data in events:
        seen.take(code, data)
        if code in tried.events:
            found.append(seen.rule(code) is tried)
    return found


@pytest.mark.parametrize(
    ("test", "events"),
    [
        (match(CLIENT, b"*.example.net"), [CONNECT, mail(), EOM]),
        (match(CLIENT, b"192.0.2.*"), [CONNECT, mail(), EOM]),
        (match(HELO, b"MX.example.net"), [HELO_, mail(), EOM]),
        (match(SENDER, b"ann@*"), [mail(b"<Ann@Example.net>"), EOM]),
        (match(SENDER, b""), [mail(b"<>"), EOM]),
        (match(RECIPIENT, b"bob@example.org"), [mail(), rcpt(b"<a@b.c>"), rcpt(b"<bob@example.org>"), EOM]),
        (match(HEADER, b"*casino*", name=b"subject"), [mail(), header(b"Subject", b" The CASINO"), EOM]),
        (match(WORD, b"casino"), [mail(), body(b"At the (Casino), now"), EOM]),
        (match(WORD, b"casino"), [mail(), body(b"At the cas"), body(b"ino now"), EOM]),
        (match(WORD, b"casino"), [mail(), body(b"At the casino"), EOM]),
    ],
)
def test_what_came_earlier_is_known_at_the_end(test: Match, events: list[Event]) -> None:
    assert fits(rule(command.EOM, test), *events) == [True]


@pytest.mark.parametrize(
    ("test", "events"),
    [
        (match(CLIENT, b"*.example.org"), [CONNECT, mail(), EOM]),
        (match(SENDER, b"ann@*"), [mail(), mail(b"<bob@example.net>"), EOM]),
        (match(RECIPIENT, b"a@b.c"), [mail(), rcpt(b"<a@b.c>"), EOM, mail(), rcpt(b"<d@b.c>"), EOM][3:]),
        (match(HEADER, b"x", name=b"subject"), [mail(), header(b"Other", b"x"), EOM]),
        (match(WORD, b"cas"), [mail(), body(b"At the cas"), body(b"ino now"), EOM]),
    ],
)
def test_what_did_not_come_is_not(test: Match, events: list[Event]) -> None:
    assert fits(rule(command.EOM, test), *events) == [False]


def test_at_rcpt_it_is_this_recipient() -> None:
    tried = rule(command.RCPT, match(RECIPIENT, b"bob@*"))
    assert fits(tried, mail(), rcpt(b"<a@b.c>"), rcpt(b"<bob@b.c>"), rcpt(b"<d@b.c>")) == [False, True, False]


def test_at_header_it_is_this_header() -> None:
    tried = rule(command.HEADER, match(HEADER, b"*", name=b"subject"))
    assert fits(tried, mail(), header(b"Subject", b"x"), header(b"To", b"x")) == [True, False]


def test_all_tests_must_hold() -> None:
    tried = rule(command.EOM, match(SENDER, b"ann@*"), match(WORD, b"casino"))
    assert fits(tried, mail(), body(b"casino "), EOM, mail(), body(b"lottery"), EOM) == [True, False]


def test_messages_are_counted_in_the_session() -> None:
    tried = rule(command.EOM, messages=(2, 3))
    assert fits(tried, mail(), EOM, mail(), EOM, mail(), EOM, mail(), EOM) == [False, True, True, False]


def test_events_are_counted_in_the_message() -> None:
    tried = rule(command.RCPT, nth=(2,))
    assert fits(tried, mail(), rcpt(b"a"), rcpt(b"b"), mail(), rcpt(b"c"), rcpt(b"d")) == [
        *(False, True),
        *(False, True),
    ]


@pytest.mark.parametrize(("session", "expected"), [(1, False), (2, True)])
def test_sessions_are_counted(session: int, expected: bool) -> None:
    assert fits(rule(command.CONNECT, sessions=(2,)), CONNECT, session=session) == [expected]


def test_the_first_rule_that_fits_is_taken() -> None:
    rules = [
        Rule(1, 1, frozenset({command.RCPT}), (), (match(RECIPIENT, b"bob@*"),)),
        Rule(2, 2, frozenset({command.RCPT, command.MAIL}), ()),
        Rule(3, 3, frozenset({command.RCPT}), ()),
    ]
    seen = Seen(rules, 1)
    seen.take(*mail())
    assert seen.rule(command.MAIL) is rules[1]
    seen.take(*rcpt(b"<bob@b.c>"))
    assert seen.rule(command.RCPT) is rules[0]
    seen.take(*rcpt(b"<a@b.c>"))
    assert seen.rule(command.RCPT) is rules[1]
    seen.take(*DATA)
    assert seen.rule(command.DATA) is None


def test_a_word_without_end_is_not_kept() -> None:
    seen = Seen([rule(command.EOM, match(WORD, b"x"))], 1)
    seen.take(*mail())
    for _ in range(10):
        seen.take(*body(b"x" * 60000))
    assert len(seen._word) == LONGEST_WORD


def test_an_event_that_cannot_be_read_counts_all_the_same() -> None:
    tried = rule(command.RCPT, nth=(2,))
    seen = Seen([tried], 1)
    seen.take(*mail())
    with pytest.raises(ProtocolError):
        seen.take(command.RCPT, b"no NUL")
    seen.take(*rcpt(b"<a@b.c>"))
    assert seen.rule(command.RCPT) is tried


@pytest.mark.parametrize(
    ("steps", "answers"),
    [
        ((), False),
        ((Pause(1.0), SayHeader(reply.ADDHEADER, 0, b"X", b"y")), False),
        ((Say(frame(reply.PROGRESS)),), False),
        ((Garbage(b"x"),), False),
        ((Say(frame(reply.ACCEPT)), Pause(1.0)), True),
        ((Say(frame(reply.CONN_FAIL)),), True),
        ((Deed.SILENCE,), True),
        ((Deed.CLOSE,), True),
    ],
)
def test_what_is_an_answer(steps: tuple[Say, ...], answers: bool) -> None:
    assert Rule(1, 1, frozenset(), steps).answers is answers


def test_values_of_headers_keep_their_blank_where_that_was_agreed() -> None:
    added = SayHeader(reply.ADDHEADER, 0, b"X-A", b"b")
    assert added.frame(leading_space=False) == frame(reply.ADDHEADER, b"X-A\0b\0")
    assert added.frame(leading_space=True) == frame(reply.ADDHEADER, b"X-A\0 b\0")


def test_a_deletion_stays_one() -> None:
    deleted = SayHeader(reply.CHGHEADER, 1, b"X-A", b"")
    assert deleted.frame(leading_space=True) == frame(reply.CHGHEADER, b"\0\0\0\1X-A\0\0")
