"""What else decides who sees a message: its size, what an earlier child said, DNS lists."""

import pytest

from mmx.core.action import ChildFailed, LookUp
from mmx.core.condition import Truth
from tests.core.playbook import Playbook
from tests.core.test_joins import CONNECT, HELO, MAIL, PLAIN, R1, R2, shares


class TestSize:
    def test_a_message_that_grows_too_large_is_taken_away(self) -> None:
        with Playbook("start: data", f"child a: {PLAIN} max_size=10", f"child b: {PLAIN}") as play:
            play >> "M> EOH" << "a,b> EOH"
            play >> "a,b< CONTINUE"
            play >> 'M> BODY "1234567\\r\\n"' << 'a,b> BODY "1234567\\r\\n"'
            play >> "a,b< CONTINUE"
            play >> 'M> BODY "89"' << "a> ABORT" << 'b> BODY "89"'
            play >> "b< CONTINUE"
            play >> "M> EOM" << "b> EOM"
            play >> "b< CONTINUE" << "M< CONTINUE"
            assert shares(play)["a"] == ("skipped", "max_size: more than 10 bytes")

    def test_a_child_that_let_the_session_go_is_not_asked_for_its_size(self) -> None:
        with Playbook("start: connected", f"child a: {PLAIN} max_size=10", f"child b: {PLAIN}") as play:
            play >> f"M> {HELO}" << f"a,b> {HELO}"
            play >> "a< ACCEPT" << "a> QUIT" << "a> closes"
            play >> "b< CONTINUE" << "M< CONTINUE"
            play >> f"M> {MAIL}" << f"b> {MAIL}"
            play >> "b< CONTINUE" << "M< CONTINUE"
            play >> f"M> {R1}" << f"b> {R1}"
            play >> "b< CONTINUE" << "M< CONTINUE"
            play >> "M> DATA" << "b> DATA"
            play >> "b< CONTINUE" << "M< CONTINUE"
            play >> 'M> BODY "12345678901"' << "b> EOH"
            play >> "b< CONTINUE" << 'b> BODY "12345678901"'
            play >> "b< CONTINUE"
            play >> "M> EOM" << "b> EOM"
            play >> "b< CONTINUE" << "M< CONTINUE"
            assert shares(play)["a"][0] == "accept"
            assert play.record.children[0].stage == ""

    def test_at_the_limit_it_is_still_seen(self) -> None:
        with Playbook("start: data", f"child a: {PLAIN} pipelining=yes max_size=9") as play:
            play >> "M> EOH"
            play >> 'M> EOM "1234567\\r\\n"' << "a> EOH" << 'a> BODY "1234567\\r\\n"' << "a> EOM"

    def test_a_declared_size_excludes_nobody(self) -> None:
        with Playbook(f"child a: {PLAIN} max_size=10") as play:
            play >> "M> MAIL <s@example.net> SIZE=1000" << "a> MAIL <s@example.net> SIZE=1000"

    def test_a_recipient_that_it_refused_in_the_replay_stays_refused(self) -> None:
        child = f"child a: {PLAIN} when=recipient:<r2@example.org> max_size=3"
        with Playbook("start: mail", child) as play:
            play >> f"M> {R1}" << "M< CONTINUE"
            play >> f"M> {R2}" << f"a> {CONNECT}"
            play >> "a< CONTINUE" << f"a> {HELO}"
            play >> "a< CONTINUE" << f"a> {MAIL}"
            play >> "a< CONTINUE" << f"a> {R1}"
            play >> "a< REJECT" << f"a> {R2}"
            play >> "a< CONTINUE" << "M< REJECT"
            play >> "M> EOH"
            play << "a> DATA"
            play >> "a< CONTINUE" << "a> EOH"
            play >> "a< CONTINUE"
            play >> 'M> EOM "12345"' << "a> ABORT" << "M< REJECT"


class TestAfter:
    @pytest.mark.parametrize(("said", "reply"), [("continue", "CONTINUE"), ("accept", "ACCEPT")])
    def test_it_joins_at_the_event_where_that_reply_was_given(self, said: str, reply: str) -> None:
        with Playbook(f"child a: {PLAIN}", f"child b: {PLAIN} after=a:{said}") as play:
            play >> f"M> {MAIL}" << f"a> {MAIL}"
            play >> f"a< {reply}" << f"b> {CONNECT}"
            play >> "b< CONTINUE" << f"b> {HELO}"
            play >> "b< CONTINUE" << f"b> {MAIL}"
            play >> "b< CONTINUE" << "M< CONTINUE"

    def test_it_is_left_out_if_that_was_never_said(self) -> None:
        with Playbook(
            "start: data", f"child a: {PLAIN} pipelining=yes", f"child b: {PLAIN} after=a:accept"
        ) as play:
            play >> "M> EOH"
            play >> "M> EOM" << "a> EOH" << "a> EOM"
            play >> "a< CONTINUE"
            play >> "a< CONTINUE" << "M< CONTINUE"
            assert shares(play)["b"] == ("skipped", "after: a said continue")

    def test_a_child_that_failed_keeps_nobody_from_running(self) -> None:
        with Playbook("child a: down default_action=accept", f"child b: {PLAIN} after=a:accept") as play:
            play >> f"M> {MAIL}" << f"b> {CONNECT}"
            play >> "b< CONTINUE" << f"b> {HELO}"
            play >> "b< CONTINUE" << f"b> {MAIL}"
            play >> "b< CONTINUE" << "M< CONTINUE"

    def test_nor_does_one_that_was_left_out(self) -> None:
        head = (f"child a: {PLAIN} when=sender:<x@y>", f"child b: {PLAIN} after=a:accept")
        with Playbook(*head) as play:
            play >> f"M> {MAIL}" << f"b> {CONNECT}"

    def test_a_verdict_that_counts_as_another_is_what_was_said(self) -> None:
        head = (f"child a: {PLAIN} verdicts=reject:accept", f"child b: {PLAIN} after=a:reject")
        with Playbook(*head) as play:
            play >> f"M> {MAIL}" << f"a> {MAIL}"
            play >> "a< REJECT" << f"b> {CONNECT}"

    def test_whoever_joins_because_another_is_out_of_time_has_none_either(self) -> None:
        head = (f"child a: {PLAIN} default_action=accept", f"child b: {PLAIN} stalled after=a:accept")
        with Playbook("mta: software=none", "limits: command=100 connect=100", *head) as play:
            play >> f"M> {MAIL}" << f"a> {MAIL}"
            play >> "wait 25" << "a> closes" << "M< TEMPFAIL"


class TestDnsLists:
    def test_are_asked_once_a_session_and_the_child_joins_with_the_answer(self) -> None:
        with Playbook("start: negotiated", f"child a: {PLAIN} when=listed:bl.example") as play:
            play >> f"M> {CONNECT}" << "M< CONTINUE"
            assert play.notes(LookUp) == [LookUp("192.0.2.7", ("bl.example",))]
            play >> f"M> {MAIL}" << "M< CONTINUE"
            play.call(play.session.looked_up, "bl.example", Truth.YES) << f"a> {CONNECT}"
            play >> "a< CONTINUE" << f"a> {MAIL}"
            play >> "a< CONTINUE"
            play >> f"M> {MAIL}" << "a> ABORT" << f"a> {MAIL}"
            play >> "a< CONTINUE" << "M< CONTINUE"
            assert len(play.notes(LookUp)) == 1

    @pytest.mark.parametrize(("answer", "runs"), [(Truth.NO, False), (Truth.UNKNOWN, True)])
    def test_the_end_of_the_message_waits_for_the_answer(self, answer: Truth, *, runs: bool) -> None:
        with Playbook("start: data", f"child a: {PLAIN} when=listed:bl.example") as play:
            play >> "M> EOH"
            play >> "M> EOM"
            play.call(play.session.looked_up, "bl.example", answer)
            if runs:
                play << f"a> {CONNECT}"
            else:
                play << "M< CONTINUE"

    def test_an_answer_that_never_comes_is_a_failure_at_the_end_of_the_time(self) -> None:
        with Playbook(
            "start: data", "limits: message=60", f"child a: {PLAIN} when=listed:bl.example"
        ) as play:
            play >> "M> EOH"
            play >> "M> EOM"
            play >> "wait 61"
            for _ in range(6):
                play << "M< PROGRESS"
            play << "M< TEMPFAIL"
            (failed,) = play.notes(ChildFailed)
            assert (failed.step, failed.action) == ("condition", "tempfail")
