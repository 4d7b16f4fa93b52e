"""What is kept of a message for the children that observe, and who closes its spools."""

import pytest

from mmx.core.content import Revision
from mmx.core.plan import ORIGINAL, ChildPlan, ObservedPlan
from mmx.core.transcript import Transcript
from mmx.wire import command, option, reply
from mmx.wire.framing import frame
from mmx.wire.payload import encode_options, encode_strings
from tests.core.kept import CONTENT, CONTINUE, ENVELOPE, GREETING, REJECT, Kept

ADD = frame(reply.ADDHEADER, encode_strings(b"X-A", b" 1"))
BODY = frame(reply.REPLBODY, b"another\r\n")
BEHIND_A = ObservedPlan(ChildPlan("x"), frozenset({"a"}))
FIRST = ObservedPlan(ChildPlan("y"), frozenset())


def kept(play: Kept) -> Transcript:
    play.say(*GREETING)
    play.message()
    (transcript,) = play.transcripts
    return transcript


def test_nothing_is_kept_when_no_child_observes() -> None:
    play = Kept({"a": {command.EOM: ADD + BODY + CONTINUE}})
    play.say(*GREETING)
    play.message()
    assert play.transcripts == []
    assert play.spools == []


def test_what_is_kept() -> None:
    transcript = kept(Kept({"a": {}}, FIRST))
    assert transcript.session == "1f00c3a7"
    assert transcript.queue_id == b"4XyZ12"
    assert transcript.verdict == "accept"
    assert [event.code for event in transcript.envelope] == [command.CONNECT, command.HELO, command.MAIL]
    assert [event.frame for event in transcript.sight(FIRST).recipients] == [ENVELOPE[2]]
    assert transcript.size == len(b"text\r\n")


@pytest.mark.parametrize("observers", [1, 2, 3])
def test_the_last_release_closes_the_spools(observers: int) -> None:
    play = Kept({"a": {command.EOM: BODY + CONTINUE}}, *[BEHIND_A] * observers)
    transcript = kept(play)
    for left in reversed(range(observers)):
        assert len(play.spools) == 2
        assert transcript.is_last == (left == 0)
        transcript.release()
    assert play.spools == []


def test_edits_that_nobody_is_to_see_are_dropped_at_once() -> None:
    play = Kept({"a": {}, "b": {command.EOM: BODY + CONTINUE}}, BEHIND_A)
    transcript = kept(play)
    assert len(play.spools) == 1
    transcript.release()
    assert play.spools == []


def test_the_edits_of_a_child_that_refused_are_not_shown() -> None:
    play = Kept({"a": {command.EOM: BODY + REJECT}}, BEHIND_A)
    transcript = kept(play)
    assert transcript.view(BEHIND_A).source is transcript.content
    assert transcript.verdict == "reject"
    transcript.release()
    assert play.spools == []


def test_a_view_is_the_message_as_earlier_children_left_it() -> None:
    transcript = kept(Kept({"a": {command.EOM: ADD + BODY + CONTINUE}}, BEHIND_A, FIRST))
    edited, original = transcript.view(BEHIND_A), transcript.view(FIRST)
    assert isinstance(edited.source, Revision)
    assert edited.source.header_count == 2
    assert edited.source.chunk(0) == edited.body.read(0, 100) == b"another\r\n"
    assert original.source is transcript.content
    assert original.body.read(0, 100) == b"text\r\n"


def test_a_view_of_edited_headers_has_the_body_as_it_came() -> None:
    edited = kept(Kept({"a": {command.EOM: ADD + CONTINUE}}, BEHIND_A)).view(BEHIND_A)
    assert edited.source.header_count == 2
    assert edited.source.chunk(0) == edited.body.read(0, 100) == b"text\r\n"


@pytest.mark.parametrize("edit", [ADD, BODY])
@pytest.mark.parametrize("always", [True, False])
def test_the_original_message_for_those_that_want_it(edit: bytes, always: bool) -> None:
    plan = ObservedPlan(ChildPlan("x", content=ORIGINAL, original_always=always), frozenset({"a"}))
    transcript = kept(Kept({"a": {command.EOM: edit + CONTINUE}}, plan))
    assert (transcript.view(plan).source is transcript.content) == (always or edit == ADD)


@pytest.mark.parametrize("stage", [command.HEADER, command.EOH, command.BODY])
def test_a_message_refused_inside_its_content_is_kept_whole(stage: int) -> None:
    play = Kept({"a": {stage: REJECT}}, FIRST)
    transcript = kept(play)
    assert transcript.content.complete
    assert transcript.content.chunk(0) == b"text\r\n"
    transcript.release()
    assert play.spools == []


@pytest.mark.parametrize("stage", [command.MAIL, command.DATA])
def test_a_message_refused_before_its_content_is_not_kept(stage: int) -> None:
    play = Kept({"a": {stage: REJECT}}, FIRST)
    play.say(*GREETING)
    assert play.message() == [REJECT]
    assert play.transcripts == []
    assert play.spools == []


@pytest.mark.parametrize("end", [frame(command.ABORT), frame(command.QUIT), frame(command.HELO, b"x\0")])
@pytest.mark.parametrize("seen", [1, 2, 3])
def test_a_message_that_was_given_up_is_not_kept(end: bytes, seen: int) -> None:
    play = Kept({"a": {}}, FIRST)
    play.say(*GREETING, *ENVELOPE, *CONTENT[:seen], end)
    assert play.transcripts == []
    assert play.spools == []


def test_a_message_that_was_not_answered_is_not_kept() -> None:
    play = Kept({"a": {command.EOM: b""}}, FIRST)
    play.say(*GREETING, *ENVELOPE, *CONTENT)
    play.session.mta_lost()
    assert play.transcripts == []
    assert play.spools == []


@pytest.mark.parametrize("refused", [False, True])
def test_a_message_that_did_not_fit_is_not_kept(refused: bool) -> None:
    play = Kept({"a": {command.HEADER: REJECT} if refused else {}}, FIRST)
    play.say(*GREETING, *ENVELOPE)
    for _ in range(20):
        play.say(frame(command.HEADER, b"X\0" + b"x" * 400_000 + b"\0"))
    play.say(*CONTENT)
    assert play.transcripts == []
    assert play.spools == []


def test_accept_is_not_told_before_the_end_of_the_message() -> None:
    accept = frame(reply.ACCEPT)
    play = Kept({"a": {command.CONNECT: accept}}, FIRST)
    assert play.say(*GREETING)[1:] == [CONTINUE, CONTINUE]
    assert play.message()[-1] == accept
    assert len(play.transcripts) == 1


def test_an_old_mta_is_not_told_to_skip_the_body() -> None:
    answers = {command.BODY: frame(reply.SKIP)}
    old = frame(command.OPTNEG, encode_options(6, option.ALL_ACTIONS, option.SKIP, {}))
    for observed, told in (((), answers[command.BODY]), ((FIRST,), CONTINUE)):
        play = Kept({"a": answers}, *observed)
        play.say(old, *GREETING[1:], *ENVELOPE, *CONTENT[:2])
        assert play.say(CONTENT[2]) == [told]
