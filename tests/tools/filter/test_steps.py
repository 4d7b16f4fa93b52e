"""The words of a script's steps."""

import pytest

from mmx.settings.document import read_document
from mmx.settings.values import RefusedError
from mmx.tools.filter.script import Deed, Garbage, Pause, Say, SayHeader, Step
from mmx.tools.filter.steps import VERDICTS, steps_reader
from mmx.wire import command, reply
from mmx.wire.framing import MAX_DATA, frame

EOM = frozenset({command.EOM})


def read(text: str, events: frozenset[int] = EOM) -> tuple[Step, ...]:
    table, problems = read_document("s.yaml", f"do: {text}\n".encode())
    assert not problems
    return steps_reader(events)(table.entries["do"])


@pytest.mark.parametrize("word", VERDICTS)
def test_each_verdict_is_a_word_and_a_reply(word: str) -> None:
    assert read(word) == read(f"{{reply: {word}}}") == (Say(frame(VERDICTS[word])),)


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("progress", Say(frame(reply.PROGRESS))),
        ("silence", Deed.SILENCE),
        ("close", Deed.CLOSE),
        ("reset", Deed.RESET),
        ("hang", Deed.HANG),
        ("{delay: 1500ms}", Pause(1.5)),
        ('{reply: "550 5.7.1 No"}', Say(frame(reply.REPLYCODE, b"550 5.7.1 No\0"))),
        ('{reply: "450 100% full"}', Say(frame(reply.REPLYCODE, b"450 100%% full\0"))),
        ('{reply: ["550-a", "550 b"]}', Say(frame(reply.REPLYCODE, b"550-a\r\n550 b\0"))),
        ("{add_header: {name: X-A, value: b}}", SayHeader(reply.ADDHEADER, 0, b"X-A", b"b")),
        ('{add_header: {name: X-A, value: "b\\n\\tc"}}', SayHeader(reply.ADDHEADER, 0, b"X-A", b"b\n\tc")),
        ('{add_header: {name: X-A, value: ""}}', SayHeader(reply.ADDHEADER, 0, b"X-A", b"")),
        ("{insert_header: {index: 0, name: X, value: b}}", SayHeader(reply.INSHEADER, 0, b"X", b"b")),
        ("{insert_header: {name: X, value: b}}", SayHeader(reply.INSHEADER, 0, b"X", b"b")),
        ("{change_header: {name: X, value: b}}", SayHeader(reply.CHGHEADER, 1, b"X", b"b")),
        ("{change_header: {name: X, value: b, index: 2}}", SayHeader(reply.CHGHEADER, 2, b"X", b"b")),
        ("{delete_header: {name: X}}", SayHeader(reply.CHGHEADER, 1, b"X", b"")),
        ('{add_recipient: "<a@b.c>"}', Say(frame(reply.ADDRCPT, b"<a@b.c>\0"))),
        (
            '{add_recipient: {address: "<a@b.c>", parameters: "NOTIFY=NEVER"}}',
            Say(frame(reply.ADDRCPT_PAR, b"<a@b.c>\0NOTIFY=NEVER\0")),
        ),
        ('{delete_recipient: "<a@b.c>"}', Say(frame(reply.DELRCPT, b"<a@b.c>\0"))),
        ('{change_sender: "<>"}', Say(frame(reply.CHGFROM, b"<>\0"))),
        ('{replace_body: "a\\nb\\n"}', Say(frame(reply.REPLBODY, b"a\r\nb\r\n"))),
        ('{replace_body: ""}', Say(frame(reply.REPLBODY))),
        ("{quarantine: a reason}", Say(frame(reply.QUARANTINE, b"a reason\0"))),
        ('{garbage: "\\0\\xff"}', Garbage(b"\0\xff")),
        ('{frame: {code: "y", data: "250 ok\\0"}}', Say(frame(reply.REPLYCODE, b"250 ok\0"))),
        ('{frame: {code: "Z"}}', Say(frame(0x5A))),
    ],
)
def test_a_step(text: str, step: Step) -> None:
    assert read(text) == (step,)


def test_steps_keep_their_order() -> None:
    expected = (Pause(1.0), Say(frame(reply.PROGRESS)), Say(frame(reply.ACCEPT)))
    assert read("[{delay: 1s}, progress, accept]") == expected
    assert read("[{delay: 1s}, progress, {reply: accept}]") == expected


def test_entries_of_a_map_are_steps_in_their_order() -> None:
    steps = read("{delay: 1s, quarantine: why, reply: accept}")
    assert steps == (Pause(1.0), Say(frame(reply.QUARANTINE, b"why\0")), Say(frame(reply.ACCEPT)))


def test_a_long_body_is_several_frames() -> None:
    steps = read('{replace_body: "' + "x" * (MAX_DATA + 1) + '"}')
    assert [len(step.frame) for step in steps if isinstance(step, Say)] == [MAX_DATA + 5, 6]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("bounce", "unknown step; known are"),
        ("acept", "unknown step; did you mean accept?"),
        ("delay", "delay needs a value; write {delay: ...}"),
        ("{acccept: 1}", "unknown step"),
        ("{accept: 1}", "this step has no value"),
        ("{delay: 5}", "a duration needs its unit"),
        ('{reply: "250 2.0.0 Ok"}', "no reply that an MTA takes"),
        ('{reply: "550 a", delay: 1}', "a duration needs its unit"),
        ('{reply: ["550 a", "550 b"]}', "no reply that an MTA takes"),
        ("{add_header: X}", "a map is wanted here; write {name: ..., value: ...}"),
        ("{add_header: {name: X}}", "value is missing"),
        ("{add_header: {name: X, value: b, indx: 1}}", "unknown key indx"),
        ('{add_header: {name: "X:", value: b}}', "no header name"),
        ('{quarantine: "a\\0b"}', "a NUL"),
        ('{garbage: "\\u20ac"}', "a character that is no byte"),
        ('{frame: {code: "yy"}}', "not one character"),
    ],
)
def test_a_mistake(text: str, complaint: str) -> None:
    with pytest.raises(RefusedError) as refused:
        read(text)
    told = [f"{fault.message}; {fault.remedy}" for fault in refused.value.faults]
    assert any(complaint in line for line in told), told


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (command.RCPT, "{quarantine: why}"),
        (command.MAIL, "{add_header: {name: X, value: b}}"),
        (command.ABORT, "accept"),
        (command.QUIT, "progress"),
        (command.OPTNEG, '{reply: "550 no"}'),
    ],
)
def test_a_step_where_it_cannot_stand(event: int, text: str) -> None:
    with pytest.raises(RefusedError, match="cannot stand at"):
        read(text, frozenset({event}))


def test_a_frame_can_stand_anywhere() -> None:
    assert read('{frame: {code: "q", data: "why\\0"}}', frozenset({command.RCPT}))


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(RefusedError) as refused:
        read("[bounce, {delay: 5}, {reply: 7, quarantine: 8}]")
    assert len(refused.value.faults) == 4
