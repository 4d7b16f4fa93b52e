"""What each command of the MTA does, and which bytes of it close the link."""

import pytest

from mmx.core.action import Dial, MessageEnded
from mmx.core.child import Link
from mmx.core.plan import OVERHEAD
from mmx.wire import command
from mmx.wire.framing import frame
from tests.core.playbook import Playbook

CONNECT = "CONNECT mail.example.net 4 2525 192.0.2.7"
HELO = "HELO mail.example.net"
MAIL = "MAIL <s@example.net>"
RCPT = "RCPT <r@example.org>"

MALFORMED = [
    ("nothing", "frame O"),
    ("nothing", 'frame O "12345678901"'),
    ("nothing", "OPTNEG 1 ALL ALL"),
    ("nothing", "OPTNEG 0 ALL ALL"),
    ("negotiated", "frame C"),
    ("negotiated", "frame C host"),
    ("negotiated", 'frame C "host\\0"'),
    ("negotiated", 'frame C "host\\0X"'),
    ("negotiated", 'frame C "host\\04\\0"'),
    ("negotiated", 'frame C "host\\04\\0\\0192.0.2.7"'),
    ("connected", "frame H"),
    ("connected", "frame H x"),
    ("connected", 'frame H "x\\0y\\0"'),
    ("helo", "frame M"),
    ("helo", "frame M x"),
    ("mail", "frame R"),
    ("mail", "frame R x"),
    ("data", "frame L"),
    ("data", 'frame L "X\\0"'),
    ("data", 'frame L "X\\0v"'),
    ("data", 'frame L "X\\0v\\0w\\0"'),
    ("helo", "frame U"),
    ("helo", "frame U x"),
    ("negotiated", "frame D"),
    ("negotiated", "frame D Mx"),
    ("negotiated", 'frame D "Mx\\0"'),
    ("negotiated", 'frame D "Mx\\0y"'),
    ("data", 'frame D "Lx\\0"'),
    ("data", "frame D Bx"),
    ("data", 'frame D "Zx\\0"'),
]


@pytest.mark.parametrize(("start", "line"), MALFORMED)
def test_malformed_data_closes_the_link(start: str, line: str) -> None:
    with Playbook(f"start: {start}", "child a: down macros=6:i;5:i default_action=accept") as play:
        play >> f"M> {line}" << "M< closes"
        assert play.session.finished
        assert play.remarks[-1].startswith("MTA link closed: ")


@pytest.mark.parametrize(
    ("start", "line"),
    [
        ("negotiated", "CONNECT unknown U"),
        ("negotiated", 'CONNECT localhost L 0 ""'),
        ("negotiated", "CONNECT h 6 25 IPv6:2001:db8::1"),
        ("negotiated", "CONNECT h 4 25 unknown"),
        ("negotiated", 'frame C "h\\04\\0\\0192.0.2.7\\0more\\0"'),
        ("connected", 'HELO ""'),
        ("helo", 'MAIL ""'),
        ("helo", "MAIL <> SIZE=100 BODY=8BITMIME"),
        ("mail", 'RCPT "x@y"'),
        ("mail", 'UNKNOWN "FOO \\xff"'),
    ],
)
def test_unusual_data_is_passed_on_verbatim(start: str, line: str) -> None:
    with Playbook(f"start: {start}", "child a:") as play:
        play >> f"M> {line}" << f"a> {line}"
        play >> "a< CONTINUE" << "M< CONTINUE"


@pytest.mark.parametrize(
    ("start", "line", "why"),
    [
        ("negotiated", "frame Z", "unknown command b'Z'"),
        ("nothing", "MACRO CONNECT j=x", "MACRO before OPTNEG"),
        ("helo", CONNECT, "CONNECT in phase connected"),
        ("helo", RCPT, "RCPT in phase connected"),
        ("helo", "HEADER X v", "HEADER in phase connected"),
        ("helo", "EOM", "EOM in phase connected"),
    ],
)
def test_what_is_out_of_order_closes_the_link(start: str, line: str, why: str) -> None:
    with Playbook(f"start: {start}", "child a: down default_action=accept") as play:
        play >> f"M> {line}" << "M< closes"
        assert play.remarks[-1] == f"MTA link closed: {why}"
        play.call(play.session.mta_lost)


def test_optneg_dials_whoever_was_never_shaken_hands_with() -> None:
    with Playbook("start: nothing", "child a: unknown stalled", "child b:") as play:
        play >> "M> OPTNEG 6 0x1ff 0x1fffff"
        assert [dial.child.name for dial in play.notes(Dial)] == ["a"]


def test_quit_lets_everybody_go() -> None:
    with Playbook("start: mail", "child a:") as play:
        play >> "M> QUIT" << "a> ABORT" << "a> QUIT" << "M< closes"
        assert play.session.finished


class TestRefused:
    """Answered from memory: no child hears any of it."""

    def test_session(self) -> None:
        with Playbook("start: connected", "child a:") as play:
            play >> "M> HELO x" << "a> HELO x"
            play >> "a< REJECT" << "a> QUIT" << "M< REJECT"
            for event in ("HELO x", "UNKNOWN x", MAIL, RCPT, "DATA", "EOM", MAIL, RCPT, "EOM"):
                play >> f"M> {event}" << "M< REJECT"
            play >> "M> ABORT"
            play >> f"M> {MAIL}" << "M< REJECT"
            play >> "M> HEADER X v" << "M< closes"

    def test_message(self) -> None:
        with Playbook("start: mail", "child a:") as play:
            play >> "M> DATA" << "a> DATA"
            play >> "a< TEMPFAIL" << "M< TEMPFAIL"
            for event in ("DATA", RCPT, "EOM"):
                play >> f"M> {event}" << "M< TEMPFAIL"
            assert play.session.state.transaction is None

    def test_mail_that_cannot_be_taken_now(self) -> None:
        with Playbook("child a:") as play:
            reasons = ["the spool is full", ""]
            play.session.state.refuse_mail = lambda: reasons.pop(0)
            play >> f"M> {MAIL}" << 'M< REPLYCODE ~"451 4.3.2 .*"'
            assert play.remarks == ["mail refused: the spool is full"]
            assert (play.record.why, play.record.decider) == ("the spool is full", "")
            play >> "M> ABORT"
            play >> f"M> {MAIL}" << f"a> {MAIL}"


@pytest.mark.parametrize("code", ["MAIL", "RCPT", "DATA", "EOM"])
def test_the_queue_id_is_the_first_one_seen(code: str) -> None:
    """M3: Postfix knows it from the first good recipient on."""
    with Playbook("child a: protocol=NOMAIL,NORCPT,NODATA,NOEOH") as play:
        for event in (MAIL, RCPT, "DATA", "EOM"):
            if event.startswith(code):
                play >> f"M> MACRO {code} i=4aBc"
            play >> f"M> {event}" << ("a> EOM" if event == "EOM" else "M< CONTINUE")
        play >> "a< CONTINUE" << "M< CONTINUE"
        assert play.record.queue_id == b"4aBc"


@pytest.mark.parametrize(
    ("protocol", "macros", "rejected"),
    [
        ("RCPT_REJ", "{rcpt_mailer}=error {rcpt_host}=5.1.1", True),
        ("RCPT_REJ", "{rcpt_mailer}=smtp {rcpt_host}=error", False),
        ("RCPT_REJ", "i=1", False),
        ("NONE", "{rcpt_mailer}=error", False),
    ],
)
def test_a_recipient_that_postfix_rejected(protocol: str, macros: str, *, rejected: bool) -> None:
    with Playbook("start: mail", f"child a: protocol={protocol}", "child b: protocol=NOMAIL") as play:
        play >> f"M> MACRO RCPT {macros}"
        play >> f"M> {RCPT}" << f"a> {RCPT}"
        transaction = play.session.state.transaction
        assert transaction is not None
        assert transaction.recipients[0].rejected is rejected


class TestMacros:
    @pytest.mark.parametrize("code", "CHMRTLNBEAUOQK")
    def test_a_packet_without_pairs_is_normal(self, code: str) -> None:
        with Playbook("start: mail", "child a:") as play:
            play >> f"M> frame D {code}"

    def test_a_packet_for_what_is_no_command_is_not_kept(self) -> None:
        with Playbook("child a:") as play:
            for code in range(1, 256):
                play >> f'M> frame D "\\x{code:02x}x\\0y\\0"'
            assert set(play.session.state.macros) <= set(command.NAMES)

    def test_travel_with_their_event_and_only_once(self) -> None:
        with Playbook("macros: shown", "child a:", "start: nothing") as play:
            play >> "M> OPTNEG 6 0x1ff 0x1fffff" << "M< OPTNEG 6 ALL NR_HDR,NR_EOH,NR_BODY,HDR_LEADSPC"
            play >> "M> MACRO CONNECT j=one"
            play >> "M> MACRO CONNECT j=two"
            play >> "M> CONNECT x U" << "a> MACRO CONNECT j=two" << "a> CONNECT x U"
            play >> "a< CONTINUE" << "M< CONTINUE"
            play >> "M> MACRO HELO"
            play >> "M> HELO x" << "a> MACRO HELO" << "a> HELO x"
            play >> "a< CONTINUE" << "M< CONTINUE"
            play >> "M> HELO x" << "a> HELO x"

    def test_of_one_message_never_reach_the_next(self) -> None:
        child = "child a: protocol=HDR_LEADSPC,NOMAIL,NORCPT,NODATA"
        with Playbook("macros: shown", child, "start: nothing") as play:
            play >> "M> OPTNEG 6 0x1ff 0x1fffff" << "M< OPTNEG 6 ALL NR_HDR,NR_EOH,NR_BODY,HDR_LEADSPC"
            play >> "M> CONNECT x U" << "a> CONNECT x U"
            play >> "a< CONTINUE" << "M< CONTINUE"
            for code in ("RCPT", "DATA", "HEADER", "EOH", "BODY", "EOM"):
                play >> f"M> MACRO {code} i=first"
            play >> f"M> {MAIL}" << "M< CONTINUE"
            play >> "M> HEADER X v" << "a> HEADER X v"
            play >> "a< CONTINUE"
            play >> "M> MACRO BODY i=first"
            play >> "M> BODY x" << "a> EOH"
            play >> "a< CONTINUE" << "a> MACRO BODY i=first" << "a> BODY x"
            play >> "M> ABORT" << "a> ABORT"
            play >> f"M> {MAIL}" << "M< CONTINUE"
            play >> "M> BODY x" << "a> EOH"
            play >> "a< CONTINUE"
            play >> "a< CONTINUE" << "a> BODY x"


class TestAddresses:
    @pytest.mark.parametrize(
        ("line", "local"),
        [
            ("CONNECT localhost 4 0 127.0.0.1", True),
            ("CONNECT localhost 6 0 ::1", True),
            ("CONNECT localhost 6 0 IPv6:::1", True),
            ("CONNECT localhost 4 25 127.0.0.1", False),
            ("CONNECT mail.example.net 4 0 127.0.0.1", False),
            ("CONNECT localhost 4 0 192.0.2.7", False),
            ("CONNECT localhost 6 0 ::1234", False),
            ("CONNECT localhost U", False),
        ],
    )
    def test_mail_that_did_not_come_by_smtp_is_known_by_them(self, line: str, *, local: bool) -> None:
        with Playbook("start: negotiated") as play:
            play >> f"M> {line}" << "M< CONTINUE"
            assert play.session.state.local_mail is local

    @pytest.mark.parametrize(
        ("macros", "postfix"),
        [('"v=Postfix 3.7.11"', True), ("{v}=Postfix", True), ("v=8.17.1", False), ("j=Postfix", False)],
    )
    def test_postfix_is_known_by_its_macro(self, macros: str, *, postfix: bool) -> None:
        with Playbook("start: negotiated") as play:
            play >> f"M> MACRO CONNECT {macros}"
            play >> f"M> {CONNECT}" << "M< CONTINUE"
            assert play.session.state.postfix is postfix


class TestTransaction:
    @pytest.mark.parametrize("start", ["mail", "rcpt", "data"])
    @pytest.mark.parametrize(
        ("event", "then"), [("HELO x", "HELO x"), (MAIL, MAIL), ("ABORT", ""), ("QUIT_NC", "")]
    )
    def test_is_ended_by(self, event: str, then: str, start: str) -> None:
        with Playbook(f"start: {start}", "child a:") as play:
            play >> f"M> {event}" << "a> ABORT"
            if event == "QUIT_NC":
                play << "a> QUIT"
            if then:
                play << f"a> {then}"
            assert (play.session.state.transaction is None) is (event != MAIL)
            assert len(play.notes(MessageEnded)) == 1

    def test_a_second_abort_is_for_nothing(self) -> None:
        with Playbook("start: mail", "child a:") as play:
            play >> "M> ABORT" << "a> ABORT"
            play >> "M> ABORT"
            play >> "M> HELO x" << "a> HELO x"

    def test_content_without_data_gets_one_for_children_that_know_it(self) -> None:
        """An MTA older than version 4 has none (N10, N13)."""
        head = ("mta: version=3 protocol=0x17f", "start: rcpt", "child a: protocol=NOHDRS")
        with Playbook(*head, "child b: version=3 protocol=NOEOH") as play:
            play >> "M> HEADER X v" << "a> DATA" << "M< CONTINUE"
            play >> "M> EOM"
            play >> "a< CONTINUE" << "a> EOH"
            play >> "a< CONTINUE" << "a> EOM"
            play >> "a< CONTINUE" << "b> HEADER X v"

    def test_the_end_of_the_headers_comes_with_its_macros(self) -> None:
        with Playbook("macros: shown", "start: data", "child a:") as play:
            play >> "M> MACRO EOH i=1"
            play >> "M> EOH" << "a> MACRO EOH i=1" << "a> EOH"

    def test_data_inside_end_of_message_is_body(self) -> None:
        with Playbook("start: data", "child a: protocol=NOEOH") as play:
            play >> "M> EOM tail" << "a> BODY tail"
            play >> "a< CONTINUE" << "a> EOM"

    def test_a_header_without_a_name_is_left_out(self) -> None:
        with Playbook("start: data", "child a:") as play:
            play >> 'M> HEADER "" x'
            assert play.remarks == ["a header without a name is left out"]
            play >> "M> HEADER X v" << "a> HEADER X v"

    def test_an_empty_body_is_no_body(self) -> None:
        with Playbook("start: data", "child a:") as play:
            play >> 'M> BODY ""' << "a> EOH"
            play >> "a< CONTINUE"
            play >> "M> EOM" << "a> EOM"

    def test_data_asked_again_shows_the_children_the_envelope_anew(self) -> None:
        with Playbook("start: data", "child a:") as play:
            play >> "M> DATA" << "a> ABORT" << f"a> {MAIL}"
            play >> "a< CONTINUE" << f"a> {RCPT}"
            play >> "a< CONTINUE" << "a> DATA"
            play >> "a< CONTINUE" << "M< CONTINUE"

    def test_a_recipient_after_data_likewise(self) -> None:
        with Playbook("start: data", "child a:", "child b: protocol=NOMAIL,NORCPT,NODATA") as play:
            play >> "M> RCPT <r2@example.org>" << "a,b> ABORT" << f"a> {MAIL}"
            play >> "a< CONTINUE" << f"a> {RCPT}"
            play >> "a< CONTINUE" << "a> RCPT <r2@example.org>"
            play >> "a< CONTINUE" << "M< CONTINUE"


def test_another_client_on_the_same_link_meets_fresh_children() -> None:
    """QUIT_NC is never passed on: a libmilter child may hang on it (S6)."""
    with Playbook("start: mail", "child a:", "child b: protocol=NOCONNECT,NOHELO,NOMAIL") as play:
        play >> "M> QUIT_NC" << "a,b> ABORT" << "a,b> QUIT"
        assert [child.link for child in play.session.children] == [Link.DOWN, Link.DOWN]
        play >> "M> CONNECT other U" << "a> CONNECT other U"
        play >> "a< CONTINUE" << "M< CONTINUE"
        assert [dial.child.name for dial in play.notes(Dial)] == ["a"]


class TestBounds:
    def test_recipients(self) -> None:
        limit = 2 * (len(frame(command.RCPT, b"<r@example.org>\0")) + OVERHEAD)
        with Playbook("start: mail", f"limits: transcript={limit}", "child a: protocol=NORCPT") as play:
            for _ in range(2):
                play >> f"M> {RCPT}" << "M< CONTINUE"
            play >> f"M> {RCPT}" << 'M< REPLYCODE ~"451 4.3.1 .*"' << "a> ABORT"
            assert f"more than {limit} bytes of recipients" in play.record.why
            play >> "M> DATA" << 'M< REPLYCODE ~"451 4.3.1 .*"'

    def test_headers(self) -> None:
        with Playbook("start: data", "limits: headers=600", "child a: actions=NONE protocol=NOHDRS") as play:
            for _ in range(2):
                play >> "M> HEADER X v"
            play >> "M> HEADER X v" << "a> ABORT"
            for _ in range(100):
                play >> "M> HEADER X v"
            transaction = play.session.state.transaction
            assert transaction is not None
            assert transaction.content is not None
            assert transaction.content.header_count == 3
            play >> "M> EOM" << 'M< REPLYCODE ~"451 4.3.1 .*"'
            assert play.record.why == "more than 600 bytes of headers"

    def test_body(self) -> None:
        with Playbook("start: data", "limits: spool=5", "child a: protocol=NOEOH,NOBODY") as play:
            play >> "M> BODY 12345"
            play >> "M> BODY 6" << "a> ABORT"
            play >> "M> BODY 7"
            play >> "M> EOM" << 'M< REPLYCODE ~"451 4.3.1 .*"'
            assert play.record.why == "no room to keep the message"

    def test_the_next_message_starts_from_nothing(self) -> None:
        with Playbook("start: data", "limits: spool=5", "child a: protocol=NOEOH,NOBODY,NOMAIL") as play:
            play >> "M> BODY 123456" << "a> ABORT"
            play >> "M> EOM" << 'M< REPLYCODE ~"451 4.3.1 .*"'
            play >> f"M> {MAIL}" << "M< CONTINUE"
            play >> "M> BODY 12345" << "a> DATA"
            play >> "M> EOM"
            play >> "a< CONTINUE" << "a> EOM"
            play >> "a< CONTINUE" << "M< CONTINUE"
