"""The MTA of a message that is played again."""

import pytest

from mmx.core import playback as module
from mmx.core.plan import ChildPlan, ObservedPlan
from mmx.core.playback import QUIT_FRAME, Playback
from mmx.core.spool import Counter, Mirror
from mmx.wire import command, option, reply
from mmx.wire.framing import CODE, DATA, frame
from mmx.wire.payload import encode_options
from tests.core.kept import CONTENT, CONTINUE, ENVELOPE, GREETING, OPTNEG, REJECT, Kept

PLAN = ObservedPlan(ChildPlan("x"), frozenset())
NEGOTIATED = frame(reply.OPTNEG, encode_options(6, option.ALL_ACTIONS, 0, {}))
ACCEPT = frame(reply.ACCEPT)
DISCARD = frame(reply.DISCARD)
TEXT = frame(reply.REPLYCODE, b"550 5.7.1 no\0")
LATER = frame(reply.REPLYCODE, b"451 4.7.1 later\0")
ADD = frame(reply.ADDHEADER, b"X\0y\0")
REPLACE = frame(reply.REPLBODY, b"z")
HOLD = frame(reply.QUARANTINE, b"odd\0")


def played(*more: bytes) -> Playback:
    """The playback of a message; `more` comes between RCPT and DATA."""
    play = Kept({}, PLAN)
    play.say(*GREETING, *ENVELOPE[:3], *more, ENVELOPE[3], *CONTENT)
    (transcript,) = play.transcripts
    return Playback(transcript, PLAN)


def run(playback: Playback, *answers: bytes) -> list[bytes]:
    """All that it says when it is answered so; content needs no answer."""
    said = playback.begin()
    for answer in answers:
        while playback.streams:
            said += playback.more()
        said += playback.take(answer)
    while playback.streams:
        said += playback.more()
    return said


def test_it_says_what_the_mta_said() -> None:
    playback = played()
    said = run(playback, NEGOTIATED, *[CONTINUE] * 6)
    assert said == [OPTNEG, *GREETING[1:], *ENVELOPE, *CONTENT, QUIT_FRAME]
    assert playback.finished
    assert (playback.outcome, playback.stage) == ("continue", "EOM")


EVENTS = {command.CONNECT: 0, command.HELO: 1, command.MAIL: 2, command.DATA: 4, command.EOM: 5}


@pytest.mark.parametrize("stage", EVENTS)
@pytest.mark.parametrize(
    ("answer", "outcome", "text"),
    [
        (REJECT, "reject", b""),
        (frame(reply.TEMPFAIL), "tempfail", b""),
        (TEXT, "reject", b"550 5.7.1 no"),
        (LATER, "tempfail", b"451 4.7.1 later"),
        (DISCARD, "discard", b""),
        (ACCEPT, "accept", b""),
    ],
)
def test_a_verdict_ends_it(stage: int, answer: bytes, outcome: str, text: bytes) -> None:
    playback = played()
    said = run(playback, NEGOTIATED, *[CONTINUE] * EVENTS[stage], answer)
    assert said[-1] == QUIT_FRAME
    assert said[-2][CODE] == stage
    assert playback.finished
    assert (playback.outcome, playback.stage, playback.reply) == (outcome, command.NAMES[stage], text)


def test_a_refused_recipient_is_counted_and_the_others_go_on() -> None:
    second = frame(command.RCPT, b"<second@example.org>\0")
    playback = played(second)
    said = run(playback, NEGOTIATED, *[CONTINUE] * 3, TEXT, *[CONTINUE] * 3)
    assert said == [OPTNEG, *GREETING[1:], *ENVELOPE[:3], second, ENVELOPE[3], *CONTENT, QUIT_FRAME]
    assert (playback.outcome, playback.refused, playback.reply) == ("continue", 1, b"550 5.7.1 no")


def test_all_recipients_refused() -> None:
    playback = played(frame(command.RCPT, b"<second@example.org>\0"))
    said = run(playback, NEGOTIATED, *[CONTINUE] * 3, TEXT, LATER)
    assert said[-1] == QUIT_FRAME
    assert (playback.outcome, playback.stage, playback.refused) == ("tempfail", "RCPT", 2)
    assert playback.reply == b"451 4.7.1 later"


@pytest.mark.parametrize(("answer", "outcome"), [(ACCEPT, "accept"), (DISCARD, "discard")])
def test_accept_and_discard_of_a_recipient_end_it(answer: bytes, outcome: str) -> None:
    playback = played(frame(command.RCPT, b"<second@example.org>\0"))
    run(playback, NEGOTIATED, *[CONTINUE] * 3, TEXT, answer)
    assert playback.finished
    assert (playback.outcome, playback.stage, playback.refused) == (outcome, "RCPT", 1)


@pytest.mark.parametrize(
    ("answers", "outcome", "edits"),
    [
        ([ADD, ADD, REPLACE, REPLACE, CONTINUE], "continue", (("REPLBODY", 1), ("ADDHEADER", 2))),
        ([HOLD, CONTINUE], "quarantine", (("QUARANTINE", 1),)),
        ([HOLD, ACCEPT], "quarantine", (("QUARANTINE", 1),)),
        ([frame(reply.PROGRESS), ADD, ACCEPT], "accept", (("ADDHEADER", 1),)),
    ],
)
def test_edits(answers: list[bytes], outcome: str, edits: tuple[tuple[str, int], ...]) -> None:
    playback = played()
    run(playback, NEGOTIATED, *[CONTINUE] * 5, *answers)
    assert (playback.outcome, playback.edits) == (outcome, edits)


@pytest.mark.interpreted
def test_long_content_comes_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PORTION", 10)
    play = Kept({}, PLAN)
    headers = [frame(command.HEADER, b"X-%d\0 value\0" % number) for number in range(5)]
    bodies = [frame(command.BODY, b"x" * 7) for _ in range(5)]
    play.say(*GREETING, *ENVELOPE, *headers, CONTENT[1], *bodies, CONTENT[3])
    playback = Playback(play.transcripts[0], PLAN)
    playback.begin()
    for answer in [NEGOTIATED, *[CONTINUE] * 4]:
        playback.take(answer)
    portions = [playback.take(CONTINUE)]
    while playback.streams:
        portions.append(playback.more())
    assert [one for portion in portions for one in portion] == [*headers, CONTENT[1], *bodies, CONTENT[3]]
    assert len(portions) > 8
    assert playback.take(CONTINUE) == [QUIT_FRAME]


def test_a_message_without_body_or_headers() -> None:
    play = Kept({}, PLAN)
    play.say(*GREETING, *ENVELOPE, CONTENT[3])
    playback = Playback(play.transcripts[0], PLAN)
    said = run(playback, NEGOTIATED, *[CONTINUE] * 6)
    assert said == [OPTNEG, *GREETING[1:], *ENVELOPE, CONTENT[1], CONTENT[3], QUIT_FRAME]


def test_a_failure_ends_it_at_the_next_answer() -> None:
    playback = played()
    run(playback, NEGOTIATED, CONTINUE, CONTINUE)
    playback.fail("MAIL", "eof: gone")
    assert playback.take(CONTINUE) == [QUIT_FRAME]
    assert (playback.outcome, playback.stage, playback.why) == ("failed", "MAIL", "eof: gone")
    assert playback.take(CONTINUE) == []
    assert playback.more() == []


def test_a_failure_after_the_verdict_takes_its_place() -> None:
    playback = played()
    run(playback, NEGOTIATED, *[CONTINUE] * 5, ADD, CONTINUE)
    playback.fail("EOM", "timeout: late")
    assert (playback.outcome, playback.edits) == ("failed", ())


def test_an_mta_of_an_old_version_is_played_as_a_new_one() -> None:
    play = Kept({}, PLAN)
    old = frame(command.OPTNEG, encode_options(2, 0x3F, 0x7F, {}))
    answers = play.say(old, *GREETING[1:], *ENVELOPE[:3], *CONTENT)
    assert len(answers) > 6
    (begin,) = Playback(play.transcripts[0], PLAN).begin()
    streamed = option.NR_HDR | option.NR_EOH | option.NR_BODY
    assert begin == frame(command.OPTNEG, encode_options(6, 0x3F, 0x7F | streamed, {}))


def test_its_spools_hold_nothing() -> None:
    playback = played()
    body, replaced = playback.new_spool(), playback.new_spool()
    assert isinstance(body, Mirror)
    assert isinstance(replaced, Counter)
    body.append(CONTENT[2][DATA:])
    assert body.read(0, 100) == CONTENT[2][DATA:]
