"""Children that are fed ahead of their replies: libmilter programs, others, those that answer no content."""

import pytest

from mmx.core.child import Link
from mmx.core.verdict import CONTINUE_FRAME
from tests.core.playbook import Playbook

MAIL = "MAIL <s@example.net>"
RCPT = "RCPT <r@example.org>"
CONNECT = "CONNECT mail.example.net 4 2525 192.0.2.7"
HELO = "HELO mail.example.net"


class TestPipelining:
    def test_content_is_sent_without_waiting(self) -> None:
        with Playbook("start: data", "child a: pipelining=yes") as play:
            play >> "M> HEADER X v"
            play >> "M> EOH"
            play >> "M> BODY x"
            play >> "M> EOM" << "a> HEADER X v" << "a> EOH" << "a> BODY x" << "a> EOM"
            play >> "a< CONTINUE"
            play >> "a< CONTINUE"
            play >> "a< CONTINUE"
            play >> "a< CONTINUE" << "M< CONTINUE"

    def test_large_content_is_sent_before_its_end(self) -> None:
        """Also to a child that answers none of it."""
        children = (
            "child a: pipelining=yes actions=NONE",
            "child b: protocol=NR_HDR,NR_EOH,NR_BODY actions=NONE",
        )
        with Playbook("start: data", *children) as play:
            play >> "M> HEADER X v"
            play >> "M> EOH"
            piece = 'BODY "x"*32768'
            play >> f"M> {piece}" << "a,b> HEADER X v" << "a,b> EOH" << f"a,b> {piece}"
            play >> "M> BODY x"
            play >> "M> EOM" << "a,b> BODY x" << "a,b> EOM"

    def test_an_early_verdict_ends_it(self) -> None:
        with Playbook("start: data", "child a: pipelining=yes") as play:
            play >> "M> HEADER X v"
            play >> "M> EOM" << "a> HEADER X v" << "a> EOH" << "a> EOM"
            play >> "a< TEMPFAIL" << "M< TEMPFAIL"
            play >> f"M> {MAIL}" << "a> ABORT" << f"a> {MAIL}"
            play >> "a< CONTINUE" << "M< CONTINUE"

    def test_the_envelope_is_not_sent_ahead(self) -> None:
        with Playbook("start: helo", "child a: pipelining=yes") as play:
            play >> f"M> {MAIL}" << f"a> {MAIL}"
            play >> f"M> {RCPT}"
            play >> "a< CONTINUE" << "M< CONTINUE" << f"a> {RCPT}"

    def test_macros_of_content_are_spared(self) -> None:
        head = ("macros: shown", "start: data", "child a: pipelining=yes actions=NONE", "child b:")
        with Playbook(*head) as play:
            play >> "M> MACRO HEADER i=1"
            play >> "M> HEADER X v" << "b> MACRO HEADER i=1" << "b> HEADER X v"
            play >> "M> EOM" << "a> HEADER X v" << "a> EOH" << "a> EOM"


class TestHeaders:
    """A child of which nothing is known gets the headers and the first piece of body in one go."""

    def test_each_further_piece_and_the_end_wait_for_every_reply(self) -> None:
        pieces = ['BODY "x"*32768', 'BODY "y"*32768', "BODY z"]
        with Playbook("start: data", "child a: pipelining=headers") as play:
            play >> "M> HEADER X v"
            play >> "M> EOH"
            play >> f"M> {pieces[0]}" << "a> HEADER X v" << "a> EOH" << f"a> {pieces[0]}"
            play >> f"M> {pieces[1]}"
            play >> f"M> {pieces[2]}"
            play >> "M> EOM"
            play >> "a< CONTINUE"
            play >> "a< CONTINUE"
            play >> "a< CONTINUE" << f"a> {pieces[1]}"
            play >> "a< CONTINUE" << f"a> {pieces[2]}"
            play >> "a< CONTINUE" << "a> EOM"
            play >> "a< CONTINUE" << "M< CONTINUE"

    def test_skipping_the_body_leaves_only_the_end(self) -> None:
        pieces = ['BODY "x"*32768', 'BODY "y"*32768']
        with Playbook("start: data", "child a: pipelining=headers") as play:
            play >> f"M> {pieces[0]}" << "a> EOH" << f"a> {pieces[0]}"
            play >> f"M> {pieces[1]}"
            play >> "M> EOM"
            play >> "a< CONTINUE"
            play >> "a< SKIP" << "a> EOM"

    def test_skipping_headers_that_are_on_their_way_changes_nothing(self) -> None:
        with Playbook("start: data", "child a: pipelining=headers protocol=NOEOH,NOBODY") as play:
            play >> "M> HEADER X v"
            play >> "M> HEADER Y v"
            play >> "M> EOM" << "a> HEADER X v" << "a> HEADER Y v"
            play >> "a< SKIP"
            play >> "a< CONTINUE" << "a> EOM"

    def test_without_a_body_the_end_waits_for_the_headers(self) -> None:
        with Playbook("start: data", "child a: pipelining=headers") as play:
            play >> "M> EOM" << "a> EOH"
            play >> "a< CONTINUE" << "a> EOM"

    def test_an_answer_too_many_does_not_count_as_the_verdict(self) -> None:
        """F10: all that comes in one read is looked at before the end is sent."""
        with Playbook("start: data", "child a: pipelining=headers") as play:
            play >> "M> HEADER X v"
            play >> "M> EOM" << "a> HEADER X v" << "a> EOH"
            answers = [CONTINUE_FRAME] * 3
            play.call(play.session.from_child, play.child("a"), *answers) << "M< TEMPFAIL"
            assert play.child("a").link is Link.DOWN

    @pytest.mark.parametrize(
        ("said", "heard"), [("REJECT", "REJECT"), ("ACCEPT", "ACCEPT"), ("DISCARD", "DISCARD")]
    )
    def test_after_an_early_verdict_the_link_is_made_anew(self, said: str, heard: str) -> None:
        """Whether it answers the rest is open: libmilter does not, others do."""
        with Playbook("start: data", "child a: pipelining=headers") as play:
            play >> "M> HEADER X v"
            play >> "M> EOM" << "a> HEADER X v" << "a> EOH"
            play >> f"a< {said}" << "a> QUIT" << f"M< {heard}"
            play >> f"M> {MAIL}" << f"a> {CONNECT}"
            play >> "a< CONTINUE" << f"a> {HELO}"
            play >> "a< CONTINUE" << f"a> {MAIL}"
            play >> "a< CONTINUE" << "M< CONTINUE"

    @pytest.mark.parametrize("event", ["HELO mail2.example.net", "UNKNOWN NOOP"])
    def test_a_link_that_is_made_anew_is_there_for_the_next_event(self, event: str) -> None:
        with Playbook("start: data", "child a: pipelining=headers") as play:
            play >> "M> HEADER X v"
            play >> "M> EOM" << "a> HEADER X v" << "a> EOH"
            play >> "a< REJECT" << "a> QUIT" << "M< REJECT"
            play >> "M> ABORT"
            play >> f"M> {event}" << f"a> {CONNECT}"
            if event.startswith("UNKNOWN"):
                play >> "a< CONTINUE" << f"a> {HELO}"
            play >> "a< CONTINUE" << f"a> {event}"
            play >> "a< CONTINUE" << "M< CONTINUE"

    def test_an_early_verdict_on_the_last_that_was_sent_keeps_the_link(self) -> None:
        with Playbook("start: data", "child a: pipelining=headers") as play:
            play >> "M> HEADER X v"
            play >> "M> EOM" << "a> HEADER X v" << "a> EOH"
            play >> "a< CONTINUE"
            play >> "a< REJECT" << "M< REJECT"
            play >> f"M> {MAIL}" << "a> ABORT" << f"a> {MAIL}"
            play >> "a< CONTINUE" << "M< CONTINUE"

    def test_unanswered_content_behind_the_verdict_counts_too(self) -> None:
        with Playbook("start: data", "child a: pipelining=headers protocol=NR_EOH,NR_BODY") as play:
            play >> "M> HEADER X v"
            play >> "M> EOM" << "a> HEADER X v" << "a> EOH"
            play >> "a< REJECT" << "a> QUIT" << "M< REJECT"

    def test_a_message_given_up_with_several_replies_due_ends_the_link(self) -> None:
        """One of them might be a verdict, after which it is open what else is answered."""
        with Playbook("start: data", "child a: pipelining=headers") as play:
            piece = 'BODY "x"*32768'
            play >> f"M> {piece}" << "a> EOH" << f"a> {piece}"
            play >> "M> ABORT" << "a> QUIT"

    def test_a_message_taken_from_it_with_several_replies_due_ends_the_link(self) -> None:
        with Playbook("start: data", "child a: pipelining=headers max_size=40000") as play:
            piece = 'BODY "x"*32768'
            play >> f"M> {piece}" << "a> EOH" << f"a> {piece}"
            play >> f"M> {piece}" << "a> QUIT"
            play >> "M> EOM" << "M< CONTINUE"

    def test_a_message_given_up_with_one_reply_due_does_not(self) -> None:
        with Playbook("start: data", "child a: pipelining=headers protocol=NOBODY") as play:
            play >> "M> EOH"
            play >> 'M> BODY "x"*32768' << "a> EOH"
            play >> "M> ABORT" << "a> ABORT"
            play >> f"M> {MAIL}" << f"a> {MAIL}"
            play >> "a< CONTINUE"
            play >> "a< CONTINUE" << "M< CONTINUE"

    def test_nothing_is_gathered_for_an_mta_that_waits(self) -> None:
        with Playbook("mta: protocol=0x7f", "start: data", "child a: pipelining=headers") as play:
            play >> "M> HEADER X v" << "a> HEADER X v" << "M< CONTINUE"
            play >> "M> EOH" << "a> EOH" << "M< CONTINUE"
            play >> "M> BODY x" << "a> BODY x" << "M< CONTINUE"
            play >> "M> EOM"

    def test_macros_of_content_are_passed_on_when_they_change(self) -> None:
        with Playbook("macros: shown", "start: data", "child a: pipelining=headers") as play:
            play >> "M> MACRO HEADER i=1"
            play >> "M> HEADER X v"
            play >> "M> HEADER Y v"
            piece = 'BODY "x"*32768'
            play >> f"M> {piece}"
            claimed = ("MACRO HEADER i=1", "HEADER X v", "HEADER Y v", "EOH", piece)
            for line in claimed:
                play << f"a> {line}"
            for _ in range(4):
                play >> "a< CONTINUE"
            play >> "M> MACRO BODY i=2"
            play >> f"M> {piece}" << "a> MACRO BODY i=2" << f"a> {piece}"
            play >> "a< CONTINUE"
            play >> f"M> {piece}" << f"a> {piece}"
