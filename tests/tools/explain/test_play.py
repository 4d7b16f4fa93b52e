"""Mails played to the core: who sees them, from which event on, and why."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from mmx.core.client_tests import ClientName, DnsList, S25r
from mmx.core.condition import Truth
from mmx.core.joints import All, Named, Not, Part
from mmx.core.message_tests import Addresses, Authenticated, Header, Helo, Recipient, Sender, SizeAbove
from mmx.core.patterns import Patterns
from mmx.core.plan import After, Chain, ChildPlan, ObservedPlan
from mmx.tools.explain.mail import Mail
from mmx.tools.explain.play import Outcome, Play
from mmx.tools.mail_file import Message

DIAL_UP = "dsl-7-33.example.net"
MAIL = Mail(
    "192.0.2.7",
    "mail.example.net",
    helo="mail.example.net",
    sender="a@example.net",
    recipients=("c@example.org", "d@example.com"),
    message=Message(((b"Subject", b" x"), (b"List-Id", b" <l>")), b"x" * 100_000),
)
ENVELOPE = replace(MAIL, message=None)


def asked_of_nobody(address: str, lists: tuple[str, ...]) -> Mapping[str, Truth]:
    raise AssertionError(f"{lists} asked about {address}")


def outcomes(mail: Mail, *plans: ChildPlan, **rest: Any) -> dict[str, Outcome]:
    chain = Chain(children=plans, **rest)
    return {outcome.name: outcome for outcome in Play(chain, mail, asked_of_nobody).outcomes}


def outcome(mail: Mail, *parts: Part, **rest: Any) -> Outcome:
    when = Named("told", All(parts))
    return outcomes(mail, ChildPlan("child", when=when, **rest))["child"]


def s25r() -> Part:
    return S25r(Patterns(()), Patterns(()))


def addresses(*entries: bytes) -> Addresses:
    return Addresses(entries)


def test_a_child_without_condition_sees_everything() -> None:
    seen = outcomes(MAIL, ChildPlan("a"), ChildPlan("b"))
    expected = ("<c@example.org>", "<d@example.com>")
    assert seen["a"] == Outcome("a", True, "CONNECT", "", recipients=expected)
    assert list(seen) == ["a", "b"]


@pytest.mark.parametrize(
    ("part", "mail", "event", "why"),
    [
        (s25r(), replace(MAIL, name=DIAL_UP), "CONNECT", f"told: s25r: {DIAL_UP} rule 1"),
        (s25r(), replace(MAIL, name="unknown"), "CONNECT", "told: s25r: no reverse name"),
        (Helo(Patterns([b"mail.*"])), MAIL, "HELO", "told: helo: mail.example.net matches mail.*"),
        (Authenticated(), replace(MAIL, user="alice"), "MAIL", "told: authenticated: alice has logged in"),
        (Not(Authenticated()), MAIL, "MAIL", "told: not (authenticated: no login)"),
        (
            Sender("sender", addresses(b"a@example.net")),
            MAIL,
            "MAIL",
            "told: sender: a@example.net is in the list",
        ),
        (
            Recipient("recipient", addresses(b"c@example.org")),
            MAIL,
            "RCPT 1",
            "told: recipient: c@example.org is in the list",
        ),
        (
            Recipient("recipient", addresses(b"d@example.com")),
            MAIL,
            "RCPT 2",
            "told: recipient: d@example.com is in the list",
        ),
        (SizeAbove(50_000), replace(MAIL, size=60_000), "MAIL", "told: size_above: 60000 bytes are declared"),
        (SizeAbove(200_000), MAIL, "", ""),
    ],
)
def test_where_a_child_joins_and_why(part: Part, mail: Mail, event: str, why: str) -> None:
    found = outcome(mail, part)
    assert found.runs is bool(event)
    if event:
        assert found.event == event
        assert found.why.startswith(why)


@pytest.mark.parametrize(
    ("part", "event", "why"),
    [
        (s25r(), "MAIL", "told: s25r: mail.example.net satisfies no rule"),
        (Authenticated(), "MAIL", "told: authenticated: no login"),
        (Helo(Patterns([b"other"])), "MAIL", "told: helo: mail.example.net is not in the list"),
        (
            Recipient("recipient", addresses(b"e@example.org")),
            "DATA",
            "told: recipient: d@example.com is not in the list",
        ),
        (Header(b"x-other", Patterns([b"*"])), "EOM", "told: header x-other: no such field"),
        (SizeAbove(200_000), "EOM", "told: size_above: 1000"),
    ],
)
def test_who_is_left_out_and_why(part: Part, event: str, why: str) -> None:
    found = outcome(MAIL, part)
    assert found.runs is False
    assert found.event in (event, "EOH") if event == "EOM" else found.event == event
    assert found.why.startswith(why)
    assert found.recipients == ()


def test_a_header_lets_it_join() -> None:
    found = outcome(MAIL, Header(b"list-id", Patterns([b"*"])))
    assert found.runs
    assert found.why == "told: header list-id: <l> matches *"
    assert found.recipients == ("<c@example.org>", "<d@example.com>")


@pytest.mark.parametrize(
    ("mail", "why"),
    [
        (Mail("192.0.2.7"), "told: authenticated: not known yet"),
        (Mail("192.0.2.7", helo="x"), "told: authenticated: not known yet"),
    ],
)
def test_what_the_mail_does_not_tell_stays_open(mail: Mail, why: str) -> None:
    found = outcome(mail, Authenticated())
    assert (found.runs, found.why) == (None, why)


def test_content_that_is_not_there_stays_open() -> None:
    assert outcome(ENVELOPE, Header(b"list-id", Patterns([b"*"]))).runs is None
    assert outcome(ENVELOPE, SizeAbove(10)).runs is None


def test_a_condition_known_at_connect_is_told_without_a_sender() -> None:
    found = outcome(Mail("192.0.2.7", DIAL_UP), s25r())
    assert (found.runs, found.event, found.why) == (True, "CONNECT", f"told: s25r: {DIAL_UP} rule 1")


def test_a_condition_that_fails_at_connect_is_told_without_a_sender() -> None:
    found = outcome(Mail("192.0.2.7", "mail.example.net"), s25r())
    assert (found.runs, found.event) == (False, "the next event")


def test_a_child_is_taken_out_at_its_size() -> None:
    seen = outcomes(MAIL, ChildPlan("child", max_size=65_000))["child"]
    assert seen.runs
    assert seen.leaves == "max_size: more than 65000 bytes, from body on"


def test_only_matching_recipients_are_shown() -> None:
    found = outcome(MAIL, Recipient("recipient", addresses(b"d@example.com")), only_matching=True)
    assert found.recipients == ("<d@example.com>",)


def test_what_an_earlier_child_says_is_not_made_up() -> None:
    second = ChildPlan("second", after=After("first", frozenset({"accept"})))
    assert outcomes(MAIL, ChildPlan("first"), second)["second"].runs


@pytest.mark.parametrize("answer", [Truth.YES, Truth.NO, Truth.UNKNOWN])
def test_dns_lists_are_asked_once(answer: Truth) -> None:
    asked = []

    def look_up(address: str, lists: tuple[str, ...]) -> Mapping[str, Truth]:
        asked.append((address, lists))
        return dict.fromkeys(lists, answer)

    plan = ChildPlan("child", when=DnsList(("list.example",)))
    (found,) = Play(Chain(children=(plan,), dns_lists=("list.example",)), MAIL, look_up).outcomes
    assert asked == [("192.0.2.7", ("list.example",))]
    assert found.runs is (answer is not Truth.NO)


def test_listener_and_stress_are_those_of_the_session() -> None:
    seen = []

    class Noting(ClientName):
        def look(self, facts: Any, *rest: Any) -> Any:
            seen.append((facts.listener, facts.stressed))
            return super().look(facts, *rest)

    plan = ChildPlan("child", when=Noting(Patterns([b"x"])))
    Play(Chain(children=(plan,)), MAIL, asked_of_nobody, listener="submission", stressed=True)
    assert set(seen) == {("submission", True)}


def test_a_child_that_observes_is_asked_the_same() -> None:
    plan = ChildPlan("child", when=Sender("sender", addresses(b"a@example.net")))
    chain = Chain(children=(ChildPlan("first"),), observed=(ObservedPlan(plan, frozenset({"first"})),))
    first, child = Play(chain, MAIL, asked_of_nobody).outcomes
    assert (first.runs, child.runs, child.why) == (True, True, "sender: a@example.net is in the list")
    (_, child) = Play(chain, replace(MAIL, sender="b@example.net"), asked_of_nobody).outcomes
    assert not child.runs
