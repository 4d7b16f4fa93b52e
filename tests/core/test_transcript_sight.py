"""Whether a child that observes is shown a message at all, and with which recipients and macros."""

import pytest

from mmx.core.condition import Truth
from mmx.core.plan import After, ChildPlan, ObservedPlan
from mmx.core.transcript import Sight, Transcript
from mmx.wire import command, option, reply
from mmx.wire.framing import DATA, frame
from mmx.wire.payload import Options, decode_options, encode_strings
from tests.core.kept import CONTENT, CONTINUE, ENVELOPE, GREETING, REJECT, Kept
from tests.scenarios.conditions import parse_when

SECOND = frame(command.RCPT, b"<r2@example.org>\0")


def sees(plan: ObservedPlan, play: Kept, *more: bytes) -> Sight:
    """What a child sees of a message with two recipients."""
    play.say(*GREETING, *more, *ENVELOPE[:3], SECOND, ENVELOPE[3], *CONTENT)
    (transcript,) = play.transcripts
    return transcript.sight(plan)


def conditional(text: str, *, only_matching: bool = False) -> ObservedPlan:
    plan = ChildPlan("x", when=parse_when(text), only_matching=only_matching)
    return ObservedPlan(plan, frozenset())


@pytest.mark.parametrize(
    ("when", "shown"),
    [
        ("client:192.0.2.7", True),
        ("client:192.0.2.8", False),
        ("sender:<s@example.net>", True),
        ("not-sender:<s@example.net>", False),
        ("recipient:<r2@example.org>", True),
        ("recipient:<r3@example.org>", False),
    ],
)
def test_by_condition(when: str, shown: bool) -> None:
    plan = conditional(when)
    sight = sees(plan, Kept({"a": {}}, plan))
    assert (sight.skipped == "") is shown
    assert len(sight.recipients) == (2 if shown else 0)


def test_a_condition_is_asked_of_the_message_as_it_came() -> None:
    plan = ObservedPlan(ChildPlan("x", when=parse_when("header:X-A")), frozenset({"a"}))
    edit = frame(reply.ADDHEADER, encode_strings(b"X-A", b" 1"))
    assert sees(plan, Kept({"a": {command.EOM: edit + CONTINUE}}, plan)).skipped


def test_only_matching_recipients() -> None:
    plan = conditional("recipient:<r2@example.org>", only_matching=True)
    sight = sees(plan, Kept({"a": {}}, plan))
    assert [event.frame for event in sight.recipients] == [SECOND]


@pytest.mark.parametrize(("size", "shown"), [(1, False), (1000, True)])
def test_by_size(size: int, shown: bool) -> None:
    plan = ObservedPlan(ChildPlan("x", max_size=size), frozenset())
    assert (sees(plan, Kept({"a": {}}, plan)).skipped == "") is shown


@pytest.mark.parametrize(("said", "shown"), [("accept", True), ("continue", True), ("reject", False)])
def test_by_what_an_earlier_child_said(said: str, shown: bool) -> None:
    plan = ObservedPlan(ChildPlan("x", after=After("a", frozenset({said}))), frozenset({"a"}))
    sight = sees(plan, Kept({"a": {command.HEADER: frame(reply.ACCEPT)}}, plan))
    assert (sight.skipped == "") is shown


def test_after_a_refusal() -> None:
    plan = ObservedPlan(ChildPlan("x", after=After("a", frozenset({"reject"}))), frozenset({"a"}))
    assert not sees(plan, Kept({"a": {command.EOM: REJECT}}, plan)).skipped


def test_by_a_dns_list_that_answered_or_did_not() -> None:
    plan = conditional("listed:dnsbl.example")
    for answer, shown in ((Truth.YES, True), (Truth.NO, False), (None, True)):
        play = Kept({"a": {}}, plan)
        play.say(*GREETING)
        if answer is not None:
            play.session.looked_up("dnsbl.example", answer)
        play.message()
        assert (play.transcripts[0].sight(plan).skipped == "") is shown


def test_its_macros_are_asked_of_the_mta_and_nothing_else() -> None:
    plan = ObservedPlan(ChildPlan("x"), frozenset())
    lists: dict[int, tuple[bytes, ...]] = {option.STAGE_RCPT: (b"{rcpt_extra}",)}
    plain, play = Kept({"a": {}}), Kept({"a": {}}, plan)
    for one in (plain, play):
        one.session.state.knowledge.learn("a", Options(6, 0, option.NOUNKNOWN, {}))
    play.session.state.knowledge.learn("x", Options(6, option.ALL_ACTIONS, 0, lists))
    before, after = plain.say(GREETING[0])[-1], play.say(GREETING[0])[-1]
    assert decode_options(before[DATA:])._replace(macros={}) == decode_options(after[DATA:])._replace(
        macros={}
    )
    assert b"{rcpt_extra}" in decode_options(after[DATA:]).macros[option.STAGE_RCPT]
    transcript = kept(play)
    assert b"{rcpt_extra}" in transcript.requested[option.STAGE_RCPT]


def kept(play: Kept) -> Transcript:
    play.say(*GREETING[1:])
    play.message()
    return play.transcripts[0]
