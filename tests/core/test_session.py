"""The entries of a session: what waits, what time does, and what a fault of mmx itself ends in."""

from collections.abc import Callable
from math import inf

import pytest

from mmx.core.action import ChildFailed, Close, Dial, MessageEnded, PauseMta, ResumeMta
from mmx.core.negotiation import Knowledge
from mmx.core.plan import Chain
from mmx.core.session import Session
from mmx.core.spool import MemorySpool, Spool
from mmx.wire import command, payload, reply
from mmx.wire.framing import frame
from tests.core.playbook import Playbook
from tests.plain_spool import PlainSpool

OPTNEG = "OPTNEG 6 0x1ff 0x1fffff"
CONNECT = "CONNECT mail.example.net 4 2525 192.0.2.7"
MAIL = "MAIL <s@example.net>"
RCPT = "RCPT <r@example.org>"
INTERNAL = 'REPLYCODE "451 4.3.0 Mail filter had an internal error - try again later"'


def claim(play: Playbook) -> dict[str, list[bytes]]:
    """What mmx has sent, by peer."""
    return {peer: play.queues.take_all(peer) for peer in play.queues.peers}


class TestPause:
    def test_what_comes_while_an_answer_is_due_waits(self) -> None:
        with Playbook("start: helo", "child a:") as play:
            session = play.session
            play.call(session.from_mta, frame(command.MAIL, b"<s@x>\0"), frame(command.RCPT, b"<r@x>\0"))
            play << "a> MAIL <s@x>"
            assert len(play.notes(PauseMta)) == 1
            play.call(session.from_mta, frame(command.DATA))
            assert len(play.notes(PauseMta)) == 1
            play >> "a< CONTINUE" << "M< CONTINUE" << "a> RCPT <r@x>"
            assert not play.notes(ResumeMta)
            play >> "a< CONTINUE" << "M< CONTINUE" << "a> DATA"
            assert len(play.notes(ResumeMta)) == 1
            play >> "a< CONTINUE" << "M< CONTINUE"

    def test_what_needs_no_answer_does_not_pause(self) -> None:
        with Playbook("start: data", "child a:") as play:
            play.call(
                play.session.from_mta,
                frame(command.HEADER, b"X\0v\0"),
                frame(command.EOH),
                frame(command.BODY, b"x"),
            )
            play << "a> HEADER X v"
            assert not play.notes(PauseMta)

    def test_a_violation_forgets_what_waited(self) -> None:
        with Playbook("start: helo", "child a:") as play:
            play.call(play.session.from_mta, frame(0x5A), frame(command.MAIL, b"<s@x>\0"))
            play << "M< closes" << "a> QUIT"
            assert not play.notes(PauseMta)


class TestProgress:
    def test_every_ten_seconds_while_an_answer_is_due(self) -> None:
        with Playbook("start: helo", "child a:") as play:
            play >> "wait 100"
            play >> f"M> {MAIL}" << f"a> {MAIL}"
            play >> "wait 9.9"
            play >> "wait 0.1" << "M< PROGRESS"
            play >> "wait 10" << "M< PROGRESS"
            play >> "a< CONTINUE" << "M< CONTINUE"
            play >> "wait 100"

    def test_never_to_another_mta(self) -> None:
        with Playbook("start: helo", "mta: software=8.17.1", "limits: command=20", "child a:") as play:
            play >> f"M> {MAIL}" << f"a> {MAIL}"
            play >> "wait 19"
            play >> "a< CONTINUE" << "M< CONTINUE"

    def test_not_before_the_mta_is_known(self) -> None:
        with Playbook("start: nothing", "limits: connect=15 progress=5", "child a: unknown deaf") as play:
            play >> f"M> {OPTNEG}"
            play >> "wait 14"
            play >> "wait 1" << "M< OPTNEG 6 ALL NOUNKNOWN,NR_HDR,NR_EOH,NR_BODY,HDR_LEADSPC"


class TestTimeouts:
    @pytest.mark.parametrize(
        ("start", "event", "seconds"),
        [
            ("negotiated", CONNECT, 7),
            ("connected", "HELO x", 7),
            ("helo", MAIL, 7),
            ("mail", RCPT, 7),
            ("rcpt", "DATA", 7),
            ("helo", "UNKNOWN x", 7),
            ("data", "EOH", 70),
        ],
    )
    def test_each_event_has_its_own(self, start: str, event: str, seconds: float) -> None:
        head = ("limits: command=7 content=70 progress=1000", f"start: {start}")
        with Playbook(*head, "child a:") as play:
            play >> f"M> {event}" << f"a> {event}"
            play >> f"wait {seconds - 0.1}"
            assert not play.notes(ChildFailed)
            play >> "wait 0.2"
            (failed,) = play.notes(ChildFailed)
            assert (failed.reason, failed.step) == ("timeout", event.split(maxsplit=1)[0])
            claim(play)

    def test_the_whole_message_has_one(self) -> None:
        head = ("limits: content=50 message=100 progress=1000", "start: data", "child a:")
        with Playbook(*head) as play:
            play >> "M> EOH" << "a> EOH"
            for _ in range(4):
                play >> "wait 24"
                play >> "a< PROGRESS"
            play >> "wait 4"
            assert play.notes(ChildFailed)[0].detail == "the whole message took too long"

    def test_an_idle_session_ends(self) -> None:
        with Playbook("limits: idle=60", "child a:") as play:
            play >> "wait 59"
            play >> "M> HELO x" << "a> HELO x"
            play >> "a< CONTINUE" << "M< CONTINUE"
            play >> "wait 60" << "M< closes" << "a> QUIT"
            assert play.remarks[-1] == "MTA link closed: no command for too long"


@pytest.mark.parametrize("protocol", ["0x1fffff", "0x00037f"])
def test_the_deadline_moves_on_even_if_nobody_is_left_to_fail(protocol: str) -> None:
    """All children are done, and the MTA still streams: on_time must not ask to be called again at once."""
    head = ("limits: message=20 foreign=5 idle=1000", "start: data", "child a: actions=NONE protocol=NR_HDR")
    with Playbook(f"mta: protocol={protocol} software=none", *head) as play:
        play >> "M> EOH" << "a> EOH"
        if protocol != "0x1fffff":
            play << "M< CONTINUE"
        play >> "a< REJECT"
        for _ in range(10):
            play >> "wait 7"
            assert play.session.deadline > play.now


class Broken(PlainSpool):
    """A spool whose shell has a bug."""

    def append(self, data: bytes) -> bool:
        raise ZeroDivisionError


def with_bug(
    *, new_spool: Callable[[], Spool] = MemorySpool, refuse_mail: Callable[[], str] = str
) -> Session:
    """A session without children up to HELO whose surroundings raise somewhere."""
    session = Session(
        Chain(), name="s", now=0.0, knowledge=Knowledge(), new_spool=new_spool, refuse_mail=refuse_mail
    )
    connection = payload.encode_connection(b"mail.example.net", b"4", 2525, b"192.0.2.7")
    offer = payload.encode_options(6, 0x1FF, 0x1FFFFF, {})
    session.from_mta(frame(command.OPTNEG, offer))
    session.from_mta(frame(command.CONNECT, connection))
    session.from_mta(frame(command.HELO, b"x\0"))
    session.mta_out.clear()
    return session


def enter(session: Session, *received: bytes) -> list[bytes]:
    """What the driver does with an entry that raises."""
    try:
        session.from_mta(*received)
    except ZeroDivisionError:
        session.internal_error()
    said = session.mta_out[:]
    session.mta_out.clear()
    return said


def raise_error() -> str:
    raise ZeroDivisionError


class TestInternalError:
    REPLY = frame(reply.REPLYCODE, b"451 4.3.0 Mail filter had an internal error - try again later\0")

    def test_before_anything_was_owed(self) -> None:
        session = with_bug(refuse_mail=raise_error)
        assert enter(session, frame(command.MAIL, b"<s@x>\0")) == [self.REPLY]
        assert enter(session, frame(command.ABORT)) == []
        assert session.deadline > 0

    def test_in_the_content_is_told_at_its_end(self) -> None:
        session = with_bug(new_spool=Broken)
        for line in (frame(command.MAIL, b"<s@x>\0"), frame(command.RCPT, b"<r@x>\0"), frame(command.DATA)):
            assert enter(session, line) == [frame(reply.CONTINUE)]
        assert enter(session, frame(command.BODY, b"x")) == []
        assert enter(session, frame(command.BODY, b"y")) == []
        assert enter(session, frame(command.EOM)) == [self.REPLY]
        (ended,) = [one for one in session.actions if isinstance(one, MessageEnded)]
        assert (ended.record.verdict, ended.record.why) == ("tempfail", "internal error")

    def test_with_more_commands_behind_it(self) -> None:
        session = with_bug(new_spool=Broken)
        lines = [frame(command.MAIL, b"<s@x>\0"), frame(command.BODY, b"x"), frame(command.EOM)]
        assert enter(session, *lines, frame(command.ABORT), lines[0]) == [
            frame(reply.CONTINUE), self.REPLY, frame(reply.CONTINUE),
        ]  # fmt: skip

    def test_keeps_what_was_answered_before_it(self) -> None:
        session = with_bug(refuse_mail=raise_error)
        lines = [frame(command.HELO, b"x\0"), frame(command.MAIL, b"<s@x>\0")]
        assert enter(session, *lines) == [frame(reply.CONTINUE), self.REPLY]

    def test_does_not_spoil_the_next_message(self) -> None:
        with Playbook("start: rcpt", "child a:") as play:
            play.call(play.session.internal_error)
            play << "a> QUIT"
            play >> "M> DATA" << f"M< {INTERNAL}"
            play >> "M> ABORT"
            play >> f"M> {MAIL}" << f"a> {CONNECT}"
            assert play.record.verdict == "tempfail"


class TestState:
    def test_a_probe_that_says_nothing(self) -> None:
        with Playbook("start: nothing", "child a:") as play:
            assert play.session.silent
            play >> "M> closes"
            assert not play.notes(Dial)
            assert play.remarks == []

    def test_a_link_lost_is_remarked_on(self) -> None:
        with Playbook("child a:") as play:
            assert not play.session.silent
            play.call(play.session.mta_lost, "reset")
            assert play.remarks == ["MTA link lost: reset"]
            assert len(play.notes(Close)) == 1
            claim(play)

    def test_a_message_is_under_way(self) -> None:
        with Playbook("child a: protocol=NOMAIL") as play:
            under_way = [play.session.in_transaction]
            play >> f"M> {MAIL}" << "M< CONTINUE"
            under_way.append(play.session.in_transaction)
            play >> "M> ABORT" << "a> ABORT"
            assert [*under_way, play.session.in_transaction] == [False, True, False]


def test_two_messages_share_nothing() -> None:
    """The second has other headers, recipients and edits, and is answered as if it were the first."""
    with Playbook("start: helo", "child a: protocol=NOEOH", "child b: protocol=NOEOH,HDR_LEADSPC") as play:
        for name, quarantine in (("one", True), ("two", False)):
            for event in (f"MAIL <{name}@example.net>", f"RCPT <{name}@example.org>", "DATA"):
                play >> f"M> {event}"
                if event.startswith("MAIL") and name == "two":
                    play << "a,b> ABORT"
                play << f"a> {event}"
                if event[0] == "R":
                    play >> "a< CONTINUE" << f"b> {event}"
                    play >> "b< CONTINUE" << "M< CONTINUE"
                else:
                    play << f"b> {event}"
                    play >> "a,b< CONTINUE" << "M< CONTINUE"
            play >> f'M> HEADER Subject " {name}"' << f"a> HEADER Subject {name}"
            play >> "a< CONTINUE"
            play >> f"M> BODY {name}" << f"a> BODY {name}"
            play >> "a< CONTINUE"
            play >> "M> EOM" << "a> EOM"
            if quarantine:
                play >> "a< QUARANTINE why"
                play >> "a< REPLBODY replaced"
                play >> f"a< ADDHEADER X {name}"
            play >> "a< CONTINUE" << f'b> HEADER Subject " {name}"'
            play >> "b< CONTINUE"
            if quarantine:
                play << 'b> HEADER X " one"'
                play >> "b< CONTINUE"
            play << ('b> BODY "replaced\\r\\n"' if quarantine else f"b> BODY {name}")
            play >> "b< CONTINUE" << "b> EOM"
            play >> "b< CONTINUE"
            if quarantine:
                (
                    play
                    << 'M< QUARANTINE "[a via mmx] why"'
                    << 'M< ADDHEADER X " one"'
                    << 'M< REPLBODY "replaced\\r\\n"'
                )
            play << "M< CONTINUE"
            state = play.session.state
            assert (state.transaction, state.message_deadline, state.burst) == (None, inf, None)
            assert all(child.part is None for child in state.children)
