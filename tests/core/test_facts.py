"""What conditions are told at each event of a session."""

from mmx.core.condition import Facts, Point
from mmx.core.facts import facts_of
from tests.core.playbook import Playbook

CONNECTION = (b"mail.example.net", b"4", 2525, b"192.0.2.7")


def known(play: Playbook) -> Facts:
    return facts_of(play.session.state)


def test_each_event_adds_what_it_tells() -> None:
    with Playbook("start: negotiated") as play:
        play >> 'M> MACRO CONNECT j=mx.example.org v="Postfix 3.7.11" {daemon_name}=smtpd'
        play >> "M> CONNECT mail.example.net 4 2525 192.0.2.7" << "M< CONTINUE"
        facts = known(play)
        assert (facts.point, facts.client, facts.helo) == (Point.CONNECT, CONNECTION, None)
        assert facts.macros == {b"j": b"mx.example.org", b"v": b"Postfix 3.7.11", b"daemon_name": b"smtpd"}
        play >> "M> HELO x" << "M< CONTINUE"
        assert (known(play).point, known(play).helo) == (Point.HELO, b"x")
        play >> "M> MACRO MAIL {auth_type}=plain"
        play >> "M> MAIL <s@example.net> SIZE=10 BODY=8BITMIME" << "M< CONTINUE"
        facts = known(play)
        assert (facts.point, facts.sender) == (Point.MAIL, b"<s@example.net>")
        assert facts.parameters == [b"SIZE=10", b"BODY=8BITMIME"]
        assert facts.macros[b"auth_type"] == b"plain"
        play >> "M> RCPT <r@example.org> NOTIFY=NEVER" << "M< CONTINUE"
        assert (known(play).point, known(play).recipients) == (Point.RCPT, [b"<r@example.org>"])
        play >> "M> DATA" << "M< CONTINUE"
        assert known(play).point is Point.DATA
        play >> 'M> HEADER Subject " x"'
        assert (known(play).headers, known(play).size) == ([(b"Subject", b" x")], len(b"Subject: x\r\n"))
        play >> "M> EOH"
        play >> 'M> BODY "ab\\r\\n"'
        assert (known(play).point, known(play).size) == (Point.EOH, len(b"Subject: x\r\nab\r\n"))


def test_nothing_of_a_message_is_known_after_it() -> None:
    with Playbook("start: rcpt") as play:
        play >> "M> ABORT"
        facts = known(play)
        assert (facts.point, facts.sender, facts.recipients) == (Point.HELO, b"", ())


def test_recipients_that_were_refused_are_not_asked_about() -> None:
    with Playbook("start: mail", "child a:") as play:
        for address, answer in (("<r1@x>", "REJECT"), ("<r2@x>", "CONTINUE")):
            play >> f"M> RCPT {address}" << f"a> RCPT {address}"
            play >> f"a< {answer}" << f"M< {answer}"
        assert known(play).recipients == [b"<r2@x>"]


def test_which_macros_would_come_is_known_too() -> None:
    with Playbook("child a: macros=0:j,{client_ptr}") as play:
        sent = known(play).sent_macros
        assert {b"j", b"client_ptr", b"auth_type", b"i"} <= sent
        assert b"tls_sni" not in sent


def test_a_client_of_which_nothing_is_known() -> None:
    with Playbook("start: negotiated") as play:
        play >> "M> CONNECT unknown U" << "M< CONTINUE"
        assert known(play).macros == {}
        assert known(play).client == (b"unknown", b"U", 0, b"")
