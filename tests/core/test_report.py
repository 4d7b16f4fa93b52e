"""The record of a message: who decided, why, and that every message has exactly one."""

import pytest

from mmx.core import report
from mmx.core.action import Judged
from mmx.core.event import Event
from mmx.wire import command, payload
from mmx.wire.framing import frame
from tests.core.playbook import Playbook

MAIL = "MAIL <s@example.net>"
RCPT = "RCPT <r@example.org>"


def test_a_message_that_passed() -> None:
    with Playbook("start: helo", "child a: protocol=NOHDRS", "child b: actions=NONE") as play:
        play >> "M> MACRO MAIL i=4aBc"
        play >> f"M> {MAIL}" << f"a,b> {MAIL}"
        play >> "wait 1"
        play >> "b< ACCEPT"
        play >> "wait 1"
        play >> "a< CONTINUE" << "M< CONTINUE"
        play >> f"M> {RCPT}" << f"a> {RCPT}"
        play >> "a< REJECT" << "M< REJECT"
        play >> f"M> {RCPT}" << f"a> {RCPT}"
        play >> "a< CONTINUE" << "M< CONTINUE"
        play >> "M> DATA" << "a> DATA"
        play >> "a< CONTINUE" << "M< CONTINUE"
        play >> "M> HEADER X v"
        play >> "M> EOH" << "a> EOH"
        play >> "a< CONTINUE"
        play >> "M> BODY 12345" << "a> BODY 12345"
        play >> "a< CONTINUE"
        play >> "M> EOM" << "a> EOM"
        play >> "wait 1.5"
        play >> "a< CONTINUE" << "M< CONTINUE"
        record = play.record
        assert (record.session, record.queue_id, record.helo) == ("s1", b"4aBc", b"mail.example.net")
        assert (record.client, record.sender) == (b"mail.example.net[192.0.2.7]", b"<s@example.net>")
        assert (record.recipients, record.refused_recipients, record.size) == (1, 1, 5)
        assert (record.verdict, record.reply, record.decider) == ("accept", b"", "")
        assert record.seconds == 3.5
        first, second = record.children
        assert (first.name, first.verdict, first.stage, first.seconds) == ("a", "continue", "EOM", 3.5)
        assert (second.name, second.verdict, second.stage, second.seconds) == ("b", "accept", "MAIL", 1.0)


@pytest.mark.parametrize(
    ("said", "verdict", "reply"),
    [
        ("REJECT", "reject", b""),
        ('REPLYCODE "451 4.7.1 later"', "tempfail", b"451 4.7.1 later"),
        ('REPLYCODE "421 4.7.1 bye"', "shutdown", b"421 4.7.1 bye"),
        ("DISCARD", "discard", b""),
        ("ACCEPT", "accept", b""),
    ],
)
def test_a_message_that_ended_at_mail(said: str, verdict: str, reply: bytes) -> None:
    with Playbook("start: helo", "child a:") as play:
        play >> f"M> {MAIL}" << f"a> {MAIL}"
        play >> f"a< {said}" << f"M< {said}"
        play >> f"M> {RCPT}" << f"M< {said}"
        play >> "M> ABORT"
        record = play.record
        assert (record.verdict, record.reply) == (verdict, reply)
        if said != "ACCEPT":
            assert (record.decider, record.why) == ("a", "said so at MAIL")


def test_a_message_held_names_who_wants_it_held() -> None:
    head = ("start: data", "child a: actions=QUARANTINE", "child b: down default_action=accept")
    with Playbook(*head) as play:
        play >> "M> EOM" << "a> EOH"
        play >> "a< CONTINUE" << "a> EOM"
        play >> "a< QUARANTINE spam"
        play >> "a< CONTINUE" << 'M< QUARANTINE "[a via mmx] spam"' << "M< CONTINUE"
        record = play.record
        assert (record.verdict, record.decider, record.why) == ("quarantine", "a", "quarantine")
        assert [child.verdict for child in record.children] == ["quarantine", "failed"]
        assert record.children[1].detail == "refused"


def test_a_message_held_for_a_failure_says_which() -> None:
    with Playbook("start: data", "child a: died=quarantine") as play:
        play >> "M> EOM" << "a> EOH"
        play >> "a< closes" << 'M< QUARANTINE "[a via mmx] content filter failed"' << "M< CONTINUE"
        assert (play.record.verdict, play.record.decider, play.record.why) == ("quarantine", "a", "eof")


def test_a_failure_that_decided_says_why() -> None:
    with Playbook("start: helo", "child a:") as play:
        play >> f"M> {MAIL}" << f"a> {MAIL}"
        play >> "wait 10" << "M< PROGRESS"
        play >> "wait 10" << "M< PROGRESS"
        play >> "wait 5" << "M< TEMPFAIL"
        assert (play.record.decider, play.record.why) == ("a", "timeout: no answer within 25 s")


@pytest.mark.parametrize(
    "ends", ["M> ABORT", "M> HELO x", f"M> {MAIL}", "M> QUIT_NC", "M> QUIT", "M> closes"]
)
@pytest.mark.parametrize("start", ["mail", "rcpt", "data"])
def test_a_message_given_up_has_one_record_however_it_ends(start: str, ends: str) -> None:
    with Playbook(f"start: {start}", "child a: protocol=NOHELO,NR_MAIL") as play:
        play >> ends
        play.queues.take_all("M")
        play.queues.take_all("a")
        record = play.record
        assert (record.verdict, record.decider, record.why) == ("aborted", "", "given up by the MTA")


def test_a_message_all_of_whose_recipients_were_refused_ended_in_that() -> None:
    with Playbook("start: mail", "child a:") as play:
        play >> f"M> {RCPT}" << f"a> {RCPT}"
        play >> 'a< REPLYCODE "550 5.1.1 who"' << 'M< REPLYCODE "550 5.1.1 who"'
        play >> "M> ABORT" << "a> ABORT"
        assert (play.record.verdict, play.record.reply) == ("reject", b"550 5.1.1 who")
        assert (play.record.decider, play.record.why) == ("a", "said so at RCPT")


def test_a_message_with_one_good_recipient_left_was_given_up() -> None:
    with Playbook("start: rcpt", "child a:") as play:
        play >> f"M> {RCPT}" << f"a> {RCPT}"
        play >> "a< REJECT" << "M< REJECT"
        play >> "M> ABORT" << "a> ABORT"
        assert play.record.verdict == "aborted"


def test_a_client_refused_before_any_message_has_a_record_too() -> None:
    with Playbook("start: connected", "child a:", "child b:") as play:
        play >> "M> HELO x" << "a,b> HELO x"
        play >> "b< ACCEPT" << "b> QUIT"
        play >> "a< REJECT" << "a> QUIT" << "M< REJECT"
        record = play.record
        assert (record.verdict, record.decider, record.sender, record.helo) == ("reject", "a", b"", b"x")
        assert [child.verdict for child in record.children] == ["reject", "released"]
        play >> f"M> {MAIL}" << "M< REJECT"


def test_refusing_local_mail_is_a_configuration_problem() -> None:
    with Playbook("start: negotiated", "child a: protocol=NOCONNECT,NOHELO,NOMAIL") as play:
        play >> "M> CONNECT localhost 4 0 127.0.0.1" << "M< CONTINUE"
        play >> 'M> MAIL ""' << "M< CONTINUE"
        play >> "M> RCPT r@example.org" << "a> RCPT r@example.org"
        play >> "a< REJECT" << "M< REJECT"
        assert "let that child accept local mail" in play.remarks[-1]


@pytest.mark.parametrize(
    ("data", "client"),
    [
        (payload.encode_connection(b"h", b"4", 25, b"192.0.2.7"), b"h[192.0.2.7]"),
        (payload.encode_connection(b"unknown", b"U"), b"unknown[unknown]"),
        (payload.encode_connection(b"[192.0.2.7]", b"4", 25, b"192.0.2.7"), b"unknown[192.0.2.7]"),
        (payload.encode_connection(b"h", b"6", 25, b"IPv6:2001:db8::1"), b"h[IPv6:2001:db8::1]"),
        (b"garbage", b""),
    ],
)
def test_the_client_as_postfix_writes_it(data: bytes, client: bytes) -> None:
    assert report.client_of(Event(command.CONNECT, frame(command.CONNECT, data), None, 1)) == client


def test_nobody_has_connected() -> None:
    assert report.client_of(None) == b""


def judged(play: Playbook) -> list[tuple[str, str, str]]:
    return [(note.child.name, note.stage, note.verdict) for note in play.notes(Judged)]


def test_waits_are_told_by_command_with_the_next_message() -> None:
    with Playbook("start: helo", "child a: protocol=NOHDRS") as play:
        play >> f"M> {MAIL}" << f"a> {MAIL}"
        play >> "wait 1"
        play >> "a< CONTINUE" << "M< CONTINUE"
        play >> f"M> {RCPT}" << f"a> {RCPT}"
        play >> "wait 2"
        play >> "a< REJECT" << "M< REJECT"
        play >> f"M> {RCPT}" << f"a> {RCPT}"
        play >> "wait 0.5"
        play >> "a< ACCEPT" << "M< ACCEPT"
        (share,) = play.record.children
        waited = {command.NAMES[code]: seconds for code, seconds in share.waited.items()}
        assert waited == {"CONNECT": 0.0, "HELO": 0.0, "MAIL": 1.0, "RCPT": 2.5}
        assert judged(play) == [("a", "RCPT", "reject")]
        assert play.child("a").waited == {}
        assert not share.failed


def test_the_wait_for_a_child_that_failed_counts() -> None:
    with Playbook("start: helo", "child a: died=tempfail") as play:
        play >> f"M> {MAIL}" << f"a> {MAIL}"
        play >> "wait 3"
        play >> "a< closes" << "M< TEMPFAIL"
        (share,) = play.record.children
        assert (share.verdict, share.failed, share.waited[command.MAIL]) == ("tempfail", True, 3.0)


def test_a_verdict_on_an_unknown_command_is_told() -> None:
    with Playbook("start: helo", "child a:", "child b:") as play:
        play >> "M> UNKNOWN x" << "a,b> UNKNOWN x"
        play >> "a< TEMPFAIL" << "M< TEMPFAIL"
        play >> "b< CONTINUE"
        assert judged(play) == [("a", "UNKNOWN", "tempfail")]


@pytest.mark.parametrize(("said", "answer"), [("ACCEPT", "ACCEPT"), ("REJECT", "REJECT")])
def test_a_verdict_on_the_client_is_told_once(said: str, answer: str) -> None:
    with Playbook("start: connected", "child a:") as play:
        play >> "M> HELO mail.example.net" << "a> HELO mail.example.net"
        play >> f"a< {said}" << f"M< {answer}" << "a> QUIT" << "a> closes"
        assert judged(play) == [("a", "HELO", said.lower())]


def test_edits_are_told_of_a_child_that_let_the_message_pass() -> None:
    with Playbook("start: data", "child a: protocol=NOHDRS,NOBODY") as play:
        play >> "M> EOH" << "a> EOH"
        play >> "a< CONTINUE"
        play >> "M> EOM" << "a> EOM"
        play >> "a< ADDHEADER X v"
        play >> "a< CONTINUE" << 'M< ADDHEADER X " v"' << "M< CONTINUE"
        (share,) = play.record.children
        assert share.edits == (("ADDHEADER", 1),)
