"""`verdicts`: every row and column of the table in mmx/core/verdict_map.py."""

import pytest

from mmx.core.action import MessageEnded
from tests.core.playbook import Playbook

CONNECT = "CONNECT mail.example.net 4 2525 192.0.2.7"
MAIL = "MAIL <s@example.net>"
RCPT = "RCPT <r@example.org>"
TEXT = 'REPLYCODE "550-5.7.1 not\\r\\n550 5.7.1 today"'
MILD_TEXT = 'REPLYCODE "450-4.7.1 not\\r\\n450 4.7.1 today"'
HARD_TEXT = 'REPLYCODE "550 5.7.1 come back"'


def child(verdicts: str) -> str:
    return f"child a: pipelining=yes verdicts={verdicts}"


class TestGreeting:
    def test_as_accept_the_child_is_let_go_of(self) -> None:
        with Playbook("start: negotiated", child("reject:accept")) as play:
            play >> f"M> {CONNECT}" << f"a> {CONNECT}"
            play >> "a< REJECT" << "M< ACCEPT" << "a> QUIT" << "a> closes"

    def test_as_tempfail_the_session_is_refused_with_its_text(self) -> None:
        with Playbook("start: negotiated", child("reject:tempfail")) as play:
            play >> f"M> {CONNECT}" << f"a> {CONNECT}"
            play >> f"a< {TEXT}" << f"M< {MILD_TEXT}" << "a> QUIT" << "a> closes"

    def test_as_discard_it_holds_for_every_message(self) -> None:
        with Playbook("start: negotiated", child("reject:discard"), "child b: actions=NONE") as play:
            play >> f"M> {CONNECT}" << f"a,b> {CONNECT}"
            play >> "a< REJECT" << "a> QUIT" << "a> closes"
            play >> "b< CONTINUE" << "M< CONTINUE"
            for _ in range(2):
                play >> f"M> {MAIL}" << "M< DISCARD"
                play >> "M> ABORT"
            words = [ended.record.children[0].verdict for ended in play.notes(MessageEnded)]
            assert words == ["discard", "discard"]

    def test_as_quarantine_every_message_is_held(self) -> None:
        with Playbook("start: negotiated", child("reject:quarantine"), "child b: actions=NONE") as play:
            play >> f"M> {CONNECT}" << f"a,b> {CONNECT}"
            play >> "a< REJECT" << "a> QUIT" << "a> closes"
            play >> "b< CONTINUE" << "M< CONTINUE"
            play >> f"M> {MAIL}" << f"b> {MAIL}"
            play >> "b< CONTINUE" << "M< CONTINUE"
            play >> f"M> {RCPT}" << f"b> {RCPT}"
            play >> "b< CONTINUE" << "M< CONTINUE"
            play >> "M> EOM" << "b> DATA"
            play >> "b< CONTINUE" << "b> EOH"
            play >> "b< CONTINUE" << "b> EOM"
            play >> "b< CONTINUE" << 'M< QUARANTINE ~".*reject"' << "M< CONTINUE"
            assert [share.verdict for share in play.record.children] == ["quarantine", "continue"]

    @pytest.mark.parametrize("instead", ["discard", "quarantine"])
    def test_what_is_settled_for_every_message_keeps_the_mta_in_the_session(self, instead: str) -> None:
        with Playbook("start: negotiated", child(f"reject:{instead}")) as play:
            play >> f"M> {CONNECT}" << f"a> {CONNECT}"
            play >> "a< REJECT" << "M< CONTINUE" << "a> QUIT" << "a> closes"
            play.call(play.session.internal_error)
            play >> f"M> {MAIL}" << ("M< DISCARD" if instead == "discard" else "M< CONTINUE")

    def test_a_child_that_was_let_go_of_is_dialled_again_after_a_fault(self) -> None:
        with Playbook("start: negotiated", child("reject:accept"), "child b: actions=NONE") as play:
            play >> f"M> {CONNECT}" << f"a,b> {CONNECT}"
            play >> "a< REJECT" << "a> QUIT" << "a> closes"
            play >> "b< CONTINUE" << "M< CONTINUE"
            play.call(play.session.internal_error) << "b> QUIT" << "b> closes"
            play >> f"M> {MAIL}" << f"a> {CONNECT}" << f"b> {CONNECT}"


class TestMessage:
    def test_as_accept_the_child_is_out_and_the_others_go_on(self) -> None:
        with Playbook(child("reject:accept"), "child b: actions=NONE") as play:
            play >> f"M> {MAIL}" << f"a,b> {MAIL}"
            play >> "b< CONTINUE"
            play >> "a< REJECT" << "M< CONTINUE"
            play >> f"M> {RCPT}" << f"b> {RCPT}"
            play >> "b< CONTINUE" << "M< CONTINUE"
            play >> "M> ABORT" << "b> ABORT"
            assert play.record.children[0].detail == "reject counts as accept"

    @pytest.mark.parametrize(
        ("verdicts", "said", "answer"),
        [
            ("reject:tempfail", "REJECT", "TEMPFAIL"),
            ("reject:tempfail", TEXT, MILD_TEXT),
            ("reject:discard", TEXT, "DISCARD"),
            ("tempfail:reject", "TEMPFAIL", "REJECT"),
            ("tempfail:reject", 'REPLYCODE "450 4.7.1 come back"', HARD_TEXT),
            ("tempfail:reject", 'REPLYCODE "421 4.7.0 closing"', "REJECT"),
            ("tempfail:reject", "SHUTDOWN", "REJECT"),
            ("discard:reject", "DISCARD", "REJECT"),
            ("discard:tempfail", "DISCARD", "TEMPFAIL"),
            ("tempfail:accept", "TEMPFAIL", "ACCEPT"),
            ("reject:accept", "TEMPFAIL", "TEMPFAIL"),
        ],
    )
    def test_at_mail(self, verdicts: str, said: str, answer: str) -> None:
        with Playbook(child(verdicts)) as play:
            play >> f"M> {MAIL}" << f"a> {MAIL}"
            play >> f"a< {said}" << f"M< {answer}"

    def test_as_quarantine_the_message_is_held_with_its_text(self) -> None:
        with Playbook("start: data", child("reject:quarantine")) as play:
            play >> "M> EOM" << "a> EOH" << "a> EOM"
            play >> f"a< {TEXT}" << 'M< QUARANTINE ~".*550-5.7.1 not 550 5.7.1 today"' << "M< CONTINUE"
            (share,) = play.record.children
            assert (share.verdict, share.stage) == ("quarantine", "EOH")

    def test_where_the_mta_cannot_hold_quarantine_is_tempfail(self) -> None:
        with Playbook(
            "start: data", "mta: actions=0x1f", "child a: actions=NONE verdicts=reject:quarantine"
        ) as play:
            play >> "M> EOM" << "a> EOH"
            play >> "a< REJECT" << "M< TEMPFAIL"


class TestRecipient:
    def test_as_accept_it_passes_and_the_child_stays(self) -> None:
        with Playbook("start: mail", child("reject:accept"), "child b: actions=NONE") as play:
            play >> f"M> {RCPT}" << f"a> {RCPT}"
            play >> "a< REJECT" << f"b> {RCPT}"
            play >> "b< CONTINUE" << "M< CONTINUE"
            play >> "M> DATA" << "a,b> DATA"

    def test_as_quarantine_it_passes_and_the_message_is_held(self) -> None:
        with Playbook("start: mail", child("reject:quarantine")) as play:
            play >> f"M> {RCPT}" << f"a> {RCPT}"
            play >> f"a< {TEXT}" << "M< CONTINUE"
            play >> "M> EOM" << "a> DATA"
            play >> "a< CONTINUE" << "a> EOH" << "a> EOM"
            play >> "a< CONTINUE"
            play >> "a< CONTINUE" << 'M< QUARANTINE ~".*today"' << "M< CONTINUE"

    def test_as_discard_the_message_goes(self) -> None:
        with Playbook("start: mail", child("reject:discard")) as play:
            play >> f"M> {RCPT}" << f"a> {RCPT}"
            play >> f"a< {TEXT}" << "M< DISCARD"

    def test_as_tempfail_it_is_refused_for_now(self) -> None:
        with Playbook("start: mail", child("reject:tempfail")) as play:
            play >> f"M> {RCPT}" << f"a> {RCPT}"
            play >> f"a< {TEXT}" << f"M< {MILD_TEXT}"

    def test_a_discard_that_counts_as_accept_takes_the_child_out(self) -> None:
        with Playbook("start: mail", child("discard:accept"), "child b: actions=NONE") as play:
            play >> f"M> {RCPT}" << f"a> {RCPT}"
            play >> "a< DISCARD" << f"b> {RCPT}"
            play >> "b< CONTINUE" << "M< CONTINUE"
            play >> "M> DATA" << "b> DATA"


class TestEndOfMessage:
    @pytest.mark.parametrize(
        ("verdicts", "said", "answer"),
        [
            ("reject:accept", ["ADDHEADER X v", "REJECT"], ["CONTINUE"]),
            ("reject:tempfail", ["ADDHEADER X v", "REJECT"], ["TEMPFAIL"]),
            ("reject:discard", ["ADDHEADER X v", "REJECT"], ["DISCARD"]),
            (
                "quarantine:accept",
                ["ADDHEADER X v", "QUARANTINE w", "CONTINUE"],
                ['ADDHEADER X " v"', "CONTINUE"],
            ),
            ("quarantine:reject", ["ADDHEADER X v", "QUARANTINE w", "CONTINUE"], ["REJECT"]),
            ("quarantine:tempfail", ["QUARANTINE w", "CONTINUE"], ["TEMPFAIL"]),
            ("quarantine:discard", ["QUARANTINE w", "ACCEPT"], ["DISCARD"]),
            ("quarantine:accept", ["CONTINUE"], ["CONTINUE"]),
        ],
    )
    def test_what_counts_decides_about_the_edits(
        self, verdicts: str, said: list[str], answer: list[str]
    ) -> None:
        with Playbook("start: data", child(verdicts)) as play:
            play >> "M> EOM" << "a> EOH" << "a> EOM"
            play >> "a< CONTINUE"
            for one in said:
                play >> f"a< {one}"
            for one in answer:
                play << f"M< {one}"


class TestUnknown:
    @pytest.mark.parametrize(
        ("verdicts", "answer"),
        [
            ("reject:accept", "CONTINUE"),
            ("reject:discard", "CONTINUE"),
            ("reject:quarantine", "CONTINUE"),
            ("reject:tempfail", "TEMPFAIL"),
        ],
    )
    def test_only_a_refusal_means_anything(self, verdicts: str, answer: str) -> None:
        with Playbook(child(verdicts)) as play:
            play >> "M> UNKNOWN x" << "a> UNKNOWN x"
            play >> "a< REJECT" << f"M< {answer}"


def test_a_failure_is_no_verdict() -> None:
    with Playbook("child a: died=reject verdicts=reject:accept") as play:
        play >> f"M> {MAIL}" << f"a> {MAIL}"
        play >> "a< closes" << 'M< REPLYCODE "550 5.5.0 Service unavailable"'
