"""Connections to children: dialling, the handshake, every way to fail, saying good-bye, a new chain."""

import pytest

from mmx.core import plan
from mmx.core.action import ChildFailed, Close, Dial, Loss, Ready
from mmx.core.child import Link
from mmx.wire import option
from mmx.wire.payload import Options
from tests.core.playbook import Playbook

CONNECT = "CONNECT mail.example.net 4 2525 192.0.2.7"
HELO = "HELO mail.example.net"
MAIL = "MAIL <s@example.net>"
RCPT = "RCPT <r@example.org>"
ANSWER = {
    plan.ACCEPT: "CONTINUE",
    plan.QUARANTINE: "CONTINUE",
    plan.TEMPFAIL: "TEMPFAIL",
    plan.REJECT: 'REPLYCODE "550 5.5.0 Service unavailable"',
    plan.SHUTDOWN: 'REPLYCODE "421 4.7.1 Service unavailable - try again later"',
}


class TestDialling:
    def test_happens_with_the_first_event_that_the_child_should_see(self) -> None:
        head = ("child a:", "child b: protocol=NOCONNECT", "child c: protocol=NOCONNECT,NOHELO")
        with Playbook("start: negotiated", *head) as play:
            play >> f"M> {CONNECT}" << f"a> {CONNECT}"
            assert [dial.child.name for dial in play.notes(Dial)] == ["a"]
            play >> "a< CONTINUE" << "M< CONTINUE"
            play >> f"M> {HELO}" << f"a,b> {HELO}"
            play >> "a,b< CONTINUE" << "M< CONTINUE"
            play >> f"M> {MAIL}" << f"a,b,c> {MAIL}"
            assert [dial.child.name for dial in play.notes(Dial)] == ["a", "b", "c"]

    def test_is_tried_once_before_the_first_message_and_again_with_each(self) -> None:
        with Playbook("start: negotiated", "child a: down default_action=accept") as play:
            for event, dials in ((CONNECT, 1), (HELO, 1), ("UNKNOWN x", 1), (MAIL, 2), (RCPT, 2), (MAIL, 3)):
                play >> f"M> {event}" << "M< CONTINUE"
                assert len(play.notes(Dial)) == dials

    def test_of_an_unknown_child_comes_before_the_answer_to_the_mta(self) -> None:
        head = ("start: nothing", "child a: unknown protocol=NOUNKNOWN", "child b: unknown down")
        with Playbook(*head) as play:
            play >> "M> OPTNEG 6 0x1ff 0x1fffff"
            play << "M< OPTNEG 6 ALL NOUNKNOWN,NR_HDR,NR_EOH,NR_BODY,HDR_LEADSPC"
            assert [dial.child.name for dial in play.notes(Dial)] == ["a", "b"]
            assert [ready.child.name for ready in play.notes(Ready)] == ["a"]


class TestHandshake:
    @pytest.mark.parametrize(
        "answer",
        [
            "frame O",
            'raw "\\0\\0\\0\\x0dO\\0\\0\\0\\x07\\0\\0\\0\\0\\0\\0\\0\\0"',
            "OPTNEG 1 NONE NONE",
            "OPTNEG 6 0x3ff NONE",
            "CONTINUE",
            "frame Z",
        ],
    )
    @pytest.mark.parametrize("action", plan.DEFAULT_ACTIONS)
    def test_that_fails_is_a_child_not_reached(self, action: str, answer: str) -> None:
        head = ("handshake: shown", f"child a: unreachable={action} died=shutdown")
        with Playbook("start: negotiated", *head) as play:
            play >> f"M> {CONNECT}" << "a> OPTNEG 6 ALL ALL"
            play >> f"a< {answer}" << "M< CONTINUE"
            (failed,) = play.notes(ChildFailed)
            assert (failed.step, failed.reason, failed.action) == ("OPTNEG", "protocol", "")
            play >> f"M> {MAIL}" << "a> OPTNEG 6 ALL ALL"
            play >> f"a< {answer}" << f"M< {ANSWER[action]}"
            assert play.notes(ChildFailed)[-1].action == action

    def test_has_its_time_together_with_connecting(self) -> None:
        with Playbook("start: negotiated", "limits: connect=4", "child a: deaf", "child b: stalled") as play:
            play >> f"M> {CONNECT}"
            play >> "wait 3.9"
            play >> "wait 0.1" << "M< CONTINUE"
            steps = [(note.child.name, note.step, note.reason) for note in play.notes(ChildFailed)]
            assert steps == [("a", "OPTNEG", "timeout"), ("b", "connect", "timeout")]

    def test_teaches_all_sessions_what_the_child_wants(self) -> None:
        with Playbook("start: negotiated", "handshake: shown", "child a: protocol=NOUNKNOWN") as play:
            play >> f"M> {CONNECT}" << "a> OPTNEG 6 ALL ALL"
            play >> "a< OPTNEG 5 ADDHDRS RCPT_REJ,NOCONNECT 3:{x_y}" << "M< CONTINUE"
            learnt = play.session.state.knowledge.of("a")
            assert learnt == Options(5, option.ADDHDRS, option.RCPT_REJ | option.NOCONNECT, {3: (b"{x_y}",)})
            assert "wants more than it used to" in play.remarks[-1]

    def test_with_less_than_a_full_offer_teaches_nothing_new(self) -> None:
        old = "mta: version=4 protocol=0x3ff"
        with Playbook("start: negotiated", old, "child a: protocol=RCPT_REJ", "handshake: shown") as play:
            play >> f"M> {CONNECT}" << "a> OPTNEG 6 ALL 0xff7ff"
            play >> "a< OPTNEG 6 NONE NONE" << f"a> {CONNECT}"
            learnt = play.session.state.knowledge.of("a")
            assert learnt is not None
            assert learnt.protocol == option.RCPT_REJ

    def test_that_is_odd_but_good_is_remarked_on(self) -> None:
        with Playbook("start: negotiated", "handshake: shown", "child a:") as play:
            play >> f"M> {CONNECT}" << "a> OPTNEG 6 ALL ALL"
            play >> "a< OPTNEG 6 NONE 0xfe00000" << f"a> {CONNECT}"
            assert play.remarks[0] == "a: undefined protocol bits 0xfe00000 are ignored"


LOSSES = [Loss("eof"), Loss("reset", "by peer"), Loss("frame", "frame of length 0"), Loss("timeout")]


class TestFailing:
    @pytest.mark.parametrize("action", plan.DEFAULT_ACTIONS)
    def test_for_want_of_our_own_resources_takes_no_default_action(self, action: str) -> None:
        with Playbook("start: negotiated", f"child a: stalled unreachable={action} died={action}") as play:
            short = play.child("a"), Loss("resources", "EMFILE")
            play >> f"M> {CONNECT}"
            play.call(play.session.child_lost, *short) << "M< CONTINUE"
            play >> f"M> {MAIL}"
            play.call(play.session.child_lost, *short) << "M< TEMPFAIL"
            assert play.notes(ChildFailed)[-1].action == plan.TEMPFAIL

    @pytest.mark.parametrize("action", plan.DEFAULT_ACTIONS)
    @pytest.mark.parametrize(("start", "event"), [("helo", MAIL), ("mail", RCPT), ("rcpt", "DATA")])
    def test_inside_a_message_its_default_action_is_its_verdict(
        self, start: str, event: str, action: str
    ) -> None:
        with Playbook(f"start: {start}", f"child a: died={action} unreachable=shutdown") as play:
            play >> f"M> {event}" << f"a> {event}"
            play >> "a< closes" << f"M< {ANSWER[action]}"
            (failed,) = play.notes(ChildFailed)
            assert (failed.step, failed.reason, failed.action) == (event.split(maxsplit=1)[0], "eof", action)

    @pytest.mark.parametrize("action", plan.DEFAULT_ACTIONS)
    @pytest.mark.parametrize("when", ["HEADER X v", "EOH", "BODY x", "EOM", ""])
    def test_in_the_content_it_is_told_at_end_of_message(self, when: str, action: str) -> None:
        lines = ["HEADER X v", "EOH", "BODY x", "EOM"]
        with Playbook("start: data", f"child a: died={action} protocol=HDR_LEADSPC") as play:
            for line in lines[: lines.index(when) + 1] if when else []:
                play >> f"M> {line}" << f"a> {line}"
                if line != when:
                    play >> "a< CONTINUE"
            play >> "a< closes"
            if when != "EOM":
                play >> "M> EOM"
            if action == plan.QUARANTINE:
                play << 'M< QUARANTINE "[a via mmx] content filter failed"'
            play << f"M< {ANSWER[action]}"
            assert play.notes(ChildFailed)[0].step == (when.split(maxsplit=1)[0] if when else "idle")

    @pytest.mark.parametrize("action", plan.DEFAULT_ACTIONS)
    def test_half_way_through_its_edits_nothing_of_them_is_left(self, action: str) -> None:
        with Playbook("start: data", f"child a: died={action}", "child b: protocol=NOHDRS,NOEOH") as play:
            play >> "M> EOH" << "a> EOH"
            play >> "a< CONTINUE"
            play >> "M> BODY x" << "a> BODY x"
            play >> "a< CONTINUE"
            play >> "M> EOM" << "a> EOM"
            play >> 'a< ADDHEADER X " v"'
            play >> "a< REPLBODY half"
            play >> "a< closes"
            if ANSWER[action] != "CONTINUE":
                play << f"M< {ANSWER[action]}" << "b> ABORT"
                return
            play << "b> BODY x"
            play >> "b< CONTINUE" << "b> EOM"
            play >> "b< CONTINUE"
            if action == plan.QUARANTINE:
                play << 'M< QUARANTINE "[a via mmx] content filter failed"'
            play << "M< CONTINUE"

    @pytest.mark.parametrize("loss", LOSSES)
    def test_between_messages_harms_nobody(self, loss: Loss) -> None:
        with Playbook("child a:") as play:
            play.call(play.session.child_lost, play.child("a"), loss)
            (failed,) = play.notes(ChildFailed)
            assert (failed.step, failed.reason, failed.detail, failed.action) == ("idle", *loss, "")
            play._stage._links.clear()
            play >> f"M> {MAIL}" << f"a> {CONNECT}"
            play >> "a< CONTINUE" << f"a> {HELO}"
            play >> "a< CONTINUE" << f"a> {MAIL}"
            play >> "a< CONTINUE" << "M< CONTINUE"

    def test_twice_is_failing_once(self) -> None:
        with Playbook("start: mail", "child a:") as play:
            for _ in range(2):
                play.call(play.session.child_lost, play.child("a"), Loss("eof"))
            assert len(play.notes(ChildFailed)) == 1

    def test_after_its_verdict_changes_nothing(self) -> None:
        with Playbook("start: helo", "child a:", "child b:") as play:
            play >> f"M> {MAIL}" << f"a,b> {MAIL}"
            play >> "a< ACCEPT"
            play >> "a< closes"
            play >> "b< CONTINUE" << "M< CONTINUE"
            assert play.notes(ChildFailed)[0].action == ""

    def test_after_the_message_has_its_verdict_takes_no_default_action(self) -> None:
        with Playbook("start: rcpt", "child a:", "child b: died=reject") as play:
            play >> "M> DATA" << "a,b> DATA"
            play >> "a< TEMPFAIL" << "M< TEMPFAIL" << "b> ABORT"
            play >> "b< closes"
            assert play.notes(ChildFailed)[0].action == ""
            play >> f"M> {RCPT}" << "M< TEMPFAIL"

    def test_with_quarantine_where_the_mta_cannot_hold_is_a_tempfail(self) -> None:
        no_hold = f"mta: actions={option.ALL_ACTIONS & ~option.QUARANTINE:#x}"
        with Playbook("start: helo", no_hold, "child a: actions=NONE died=quarantine") as play:
            play >> f"M> {MAIL}" << f"a> {MAIL}"
            play >> "a< closes" << "M< TEMPFAIL"
            assert play.notes(ChildFailed)[0].action == plan.TEMPFAIL

    def test_in_one_message_does_not_reach_into_the_next(self) -> None:
        with Playbook("start: helo", "child a: died=accept") as play:
            play >> f"M> {MAIL}" << f"a> {MAIL}"
            play >> "a< closes" << "M< CONTINUE"
            play >> f"M> {RCPT}" << "M< CONTINUE"
            play >> "M> ABORT"
            play >> f"M> {MAIL}" << f"a> {CONNECT}"
            play >> "a< CONTINUE" << f"a> {HELO}"
            play >> "a< CONTINUE" << f"a> {MAIL}"
            play >> "a< REJECT" << "M< REJECT"

    def test_while_it_joins_is_a_death_once_it_was_reached(self) -> None:
        with Playbook("start: helo", "child a:", "child b: absent died=reject unreachable=accept") as play:
            play >> "reload a b"
            play >> f"M> {MAIL}" << f"a> {MAIL}" << f"b> {CONNECT}"
            play >> "a< CONTINUE"
            play >> "b< closes" << f"M< {ANSWER['reject']}" << "a> ABORT"


class TestNewChain:
    def test_is_taken_at_the_next_mail(self) -> None:
        with Playbook("child a:", "child b:", "child c: absent protocol=NOCONNECT,NOHELO") as play:
            play >> "reload c b"
            play >> "M> HELO x" << "a,b> HELO x"
            play >> "a,b< CONTINUE" << "M< CONTINUE"
            play >> f"M> {MAIL}" << f"c,b> {MAIL}" << "a> QUIT"
            assert [child.name for child in play.session.children] == ["c", "b"]
            assert [close.child.name for close in play.notes(Close)] == ["a"]

    def test_does_not_touch_the_message_under_way(self) -> None:
        with Playbook("child a:", "child b: absent", "start: mail") as play:
            play >> "reload b"
            play >> f"M> {RCPT}" << f"a> {RCPT}"
            play >> "a< CONTINUE" << "M< CONTINUE"
            play >> "M> ABORT" << "a> ABORT"
            play >> f"M> {MAIL}" << "a> QUIT" << f"b> {CONNECT}"

    def test_keeps_a_child_with_its_connection_and_takes_its_new_plan(self) -> None:
        with Playbook("child a:") as play:
            before = play.child("a")
            play >> "reload a"
            play >> f"M> {MAIL}" << f"a> {MAIL}"
            assert play.child("a") is before
            assert before.plan is play.session.state.chain.children[0]

    def test_dials_a_child_anew_whose_endpoint_has_changed(self) -> None:
        with Playbook("child a:") as play:
            before = play.child("a")
            moved = plan.ChildPlan("a", endpoint="unix:/elsewhere")
            play.call(play.session.set_chain, plan.Chain((moved,)))
            play >> f"M> {MAIL}" << "a> QUIT" << f"a> {CONNECT}"
            assert play.child("a") is not before

    def test_lets_a_child_that_refused_the_session_keep_to_it(self) -> None:
        with Playbook("child a:", "child b: absent") as play:
            play >> "reload a b"
            play >> f"M> {MAIL}" << f"a> {MAIL}" << f"b> {CONNECT}"
            play >> "a< CONTINUE"
            play >> "b< REJECT" << "M< REJECT" << "b> QUIT" << "a> ABORT"
            play >> f"M> {MAIL}" << f"a> {MAIL}"
            play >> "a< CONTINUE" << "M< REJECT" << "a> ABORT"
            assert play.child("b").link is Link.REFUSING


def test_a_connection_that_nobody_asked_for_is_not_spoken_on() -> None:
    with Playbook("child a:", "child b: down") as play:
        for name in "ab":
            play.call(play.session.child_up, play.child(name))


def test_good_bye_is_said_to_whoever_is_connected() -> None:
    head = ("start: negotiated", "child a:", "child b: deaf", "child c: stalled", "child d: down")
    with Playbook(*head) as play:
        play >> f"M> {CONNECT}" << f"a> {CONNECT}"
        play >> "M> closes" << "a> QUIT" << "b> QUIT"
        assert [close.child.name for close in play.notes(Close)] == ["d", "a", "b", "c"]
