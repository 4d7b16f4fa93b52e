"""A child that observes changes nothing of what the MTA hears, to the byte, whatever it says and wherever."""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from mmx.settings.model import ChildSettings
from mmx.wire import command, option, reply
from mmx.wire.framing import CODE, DATA, frame
from mmx.wire.payload import encode_indexed_header, encode_strings
from tests.aio.observing import answering, nothing_is_left, observed, told
from tests.aio.peers import CONTINUE, NO_ANSWER, FakeChild, FakeMta
from tests.aio.test_sessions import Running

HEARD_AT_END = frozenset(
    {reply.CONTINUE, reply.ACCEPT, reply.REJECT, reply.TEMPFAIL, reply.DISCARD, reply.REPLYCODE}
)
TEMPFAIL = frame(reply.TEMPFAIL)
DISCARD = frame(reply.DISCARD)
OTHERS = frame(reply.ADDHEADER, encode_strings(b"X-Other", b" kept"))
RCPTS = tuple(frame(command.RCPT, b"<r%d@example.org>\0" % number) for number in range(3))


def header(code: int, position: int, name: bytes, value: bytes) -> bytes:
    return frame(code, encode_indexed_header(position, name, value))


ADD = frame(reply.ADDHEADER, encode_strings(b"X-Seen", b" yes"))
EDITS = {
    "add-header": ADD,
    "insert-header": header(reply.INSHEADER, 1, b"X-Seen", b" yes"),
    "change-header": header(reply.CHGHEADER, 1, b"Subject", b" other"),
    "delete-header": header(reply.CHGHEADER, 1, b"Subject", b""),
    "change-from": frame(reply.CHGFROM, b"<other@example.net>\0"),
    "add-recipient": frame(reply.ADDRCPT, b"<x@example.org>\0"),
    "delete-recipient": frame(reply.DELRCPT, b"<r0@example.org>\0"),
    "replace-body": frame(reply.REPLBODY, b"another\r\n"),
    "quarantine": frame(reply.QUARANTINE, b"odd\0"),
}
REFUSED = frame(reply.REPLYCODE, b"554 5.7.1 100%% no\0")
LATER = frame(reply.REPLYCODE, b"451 4.7.1 later\0")

LINES: dict[str, tuple[dict[int, bytes], dict[str, str]]] = {
    "helo-reject": ({command.HELO: frame(reply.REJECT)}, {"verdict": "reject", "stage": "HELO"}),
    "helo-temporary-failure": ({command.HELO: TEMPFAIL}, {"verdict": "tempfail", "stage": "HELO"}),
    "envelope-from-discard": ({command.MAIL: DISCARD}, {"verdict": "discard", "stage": "MAIL"}),
    "envelope-recipient-reject": (
        {command.RCPT: frame(reply.REJECT)},
        {"verdict": "reject", "stage": "RCPT", "refused": "3"},
    ),
    "envelope-recipient-reply-code-4xx": (
        {command.RCPT: LATER},
        {"verdict": "tempfail", "reply": "451 4.7.1 later", "refused": "3"},
    ),
    "envelope-recipient-reply-code-5xx": (
        {command.RCPT: REFUSED},
        {"verdict": "reject", "reply": "554 5.7.1 100%% no", "refused": "3"},
    ),
    "envelope-recipient-temporary-failure": (
        {command.RCPT: TEMPFAIL},
        {"verdict": "tempfail", "stage": "RCPT", "refused": "3"},
    ),
    "add-header-discard": ({command.EOM: ADD + DISCARD}, {"verdict": "discard", "stage": "EOM"}),
    "add-header-reject": ({command.EOM: ADD + REFUSED}, {"verdict": "reject", "stage": "EOM"}),
    "add-header-temporary-failure": ({command.EOM: ADD + TEMPFAIL}, {"verdict": "tempfail", "stage": "EOM"}),
    **{
        name: (
            {command.EOM: edit + CONTINUE},
            {
                "verdict": "quarantine" if name == "quarantine" else "continue",
                "edits": f"{reply.NAMES[edit[CODE]]}:1",
            },
        )
        for name, edit in EDITS.items()
    },
}


async def hears(running: Running, messages: int = 1) -> list[bytes]:
    """Everything that the MTA hears in a session of these messages."""
    mta = await FakeMta.connect(running.path)
    running.mtas.append(mta)
    await mta.greet()
    heard: list[bytes] = []
    for _ in range(messages):
        heard += await message(mta)
        await mta.send(frame(command.ABORT))
    return heard


async def message(mta: FakeMta) -> list[bytes]:
    heard = []
    for received in (frame(command.MAIL, b"<s@example.net>\0"), *RCPTS, frame(command.DATA)):
        heard.append(await mta.ask(received))
        if heard[-1] != CONTINUE and received[CODE] != command.RCPT:
            return heard
    if heard[1:-1] == [answer for answer in heard[1:-1] if answer != CONTINUE]:
        return heard
    await mta.send(
        *(frame(command.HEADER, b"Subject\0 x\0"), frame(command.EOH), frame(command.BODY, b"text\r\n")),
        frame(command.EOM),
    )
    while True:
        heard.append(await mta.receive())
        if heard[-1][CODE] in HEARD_AT_END:
            return heard


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("first", [True, False], ids=["before", "behind"])
async def test_an_evaluated_child_changes_nothing(  # one parameter for each line of the checklist
    directory: Path,
    child: FakeChild,
    observer: FakeChild,
    caplog: pytest.LogCaptureFixture,
    line: str,
    first: bool,
) -> None:
    caplog.set_level(logging.INFO)
    answers, expected = LINES[line]
    child.answer = answering({command.EOM: OTHERS + CONTINUE}, option.HDR_LEADSPC)
    observer.answer = answering(answers, option.HDR_LEADSPC)
    async with Running(directory, child.endpoint).serving() as running:
        alone = await hears(running)
    assert alone[-2:] == [OTHERS, CONTINUE]
    chain = (observed(observer), child.endpoint) if first else (child.endpoint, observed(observer))
    async with Running(directory, *chain).serving() as running:
        assert await hears(running) == alone
        (record,) = await told(caplog)
        await nothing_is_left(running)
    assert {name: record.get(name) for name in expected} == expected


DECIDING = st.sampled_from(
    [CONTINUE, frame(reply.REJECT), TEMPFAIL, DISCARD, REFUSED, LATER, frame(reply.SHUTDOWN)]
)
EDITING = st.lists(st.sampled_from(list(EDITS.values())), max_size=3).map(b"".join)
STAGES = (
    *(command.CONNECT, command.HELO, command.MAIL, command.RCPT, command.DATA),
    *(command.HEADER, command.EOH, command.BODY),
)
AFTER_MAIL = st.sampled_from(STAGES[2:])


@st.composite
def scripts(draw: st.DrawFn, stages: Sequence[int], *, hostile: bool) -> dict[int, bytes | None]:
    """What a child says: mostly CONTINUE, at one stage or two anything, edits at end of message."""
    answers: dict[int, bytes | None] = {
        draw(st.sampled_from(stages)): draw(DECIDING) for _ in range(draw(st.integers(0, 2)))
    }
    answers[command.EOM] = draw(EDITING) + draw(DECIDING)
    if hostile:
        garbage = draw(
            st.sampled_from([b"", b"\0\0\0\0", b"HTTP/1.1 ", frame(0x7A), ADD, frame(reply.ACCEPT)])
        )
        answers[draw(st.sampled_from((*stages, command.EOM)))] = garbage or None
    return answers


async def compare(
    enforced: dict[int, bytes | None], observing: dict[int, bytes | None], protocol: int
) -> None:
    directory = Path(tempfile.mkdtemp(prefix="mmx-"))
    try:
        async with (
            FakeChild(directory / "child.sock", answering(enforced, option.HDR_LEADSPC)) as child,
            FakeChild(directory / "observer.sock", answering(observing, protocol)) as observer,
        ):
            async with Running(directory, child.endpoint).serving() as running:
                alone = await hears(running, 2)
            before = [received for received in child.frames if received[CODE] not in NO_ANSWER]
            child.frames.clear()
            for chain in orders(child, observer):
                async with Running(directory, *chain).serving() as running:
                    assert await hears(running, 2) == alone
                    running.sessions.observers.stop()
                    await nothing_is_left(running)
                again = [received for received in child.frames if received[CODE] not in NO_ANSWER]
                assert [one[DATA:] for one in again] == [one[DATA:] for one in before]
                child.frames.clear()
    finally:
        shutil.rmtree(directory)


def orders(child: FakeChild, observer: FakeChild) -> list[tuple[str | ChildSettings, ...]]:
    return [(child.endpoint, observed(observer)), (observed(observer), child.endpoint)]


@settings(max_examples=40)
@given(
    scripts((command.MAIL, command.RCPT, command.DATA, command.HEADER, command.BODY), hostile=False),
    scripts(STAGES, hostile=True),
    st.sampled_from([0, option.HDR_LEADSPC, option.NR_BODY | option.NR_HDR, option.NORCPT | option.NOBODY]),
)
@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_nothing_leaks_whatever_it_says(
    loop_factory: object,
    enforced: dict[int, bytes | None],
    observing: dict[int, bytes | None],
    protocol: int,
) -> None:
    with asyncio.Runner(loop_factory=loop_factory) as runner:  # type: ignore[arg-type]  # one of the two
        runner.run(compare(enforced, observing, protocol))
