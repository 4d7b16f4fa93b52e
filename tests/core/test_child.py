"""One child: the replies it owes, the timer for the first of them, its part in a message."""

from dataclasses import replace
from math import inf

import pytest

from mmx.core.child import ABORT_FRAME, Child, Link
from mmx.core.event import Event
from mmx.core.part import Part
from mmx.core.plan import HEADERS, LOCK_STEP, WHOLE, ChildPlan
from mmx.core.verdict import ACCEPT_FRAME, CONTINUE_FRAME, REJECT
from mmx.wire import command, option
from mmx.wire.framing import frame
from mmx.wire.payload import Options

PLAN = ChildPlan("a", connect_timeout=5, command_timeout=25, content_timeout=240)
MESSAGE = [command.MAIL, command.RCPT, command.DATA, command.HEADER, command.EOH, command.BODY]


def up(protocol: int = 0, *, version: int = 6, pipelining: str = LOCK_STEP) -> Child:
    child = Child(replace(PLAN, pipelining=pipelining))
    child.connect(100.0)
    child.link = Link.UP
    child.deadline = inf
    child.options = Options(version, 0, protocol, {})
    child.part = Part()
    return child


def send(child: Child, *codes: int, now: float = 100.0) -> None:
    for code in codes:
        child.send(frame(code), code, Event(code, frame(code), None, 7), now)


def owed(child: Child) -> list[tuple[int, bool]]:
    return [(due.code, due.wanted) for due in child.due]


class TestOptions:
    @pytest.mark.parametrize("code", option.NOT_WANTED)
    def test_an_event_is_wanted_unless_declined(self, code: int) -> None:
        assert up().wants(code)
        assert up(option.NOT_WANTED[code]).wants(code) is (code == command.EOM)

    @pytest.mark.parametrize("code", option.NO_REPLY)
    def test_an_event_is_answered_unless_agreed_otherwise(self, code: int) -> None:
        assert up().answers(code)
        assert up(option.NO_REPLY[code]).answers(code) is (code == command.EOM)

    @pytest.mark.parametrize("version", [2, 3, 4, 5, 6])
    @pytest.mark.parametrize("code", option.NOT_WANTED)
    def test_an_event_that_its_version_lacks_is_not_for_it(self, code: int, version: int) -> None:
        """N13: UNKNOWN came with 3, DATA with 4."""
        since = {command.UNKNOWN: 3, command.DATA: 4}.get(code, 2)
        assert up(version=version).wants(code) is up(version=version).knows(code) is (version >= since)


class TestTimer:
    @pytest.mark.parametrize("code", [command.CONNECT, command.HELO, *MESSAGE, command.EOM, command.UNKNOWN])
    def test_runs_for_the_first_reply_due(self, code: int) -> None:
        content = code in (command.HEADER, command.EOH, command.BODY, command.EOM)
        child = up()
        send(child, code, now=10.0)
        assert child.deadline == 10.0 + (240 if content else 25)
        send(child, command.EOM, now=20.0)
        assert child.deadline == 10.0 + (240 if content else 25)
        child.take_due(30.0)
        assert child.deadline == 30.0 + 240
        child.take_due(40.0)
        assert child.deadline == inf

    def test_begins_again_with_progress(self) -> None:
        child = up()
        send(child, command.MAIL, now=10.0)
        child.extend(30.0)
        assert child.deadline == 55.0
        assert child.since == 10.0

    def test_runs_for_connecting_and_negotiating_together(self) -> None:
        child = Child(PLAN)
        child.connect(10.0)
        assert (child.link, child.deadline, child.tried) == (Link.DIALLING, 15.0, True)

    def test_runs_for_a_child_that_does_not_read(self) -> None:
        child = up()
        send(child, command.MAIL)
        child.blocked = True
        child.take_due(110.0)
        assert child.deadline == 110.0 + 240
        child.blocked = False
        child.time_reading(120.0)
        assert child.deadline == inf

    def test_counts_the_time_that_was_waited(self) -> None:
        child = up()
        assert child.part is not None
        send(child, command.MAIL, now=10.0)
        child.take_due(12.5)
        assert child.part.seconds == 2.5


class TestFifo:
    def test_an_event_that_is_not_answered_is_passed_at_once(self) -> None:
        child = up(option.NR_MAIL)
        send(child, command.MAIL)
        assert owed(child) == []
        assert (child.passed, child.deadline, child.waits) == (7, inf, False)

    def test_passing_never_goes_back(self) -> None:
        child = up(option.NR_MAIL)
        child.passed = 9
        send(child, command.MAIL)
        assert child.passed == 9

    @pytest.mark.parametrize("code", MESSAGE)
    def test_an_abort_leaves_the_reply_due_but_not_wanted(self, code: int) -> None:
        child = up()
        send(child, command.UNKNOWN, code)
        child.in_transaction = True
        assert child.abort()
        assert owed(child) == [(command.UNKNOWN, True), (code, False)]
        assert child.out[-1] == ABORT_FRAME
        assert child.wanted == 1
        child.out.clear()
        assert child.abort()
        assert child.out == []

    @pytest.mark.parametrize("code", [command.CONNECT, command.HELO, command.UNKNOWN])
    def test_an_abort_does_not_touch_what_is_outside_the_message(self, code: int) -> None:
        child = up()
        send(child, code)
        assert child.abort()
        assert owed(child) == [(code, True)]
        assert child.out == [frame(code)]

    def test_an_abort_cannot_wait_for_a_final_verdict(self) -> None:
        child = up()
        send(child, command.EOM)
        assert not child.abort()

    def test_an_early_verdict_clears_what_was_fed_ahead(self) -> None:
        child = up(pipelining=WHOLE)
        child.in_transaction = True
        send(child, command.HEADER, command.EOH, command.BODY)
        child.take_due(101.0)
        child.forget_content()
        assert (owed(child), child.wanted, child.deadline) == ([], 0, inf)
        assert (child.in_transaction, child.message_over) == (False, True)

    def test_an_early_verdict_on_an_aborted_message_clears_the_rest_of_that_message_only(self) -> None:
        child = up(pipelining=WHOLE)
        send(child, command.HEADER, command.EOH, command.BODY)
        child.abort()
        send(child, command.MAIL)
        child.abort()
        send(child, command.HELO)
        child.take_due(101.0)
        child.forget_aborted(101.0)
        assert owed(child) == [(command.MAIL, False), (command.HELO, True)]
        assert child.deadline == 101.0 + 25
        child.take_due(102.0)
        child.forget_aborted(102.0)
        assert owed(child) == [(command.HELO, True)]

    def test_clearing_the_last_one_stops_the_timer(self) -> None:
        child = up(pipelining=WHOLE)
        send(child, command.HEADER, command.EOH)
        child.abort()
        child.take_due(101.0)
        child.forget_aborted(101.0)
        assert (owed(child), child.deadline) == ([], inf)


class TestPlainContinue:
    """The short way: a CONTINUE that answers a header or a piece of body changes nobody's standing."""

    def content(self) -> Child:
        child = up()
        child.send(frame(command.HEADER), command.HEADER, None, 100.0)
        return child

    def test_is_taken_for_content(self) -> None:
        child = self.content()
        assert child.pass_content([CONTINUE_FRAME], 101.0) == 1
        assert (owed(child), child.deadline) == ([], inf)

    def test_several_are_taken_up_to_the_first_other_reply(self) -> None:
        child = up(pipelining=WHOLE)
        child.part = Part()
        send(child, command.HEADER, command.EOH, command.BODY, command.EOM)
        assert child.pass_content([CONTINUE_FRAME, CONTINUE_FRAME, ACCEPT_FRAME], 101.0) == 2
        assert owed(child) == [(command.BODY, True), (command.EOM, True)]
        assert (child.wanted, child.passed, child.part.seconds, child.since) == (2, 7, 1.0, 101.0)
        assert child.pass_content([CONTINUE_FRAME, CONTINUE_FRAME], 102.0) == 1
        assert owed(child) == [(command.EOM, True)]

    def test_is_not_taken_for_an_event(self) -> None:
        child = up()
        assert not child.pass_content([CONTINUE_FRAME], 101.0)
        send(child, command.DATA)
        assert not child.pass_content([CONTINUE_FRAME], 101.0)
        assert len(child.due) == 1

    def test_is_not_taken_for_aborted_content(self) -> None:
        child = self.content()
        child.abort()
        assert not child.pass_content([CONTINUE_FRAME], 101.0)


def test_a_refusal_belongs_to_one_event() -> None:
    child, event = up(), Event(command.RCPT, frame(command.RCPT), None, 7)
    assert child.said_of(event) is None
    child.said = (event, REJECT)
    assert child.said_of(event) is REJECT
    assert child.said_of(Event(command.RCPT, frame(command.RCPT), None, 7)) is None


class TestAhead:
    def test_headers_are_put_out_together(self) -> None:
        child = up()
        child.send_ahead([b"1", b"2"], 100.0)
        assert child.out == [b"1", b"2"]
        assert owed(child) == [(command.HEADER, True)] * 2
        assert (child.wanted, child.since, child.deadline) == (2, 100.0, 340.0)

    def test_headers_that_are_not_answered_leave_nothing_due(self) -> None:
        child = up(option.NR_HDR)
        child.send_ahead([b"1", b"2"], 100.0)
        assert (child.out, owed(child), child.deadline) == ([b"1", b"2"], [], inf)

    @pytest.mark.parametrize(("mode", "room"), [(LOCK_STEP, 1), (HEADERS, 255), (WHOLE, 255)])
    def test_room_for_more_is_bounded(self, mode: str, room: int) -> None:
        child = up(pipelining=mode)
        send(child, command.HEADER)
        assert child.room_ahead(command.HEADER) == room

    def test_room_for_what_is_not_answered(self) -> None:
        assert up(option.NR_HDR, pipelining=HEADERS).room_ahead(command.HEADER) > 1
        assert up(option.NR_HDR, pipelining=LOCK_STEP).room_ahead(command.HEADER) == 1


class TestWaiting:
    def test_in_lock_step_for_every_wanted_reply(self) -> None:
        child = up()
        send(child, command.MAIL)
        assert child.waits
        child.abort()
        assert [child.waits, up().waits] == [False, False]

    @pytest.mark.parametrize("code", [*MESSAGE[:3], command.CONNECT, command.UNKNOWN])
    def test_pipelining_concerns_content_only(self, code: int) -> None:
        child = up(pipelining=WHOLE)
        send(child, code)
        assert child.waits

    def test_pipelining_has_a_bound(self) -> None:
        child = up(pipelining=WHOLE)
        for _ in range(255):
            send(child, command.BODY)
            assert not child.waits
        send(child, command.BODY)
        assert child.waits


def test_another_connection_begins_with_nothing_of_the_last() -> None:
    child = up(option.NR_MAIL)
    send(child, command.RCPT)
    child.blocked = child.stalled = child.in_transaction = child.message_over = True
    child.passed, child.queued = 5, 6
    child.disconnect()
    assert (child.link, child.options.protocol, owed(child)) == (Link.DOWN, 0, [])
    assert not any((child.blocked, child.stalled, child.passed, child.queued))
    assert not child.in_transaction
    assert not child.message_over
    assert child.deadline == inf
    child.connect(0.0)
    assert child.out == []


def test_its_repr_shows_what_it_owes() -> None:
    child = up()
    send(child, command.MAIL)
    child.abort()
    send(child, command.HELO)
    assert repr(child) == "<a up owes [- HELO] passed 0>"
    assert child.name == "a"
