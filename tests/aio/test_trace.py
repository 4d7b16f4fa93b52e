"""Traces: what they contain, what they leave out, and that they play back to the same bytes."""

import base64
import ipaddress
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mmx.aio import trace as module
from mmx.aio.driver import Driver
from mmx.aio.plan import make_chain
from mmx.aio.trace import PENDING, SessionTrace, Tap, Trace, TraceEvent, Wanted
from mmx.core.action import Loss, MessageEnded
from mmx.core.child import Child
from mmx.core.negotiation import Knowledge
from mmx.core.plan import Chain
from mmx.core.session import Session
from mmx.settings.model import Action, DefaultAction
from mmx.wire import command, option, reply
from mmx.wire.framing import CODE, DATA, frame
from mmx.wire.payload import encode_connection, encode_macros, encode_options
from tests.aio.peers import CONTINUE, MAIL, FakeChild, FakeMta, answer_continue, until
from tests.aio.test_sessions import Running

BODY = frame(command.BODY, b"secret")
EOM = frame(command.EOM)


def event(received: bytes, child: str = "", what: str = "in") -> TraceEvent:
    return TraceEvent(1.0, "s", child, what, received)


def connect(address: bytes) -> TraceEvent:
    return event(frame(command.CONNECT, encode_connection(b"host", b"4", 25, address)))


def macros(code: int, queue_id: bytes | None) -> TraceEvent:
    pairs = [] if queue_id is None else [(b"i", queue_id)]
    return event(frame(command.MACRO, encode_macros(code, pairs)))


async def told(trace: Trace) -> list[dict[str, Any]]:
    """What has come so far."""
    if not trace._queue and not trace._lost:
        return []
    return await trace.take()


def hears(wanted: Wanted, *events: TraceEvent, address: bytes | None = None, queue_id: bytes = b"") -> Trace:
    trace = Trace(wanted)
    tap = Tap(trace, address, queue_id)
    for one in events:
        tap.hear(one)
    return trace


async def test_bodies_are_left_out_unless_asked_for() -> None:
    replaced = event(frame(reply.REPLBODY, b"new body"), "a")
    for body, kept in ((0, b""), (3, b"sec"), (6, b"secret"), (100, b"secret")):
        first, second = await told(hears(Wanted(body=body), event(BODY), replaced))
        assert base64.b64decode(first["data"]) == BODY[:DATA] + kept
        assert first["left_out"] == len(b"secret") - len(kept)
        assert base64.b64decode(second["data"])[DATA:] == b"new body"[:body]
    (header,) = await told(hears(Wanted(), event(frame(command.HEADER, b"Subject\0 x\0"))))
    assert header["left_out"] == 0


@pytest.mark.parametrize(
    ("network", "address", "heard"),
    [
        ("192.0.2.0/24", b"192.0.2.7", 3),
        ("192.0.2.0/24", b"198.51.100.1", 0),
        ("2001:db8::/32", b"IPv6:2001:db8::1", 3),
        ("192.0.2.0/24", b"unknown", 0),
        ("192.0.2.0/24", b"\xff\xfe", 0),
    ],
)
async def test_only_some_clients(network: str, address: bytes, heard: int) -> None:
    wanted = Wanted(network=ipaddress.ip_network(network))
    offer = event(frame(command.OPTNEG, encode_options(6, 0, 0, {})))
    assert len(await told(hears(wanted, offer, connect(address), event(MAIL)))) == heard
    # The session was open already.
    assert len(await told(hears(wanted, event(MAIL), address=address))) == bool(heard)


async def test_a_connect_that_cannot_be_read_is_no_client() -> None:
    wanted = Wanted(network=ipaddress.ip_network("0.0.0.0/0"))
    assert await told(hears(wanted, event(frame(command.CONNECT, b"x")), event(MAIL))) == []


async def test_only_one_message() -> None:
    events = [connect(b"192.0.2.7"), macros(command.MAIL, b"ONE"), event(MAIL), event(EOM)]
    events += [macros(command.MAIL, b"TWO"), event(MAIL), event(EOM)]
    events += [macros(command.MAIL, None), event(MAIL), event(EOM)]
    assert len(await told(hears(Wanted(queue_id=b"ONE"), *events))) == 4
    assert len(await told(hears(Wanted(queue_id=b"TWO"), *events))) == 7, "from the beginning of the session"
    assert len(await told(hears(Wanted(queue_id=b"TWO"), event(EOM), queue_id=b"TWO"))) == 1
    assert await told(hears(Wanted(queue_id=b"NONE"), *events)) == []


async def test_a_queue_id_that_comes_late() -> None:
    events = [macros(command.MAIL, None), event(MAIL), macros(command.RCPT, b"LATE"), event(EOM)]
    assert len(await told(hears(Wanted(queue_id=b"LATE"), *events))) == 4


async def test_only_one_child() -> None:
    events = [event(MAIL), event(MAIL, "a", "out"), event(MAIL, "b", "out"), event(CONTINUE, "a")]
    children = [one["child"] for one in await told(hears(Wanted(child="a"), *events))]
    assert children == ["", "a", "a"]


async def test_what_is_kept_until_it_is_known_is_bounded() -> None:
    events = [event(MAIL)] * (3 * PENDING)
    trace = hears(Wanted(queue_id=b"X"), *events, macros(command.MAIL, b"X"))
    assert len(trace._queue) == PENDING


async def test_what_does_not_fit_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_EVENTS", 3)
    trace = hears(Wanted(), *[event(MAIL)] * 10)
    assert [one.get("lost") for one in await told(trace)] == [None, None, None, 7]
    for _ in range(5):
        trace.put(event(MAIL))
    trace._queue.popleft()
    trace.put(event(EOM))
    assert [one.get("lost") for one in await told(trace)] == [None, None, 2, None]
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    trace = hears(Wanted(), *[event(frame(command.HEADER, b"x" * 60))] * 5)
    assert [one.get("lost") for one in await told(trace)] == [None, None, 3]
    trace.put(event(MAIL))
    assert [one.get("lost") for one in await told(trace)] == [None]


async def test_it_ends_after_so_many_messages() -> None:
    verdict = TraceEvent(1.0, "s", "", "verdict", text="accept by nobody")
    trace = hears(Wanted(count=2), event(MAIL), verdict, event(MAIL), verdict, event(MAIL))
    assert len(await trace.take()) == 4
    assert trace.is_over
    assert await trace.take() == []


async def test_a_fault_ends_the_trace_of_the_session_alone(caplog: pytest.LogCaptureFixture) -> None:
    made = SessionTrace("1f00c3a7")
    made.taps.append(SimpleNamespace(hear=lambda _: 1 // 0))  # type: ignore[arg-type]
    made.received("", [MAIL])
    assert made.taps == []
    assert "session=1f00c3a7 internal error in its trace" in caplog.text


def editing(received: bytes) -> bytes | None:
    """A child that changes what it sees."""
    if received[CODE] == command.OPTNEG:
        return frame(reply.OPTNEG, encode_options(6, option.ALL_ACTIONS, 0, {}))
    if received[CODE] == command.EOM:
        edits = [frame(reply.ADDHEADER, b"X-Seen\0yes\0"), frame(reply.REPLBODY, b"another body\r\n")]
        return b"".join([*edits, CONTINUE])
    return answer_continue(received)


def refusing(received: bytes) -> bytes | None:
    """A child that refuses one recipient."""
    if received[CODE] == command.RCPT and b"bad@" in received:
        return frame(reply.REPLYCODE, b"550 5.1.1 no such user\0")
    return answer_continue(received)


async def to_the_verdict(mta: FakeMta, first: bytes) -> list[bytes]:
    answers = [first]
    while answers[-1] != CONTINUE:
        answers.append(await mta.receive())
    return answers


async def scripted_session(running: Running) -> list[bytes]:
    """Three messages, with a refused recipient and an abort; every answer."""
    mta = await running.mta()
    answers = await to_the_verdict(mta, await mta.message())
    await mta.send(frame(command.ABORT), frame(command.MACRO, b"Mi\0SECOND\0"))
    answers.append(await mta.ask(MAIL))
    answers += [
        await mta.ask(frame(command.RCPT, b"<%b@example.org>\0" % name)) for name in (b"bad", b"good")
    ]
    answers += await to_the_verdict(mta, await mta.content(70_000))
    answers.append(await mta.ask(MAIL))
    await mta.send(frame(command.ABORT), frame(command.QUIT))
    assert await mta.hears_end()
    await mta.close()
    return answers


class Playback:
    """A fresh session of the core that is given what the trace says came in."""

    def __init__(self, chain: Chain) -> None:
        self.session = Session(chain, name="again", now=0.0, knowledge=Knowledge())
        self.out: dict[str, list[bytes]] = {"": []}
        self.verdicts: list[str] = []

    def child(self, name: str) -> Child:
        (found,) = [child for child in self.session.children if child.name == name]
        return found

    def play(self, events: list[dict[str, Any]]) -> None:
        # The frames of one read have one time.
        for (at, child, what), group in groupby(events, lambda one: (one["at"], one["child"], one["what"])):
            self.session.now = at
            together = list(group)
            if what == "in":
                frames = [base64.b64decode(one["data"]) for one in together]
                if child:
                    self.session.from_child(self.child(child), *frames)
                else:
                    self.session.from_mta(*frames)
            elif what == "up":
                self.session.child_up(self.child(child))
            elif what == "lost":
                reason, _, detail = together[0]["text"].partition(": ")
                self.session.child_lost(self.child(child), Loss(reason, detail))
            self._take()

    def _take(self) -> None:
        session = self.session
        while session.mta_out or session.actions or any(child.out for child in session.children):
            self._write("", session.mta_out)
            for child in session.children:
                self._write(child.name, child.out)
            self.verdicts += [a.record.verdict for a in session.actions if isinstance(a, MessageEnded)]
            session.actions.clear()
            if session.mta_stalled:
                session.mta_blocked(False)

    def _write(self, name: str, outbox: list[bytes]) -> None:
        self.out.setdefault(name, []).extend(outbox)
        outbox.clear()


async def test_a_trace_plays_back_to_the_same_bytes(directory: Path) -> None:
    async with (
        FakeChild(directory / "editing.sock", editing) as first,
        FakeChild(directory / "refusing.sock", refusing) as second,
    ):
        running = Running(directory, first.endpoint, f"unix:{directory}/gone.sock", second.endpoint)
        let_pass = DefaultAction(Action.ACCEPT, Action.ACCEPT)
        children = tuple(replace(child, default_action=let_pass) for child in running.settings.children)
        settings = replace(running.settings, children=children)
        running.sessions.change(settings, make_chain(settings), max_sessions=10)
        trace = Trace(Wanted(body=65535))
        async with running.serving():
            running.sessions.traces.start(trace)
            answers = await scripted_session(running)
            await until(lambda: not len(running.sessions))
            running.sessions.traces.stop(trace)
            chain = running.sessions.chain
        events = []
        while batch := await told(trace):
            events += batch
    assert [one["what"] for one in events[:1]] == ["begin"]
    assert {one["child"] for one in events} == {"", "editing", "gone", "refusing"}
    sent: dict[str, bytes] = {}
    for one in events:
        if one["what"] == "out":
            sent[one["child"]] = sent.get(one["child"], b"") + base64.b64decode(one["data"])
    playback = Playback(chain)
    playback.play(events)
    again = {name: b"".join(frames) for name, frames in playback.out.items() if frames}
    assert again == sent
    assert b"".join(answer[CODE:DATA] for answer in answers) == b"hbccychbcc"
    assert b"another body" in sent[""]
    assert playback.verdicts == [one["text"].split()[0] for one in events if one["what"] == "verdict"]
    # What mmx sent is what the children got.
    assert b"".join(second.frames) == sent["refusing"]
    assert b"".join(first.frames) == sent["editing"]


def is_traced(driver: Driver) -> bool:
    return driver.trace is not None


async def test_a_trace_that_begins_and_ends_in_a_session(directory: Path, child: FakeChild) -> None:
    running = Running(directory, child.endpoint)
    async with running.serving():
        mta = await running.mta()
        (driver,) = running.sessions.drivers
        trace, other = Trace(Wanted(network=ipaddress.ip_network("192.0.2.7"))), Trace(Wanted(child="no"))
        assert not is_traced(driver)
        for one in (trace, other):
            running.sessions.traces.start(one)
        assert await mta.message() == CONTINUE
        whats = [(one["child"], one["what"]) for one in await told(trace)]
        assert ("", "verdict") in whats
        assert ("child", "out") in whats
        assert {one["child"] for one in await told(other)} == {""}
        running.sessions.traces.stop(trace)
        assert is_traced(driver)
        running.sessions.traces.stop(other)
        assert not is_traced(driver)
        assert await mta.message() == CONTINUE
        assert await told(trace) == []


async def test_nobody_traces_nothing_is_made(
    directory: Path, child: FakeChild, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unwanted(*_: object) -> None:
        raise AssertionError("somebody made an event")

    monkeypatch.setattr(module, "TraceEvent", unwanted)
    running = Running(directory, child.endpoint)
    async with running.serving():
        mta = await running.mta()
        assert await mta.message() == CONTINUE


async def test_a_client_that_does_not_read_does_not_delay_mail(
    directory: Path, child: FakeChild, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_EVENTS", 50)
    running = Running(directory, child.endpoint)
    async with running.serving():
        trace = Trace(Wanted())
        running.sessions.traces.start(trace)
        mta = await running.mta()
        for _ in range(20):
            assert await mta.message() == CONTINUE
        assert len(trace._queue) == 50
        assert trace._lost > 100
        running.sessions.traces.stop(trace)
