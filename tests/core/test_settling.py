"""How the answers of several children become one answer to the MTA, and what such an answer ends."""

import pytest

from mmx.core.action import ChildFailed
from tests.core.playbook import Playbook

MAIL = "MAIL <s@example.net>"
RCPT = "RCPT <r@example.org>"
REFUSED = 'REPLYCODE "550 5.7.1 no"'
LATER = 'REPLYCODE "451 4.7.1 later"'


@pytest.mark.parametrize("conclusion", ["ACCEPT", "DISCARD", "REJECT"])
def test_an_unknown_command_is_not_answered_from_memory(conclusion: str) -> None:
    with Playbook("start: helo", "child a:") as play:
        play >> f"M> {MAIL}" << f"a> {MAIL}"
        play >> f"a< {conclusion}" << f"M< {conclusion}"
        play >> "M> UNKNOWN NOOP" << "a> UNKNOWN NOOP"
        play >> "a< CONTINUE" << "M< CONTINUE"
        play >> f"M> {RCPT}" << f"M< {conclusion}"


class TestRefusedData:
    def refused(self) -> Playbook:
        play = Playbook("start: rcpt", "child a:", "child b:")
        play >> "M> DATA" << "a,b> DATA"
        play >> "b< CONTINUE"
        play >> f"a< {LATER}" << f"M< {LATER}" << "b> ABORT"
        return play

    def test_is_refused_from_memory_until_the_transaction_ends(self) -> None:
        with self.refused() as play:
            for event in ("DATA", RCPT, "DATA"):
                play >> f"M> {event}" << f"M< {LATER}"
            play >> "M> ABORT"
            play >> f"M> {MAIL}" << "a> ABORT" << f"a,b> {MAIL}"

    def test_keeps_no_recipients_that_come_later(self) -> None:
        with self.refused() as play:
            for _ in range(5):
                play >> f"M> {RCPT}" << f"M< {LATER}"
            transaction = play.session.state.transaction
            assert transaction is not None
            assert len(transaction.recipients) == 1
            assert play.record.recipients == 1


class TestAccept:
    """To the MTA only if every child itself said so and nothing is open (design 3.3)."""

    def test_not_from_an_empty_chain(self) -> None:
        with Playbook("start: negotiated") as play:
            play >> "M> CONNECT x U" << "M< CONTINUE"

    @pytest.mark.parametrize("action", ["accept", "quarantine"])
    def test_not_if_a_child_has_failed(self, action: str) -> None:
        with Playbook("start: negotiated", "child a:", f"child b: down default_action={action}") as play:
            play >> "M> CONNECT x U" << "a> CONNECT x U"
            play >> "a< ACCEPT" << "a> QUIT" << "M< CONTINUE"
            play >> f"M> {MAIL}" << "M< CONTINUE"

    def test_not_for_the_session_while_a_reload_waits(self) -> None:
        with Playbook("start: connected", "child a:", "child new: absent") as play:
            play >> "reload a new"
            play >> "M> HELO x" << "a> HELO x"
            play >> "a< ACCEPT" << "a> QUIT" << "M< CONTINUE"
            play >> f"M> {MAIL}" << "new> CONNECT mail.example.net 4 2525 192.0.2.7"
            play >> "new< CONTINUE" << "new> HELO x"
            play >> "new< CONTINUE" << f"new> {MAIL}"
            play >> "new< ACCEPT" << "M< ACCEPT"

    def test_not_to_a_recipient_that_postfix_rejected(self) -> None:
        with Playbook("start: helo", "child a:", "child b: protocol=RCPT_REJ") as play:
            play >> f"M> {MAIL}" << f"a,b> {MAIL}"
            play >> "a< ACCEPT"
            play >> "b< CONTINUE" << "M< CONTINUE"
            play >> "M> MACRO RCPT {rcpt_mailer}=error"
            play >> f"M> {RCPT}" << f"b> {RCPT}"
            play >> "b< ACCEPT" << "b> ABORT" << f"b> {MAIL}" << "M< CONTINUE"


class TestContentVerdict:
    """Known before end of message, told there; the children that still read are sent away."""

    def test_of_the_first_child_ends_the_message_for_the_others(self) -> None:
        with Playbook("start: data", "child a: actions=NONE", "child b: actions=NONE") as play:
            play >> "M> EOH" << "a,b> EOH"
            play >> "a< REJECT" << "b> ABORT"
            play >> "b< CONTINUE"
            play >> "M> BODY x"
            play >> "M> EOM" << "M< REJECT"
            play >> "M> ABORT"
            play >> f"M> {MAIL}" << "a> ABORT" << f"a,b> {MAIL}"

    def test_of_a_later_child_waits_for_the_earlier(self) -> None:
        with Playbook("start: data", "child a: actions=NONE", "child b: actions=NONE") as play:
            play >> "M> EOH" << "a,b> EOH"
            play >> "b< REJECT"
            play >> "a< CONTINUE"
            play >> "M> EOM" << "a> EOM"
            play >> "a< TEMPFAIL" << "M< TEMPFAIL"
            assert play.record.decider == "a"

    def test_is_the_answer_to_the_very_header_where_the_mta_waits_for_one(self) -> None:
        with Playbook("start: nothing", "mta: version=2 protocol=0x7f", "child a: actions=NONE") as play:
            play >> "M> OPTNEG 2 0x1ff 0x7f" << "M< OPTNEG 2 ALL NONE"
            play >> "M> CONNECT x U" << "a> CONNECT x U"
            play >> "a< CONTINUE" << "M< CONTINUE"
            play >> f"M> {MAIL}" << f"a> {MAIL}"
            play >> "a< CONTINUE" << "M< CONTINUE"
            play >> "M> HEADER X v" << "a> DATA" << "M< CONTINUE"
            play >> "a< CONTINUE" << "a> HEADER X v"
            play >> "a< REJECT"
            play >> "M> EOH" << "M< REJECT"


class TestTime:
    def test_only_who_owes_the_answer_fails_when_the_mta_cannot_wait(self) -> None:
        head = ("mta: software=none", "limits: foreign=20", "start: mail")
        with Playbook(*head, "child a: died=accept", "child b: died=accept") as play:
            play >> f"M> {RCPT}" << f"a> {RCPT}"
            play >> "a< CONTINUE" << f"b> {RCPT}"
            play >> "wait 20" << "M< CONTINUE" << "b> closes"
            assert [note.child.name for note in play.notes(ChildFailed)] == ["b"]

    def test_a_decisive_default_action_spares_the_later_children(self) -> None:
        head = ("mta: software=none", "limits: foreign=20", "start: helo")
        with Playbook(*head, "child a: died=tempfail", "child b: died=accept") as play:
            play >> f"M> {MAIL}" << f"a,b> {MAIL}"
            play >> "wait 20" << "M< TEMPFAIL" << "a> closes" << "b> ABORT"
            assert [note.child.name for note in play.notes(ChildFailed)] == ["a"]

    def test_a_reply_to_a_body_held_back_for_skip_is_given_in_time(self) -> None:
        head = ("mta: software=none protocol=SKIP", "limits: foreign=20", "start: data")
        with Playbook(*head, "child a:") as play:
            play >> "M> EOH" << "a> EOH" << "M< CONTINUE"
            play >> "a< CONTINUE"
            play >> "M> BODY x" << "a> BODY x"
            play >> "wait 20" << "M< CONTINUE"
            assert not play.notes(ChildFailed)
            play >> "a< SKIP"
            play >> "M> BODY y" << "M< SKIP"

    def test_a_message_without_end_fails_whoever_still_reads_it(self) -> None:
        head = ("limits: message=100 content=1000", "start: data")
        with Playbook(
            *head, "child a: actions=NONE died=accept", "child b: actions=NONE died=reject"
        ) as play:
            play >> "M> EOH" << "a,b> EOH"
            play >> "a< CONTINUE"
            play >> "wait 100" << "a,b> closes"
            play >> "M> EOM" << 'M< REPLYCODE "550 5.5.0 Service unavailable"'


class TestBurst:
    def burst(self) -> Playbook:
        play = Playbook("start: data", "limits: high_water=1", "child a: protocol=NOEOH,NOHDRS,NOBODY")
        play >> "M> EOM" << "a> EOM"
        play.call(play.session.mta_blocked, True)
        play >> 'a< REPLBODY "x"*65535'
        play >> 'a< REPLBODY "y"*65533'
        return play

    def test_waits_for_an_mta_that_does_not_read(self) -> None:
        with self.burst() as play:
            play >> "a< CONTINUE"
            play >> "wait 60"
            play.call(play.session.mta_blocked, False)
            play << 'M< REPLBODY "x"*65535' << 'M< REPLBODY "y"*65533+"\\r\\n"' << "M< CONTINUE"
            assert play.record.verdict == "accept"

    def test_lost_half_way_is_a_message_given_up(self) -> None:
        with self.burst() as play:
            play >> "a< CONTINUE"
            play >> "M> closes" << "a> QUIT"
            assert play.record.verdict == "aborted"

    def test_ends_with_the_session_if_the_mta_never_reads(self) -> None:
        with self.burst() as play:
            play >> "a< CONTINUE"
            play >> "wait 7210" << "M< closes" << "a> QUIT"
            assert play.session.finished


def test_an_empty_replacement_is_one_empty_chunk() -> None:
    with Playbook("start: data", "child a: protocol=NOEOH,NOBODY") as play:
        play >> "M> BODY x"
        play >> "M> EOM" << "a> EOM"
        play >> 'a< REPLBODY ""'
        play >> "a< CONTINUE" << 'M< REPLBODY ""' << "M< CONTINUE"


def test_a_bound_that_was_hit_goes_before_any_verdict() -> None:
    with Playbook("start: data", "limits: spool=1", "child a: actions=NONE protocol=NOEOH") as play:
        play >> "M> HEADER X v" << "a> HEADER X v"
        play >> "M> BODY xx" << "a> ABORT"
        play >> "a< REJECT"
        play >> "M> EOM" << 'M< REPLYCODE ~"451 4.3.1 .*"'
        assert play.remarks == ["message refused: no room to keep the message"]


@pytest.mark.parametrize("released", [True, False])
def test_a_body_is_skipped_once_everybody_is_done_with_it(*, released: bool) -> None:
    """G8: only where the MTA waits for a reply to it, and not while anyone still has it to read."""
    head = ("mta: protocol=SKIP", "start: connected", "child a:", "child b: protocol=NOEOH,NOBODY")
    with Playbook(*head) as play:
        play >> "M> HELO x" << "a,b> HELO x"
        play >> ("a< ACCEPT" if released else "a< CONTINUE")
        if released:
            play << "a> QUIT"
        play >> "b< CONTINUE" << "M< CONTINUE"
        for event in (MAIL, "DATA"):
            play >> f"M> {event}" << f"b> {event}"
            if not released:
                play << f"a> {event}"
                play >> "a< CONTINUE"
            play >> "b< CONTINUE" << "M< CONTINUE"
        play >> "M> BODY x"
        if released:
            play << "M< SKIP"
            return
        play << "a> EOH" << "M< CONTINUE"
        play >> "a< CONTINUE" << "a> BODY x"
        play >> "M> BODY y" << "M< CONTINUE"
        play >> "a< SKIP"
        play >> "M> BODY z" << "M< SKIP"


def test_the_childs_name_is_appended_to_default_texts_only_where_it_is_asked_for() -> None:
    with Playbook("name_in_reply: yes", "start: mail", "child a:", "child b: died=reject") as play:
        play >> f"M> {RCPT}" << f"a> {RCPT}"
        play >> "a< REJECT" << 'M< REPLYCODE "550 5.7.1 Command rejected (a)"'
        play >> f"M> {RCPT}" << f"a> {RCPT}"
        play >> f"a< {REFUSED}" << f"M< {REFUSED}"
        play >> f"M> {RCPT}" << f"a> {RCPT}"
        play >> "a< CONTINUE" << f"b> {RCPT}"
        play >> "b< closes" << 'M< REPLYCODE "550 5.5.0 Service unavailable (b)"'
        play >> f"M> {RCPT}" << f"a> {RCPT}"
        play >> "a< DISCARD" << "M< DISCARD"
