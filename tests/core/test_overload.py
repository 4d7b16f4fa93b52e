"""A session that mmx cannot serve, and a message that it cannot take: 451, never silence and never ACCEPT."""

from mmx.core.action import Dial
from mmx.core.negotiation import Knowledge
from mmx.core.plan import Chain, ChildPlan
from mmx.core.session import Session
from mmx.wire import command, payload, reply
from mmx.wire.framing import frame

MAIL = frame(command.MAIL, b"<s@example.net>\0")
RCPT = frame(command.RCPT, b"<r@example.org>\0")
DEFERRED = frame(reply.REPLYCODE, b"451 4.3.2 Mail filter is overloaded - try again later\0")
CONTINUE = frame(reply.CONTINUE)


def say(session: Session, *frames: bytes) -> list[bytes]:
    """What mmx answers to these frames of the MTA."""
    for received in frames:
        session.from_mta(received)
    said = list(session.mta_out)
    session.mta_out.clear()
    return said


def greeted(session: Session) -> Session:
    say(session, frame(command.OPTNEG, payload.encode_options(6, 0x1FF, 0x1FFFFF, {})))
    connection = payload.encode_connection(b"mail.example.net", b"4", 2525, b"192.0.2.7")
    assert say(session, frame(command.CONNECT, connection)) == [CONTINUE]
    assert say(session, frame(command.HELO, b"mail.example.net\0")) == [CONTINUE]
    return session


def test_a_session_beyond_the_limit_is_answered_and_its_mail_deferred() -> None:
    chain = Chain((ChildPlan("a"), ChildPlan("b")))
    session = greeted(Session(chain, name="s", now=0.0, knowledge=Knowledge(), refusal="256 sessions"))
    for _ in range(2):
        assert say(session, MAIL) == [DEFERRED]
        assert say(session, RCPT) == [DEFERRED]
        assert say(session, frame(command.ABORT)) == []
    assert session.children == []
    assert not any(isinstance(action, Dial) for action in session.actions)
    assert say(session, frame(command.QUIT)) == []
    assert session.finished


def test_a_message_that_cannot_be_taken_is_deferred_and_the_next_one_is_not() -> None:
    reasons = ["the spool is full", ""]
    session = greeted(
        Session(Chain(), name="s", now=0.0, knowledge=Knowledge(), refuse_mail=lambda: reasons.pop(0))
    )
    assert say(session, MAIL) == [DEFERRED]
    assert say(session, frame(command.ABORT)) == []
    assert say(session, MAIL) == [CONTINUE]
    assert say(session, RCPT) == [CONTINUE]
