"""Who sees a message and when: joins at every event, what is left out, size, `after`, DNS lists."""

import pytest

from mmx.core.action import ChildFailed, Dial
from tests.core.playbook import Playbook

CONNECT = "CONNECT mail.example.net 4 2525 192.0.2.7"
HELO = "HELO mail.example.net"
MAIL = "MAIL <s@example.net>"
R1 = "RCPT <r1@example.org>"
R2 = "RCPT <r2@example.org>"
PLAIN = "actions=NONE"


def dialled(play: Playbook) -> list[str]:
    return [dial.child.name for dial in play.notes(Dial)]


def shares(play: Playbook) -> dict[str, tuple[str, str]]:
    return {child.name: (child.verdict, child.because) for child in play.record.children}


def deliver(play: Playbook, *names: str) -> None:
    """The rest of a message without content, let pass by these children."""
    play >> "M> EOH"
    for name in names:
        play << f"{name}> EOH"
        play >> f"{name}< CONTINUE"
    play >> "M> EOM"
    for name in names:
        play << f"{name}> EOM"
    for name in names:
        play >> f"{name}< CONTINUE"
    play << "M< CONTINUE"


class TestBeforeAMessage:
    def test_a_condition_on_the_client_decides_at_connect(self) -> None:
        head = ("start: negotiated", "child a: when=client:192.0.2.7", "child b: when=client:192.0.2.8")
        with Playbook(*head) as play:
            play >> f"M> {CONNECT}" << f"a> {CONNECT}"
            play >> "a< CONTINUE" << "M< CONTINUE"
            play >> f"M> {MAIL}" << f"a> {MAIL}"
            play >> "a< CONTINUE" << "M< CONTINUE"
            assert dialled(play) == ["a"]
            play >> "M> ABORT" << "a> ABORT"
            assert shares(play)["b"] == ("skipped", "client")

    def test_what_is_known_later_waits_for_that(self) -> None:
        head = ("start: negotiated", "child a: when=helo:mail.example.net")
        with Playbook(*head) as play:
            play >> f"M> {CONNECT}" << "M< CONTINUE"
            assert dialled(play) == []
            play >> f"M> {HELO}" << f"a> {CONNECT}"
            play >> "a< CONTINUE" << f"a> {HELO}"
            play >> "a< CONTINUE" << "M< CONTINUE"

    def test_what_cannot_be_told_lets_the_child_run(self) -> None:
        with Playbook("start: connected", "child a: when=helo:mail.example.net") as play:
            play >> f"M> {MAIL}" << f"a> {CONNECT}"
            play >> "a< CONTINUE" << f"a> {MAIL}"
            play >> "a< CONTINUE" << "M< CONTINUE"
            play >> "M> ABORT" << "a> ABORT"
            assert shares(play)["a"] == ("none", "helo")

    def test_a_conditional_child_is_not_dialled_only_to_know_its_options(self) -> None:
        with Playbook("start: nothing", "child a: unknown when=client:192.0.2.7") as play:
            play >> "M> OPTNEG 6 0x1ff 0x1fffff"
            play << "M< OPTNEG 6 ALL NOUNKNOWN,NR_HDR,NR_EOH,NR_BODY,HDR_LEADSPC"
            assert dialled(play) == []

    def test_a_child_left_out_takes_no_accept_for_the_session(self) -> None:
        head = ("start: negotiated", "child a:", "child b: when=client:192.0.2.8")
        with Playbook(*head) as play:
            play >> f"M> {CONNECT}" << f"a> {CONNECT}"
            play >> "a< ACCEPT" << "M< CONTINUE" << "a> QUIT" << "a> closes"


class TestJoining:
    def test_at_mail_the_greeting_is_replayed_first(self) -> None:
        with Playbook("child a: when=sender:<s@example.net>") as play:
            play >> f"M> {MAIL}" << f"a> {CONNECT}"
            play >> "a< CONTINUE" << f"a> {HELO}"
            play >> "a< CONTINUE" << f"a> {MAIL}"
            play >> "a< TEMPFAIL" << "M< TEMPFAIL"

    def test_a_refused_replayed_greeting_refuses_the_message_and_not_the_session(self) -> None:
        with Playbook("child a: when=sender:<s@example.net>") as play:
            play >> f"M> {MAIL}" << f"a> {CONNECT}"
            play >> "a< REJECT" << "M< REJECT" << "a> QUIT" << "a> closes"
            play >> "M> MAIL <other@example.net>" << "M< CONTINUE"
            play >> f"M> {MAIL}" << "M< REJECT"

    def test_at_a_recipient_earlier_children_have_let_pass(self) -> None:
        with Playbook(
            "start: mail", f"child a: {PLAIN}", f"child b: {PLAIN} when=recipient:<r2@example.org>"
        ) as play:
            play >> f"M> {R1}" << f"a> {R1}"
            play >> "a< CONTINUE" << "M< CONTINUE"
            play >> f"M> {R2}" << f"a> {R2}"
            assert dialled(play) == []
            play >> "a< CONTINUE" << f"b> {CONNECT}"
            play >> "b< CONTINUE" << f"b> {HELO}"
            play >> "b< CONTINUE" << f"b> {MAIL}"
            play >> "b< CONTINUE" << f"b> {R1}"
            play >> "b< CONTINUE" << f"b> {R2}"
            play >> "b< REJECT" << "M< REJECT"

    def test_a_recipient_that_an_earlier_child_refuses_makes_nobody_join(self) -> None:
        with Playbook(
            "start: mail", f"child a: {PLAIN}", f"child b: {PLAIN} when=recipient:<r1@example.org>"
        ) as play:
            play >> f"M> {R1}" << f"a> {R1}"
            play >> "a< REJECT" << "M< REJECT"
            play >> f"M> {R2}" << f"a> {R2}"
            play >> "a< CONTINUE" << "M< CONTINUE"
            play >> "M> DATA" << "a> DATA"
            play >> "a< CONTINUE" << "M< CONTINUE"
            assert "b" not in dialled(play)
            deliver(play, "a")
            assert shares(play)["b"] == ("skipped", "recipient")

    def test_a_later_child_waits_for_the_one_that_joins(self) -> None:
        with Playbook(
            "start: mail", f"child a: {PLAIN} when=recipient:<r1@example.org>", f"child b: {PLAIN}"
        ) as play:
            play >> f"M> {R1}" << f"a> {CONNECT}"
            play >> "a< CONTINUE" << f"a> {HELO}"
            play >> "a< CONTINUE" << f"a> {MAIL}"
            play >> "a< CONTINUE" << f"a> {R1}"
            play >> "a< CONTINUE" << f"b> {R1}"
            play >> "b< CONTINUE" << "M< CONTINUE"

    def test_a_replayed_recipient_that_is_refused_is_never_delivered_to(self) -> None:
        with Playbook("start: mail", f"child a: {PLAIN} when=recipient:<r2@example.org>") as play:
            play >> f"M> {R1}" << "M< CONTINUE"
            play >> f"M> {R2}" << f"a> {CONNECT}"
            play >> "a< CONTINUE" << f"a> {HELO}"
            play >> "a< CONTINUE" << f"a> {MAIL}"
            play >> "a< CONTINUE" << f"a> {R1}"
            play >> 'a< REPLYCODE "550 5.1.1 no"' << f"a> {R2}"
            play >> "a< CONTINUE" << 'M< REPLYCODE "550 5.1.1 no"'
            play >> "M> DATA" << "a> DATA"
            play >> "a< CONTINUE" << 'M< REPLYCODE "550 5.1.1 no"' << "a> ABORT"

    @pytest.mark.parametrize(
        ("when", "content", "joins_at_eom"),
        [
            ("header:X-Scan", ['HEADER X-Scan " yes"'], False),
            ("not-header:X-Skip", ['HEADER X-Other " yes"', "EOH"], False),
            ("size_above:3", ["EOH", 'BODY "12\\r\\n3"'], False),
            ("not-size_above:9", ["EOH", 'BODY "12\\r\\n3"'], True),
        ],
    )
    def test_in_the_content_the_whole_message_is_replayed(
        self, when: str, content: list[str], *, joins_at_eom: bool
    ) -> None:
        with Playbook("start: data", f"child a: {PLAIN} pipelining=yes when={when}") as play:
            for line in content:
                play >> f"M> {line}"
                if dialled(play):
                    break
            assert dialled(play) == ([] if joins_at_eom else ["a"])
            if joins_at_eom:
                play >> "M> EOM"
            play << f"a> {CONNECT}"
            play >> "a< CONTINUE" << f"a> {HELO}"
            play >> "a< CONTINUE" << f"a> {MAIL}"
            play >> "a< CONTINUE" << "a> RCPT <r@example.org>"
            play >> "a< CONTINUE" << "a> DATA"

    def test_edits_of_a_child_that_joined_late_count(self) -> None:
        with Playbook("start: data", "child a: pipelining=yes when=header:X-Scan") as play:
            play >> 'M> HEADER X-Scan " yes"' << f"a> {CONNECT}"
            play >> "a< CONTINUE" << f"a> {HELO}"
            play >> "a< CONTINUE" << f"a> {MAIL}"
            play >> "a< CONTINUE" << "a> RCPT <r@example.org>"
            play >> "a< CONTINUE" << "a> DATA"
            play >> "a< CONTINUE"
            play >> "M> EOH"
            play >> "M> EOM" << "a> HEADER X-Scan yes" << "a> EOH" << "a> EOM"
            play >> "a< CONTINUE"
            play >> "a< CONTINUE"
            play >> "a< ADDHEADER X-New v"
            play >> "a< CONTINUE" << 'M< ADDHEADER X-New " v"' << "M< CONTINUE"
            assert shares(play)["a"] == ("continue", "header")

    def test_a_later_child_waits_for_the_content_while_an_earlier_one_may_still_join_and_change_it(
        self,
    ) -> None:
        with Playbook(
            "start: data", "child a: when=size_above:100", f"child b: {PLAIN} pipelining=yes"
        ) as play:
            play >> 'M> HEADER Subject " x"'
            play >> "M> EOH"
            play >> "M> EOM" << "b> HEADER Subject x" << "b> EOH" << "b> EOM"
            for _ in range(3):
                play >> "b< CONTINUE"
            play << "M< CONTINUE"
            assert shares(play)["a"] == ("skipped", "size_above")

    def test_nothing_sticks_to_the_next_message(self) -> None:
        with Playbook("child a: when=sender:<s@example.net>") as play:
            play >> "M> MAIL <other@example.net>" << "M< CONTINUE"
            play >> f"M> {MAIL}" << f"a> {CONNECT}"
            play >> "a< CONTINUE" << f"a> {HELO}"
            play >> "a< CONTINUE" << f"a> {MAIL}"
            play >> "a< CONTINUE" << "M< CONTINUE"
            play >> "M> MAIL <other@example.net>" << "a> ABORT" << "M< CONTINUE"
            play >> f"M> {R1}" << "M< CONTINUE"
            play >> f"M> {MAIL}" << f"a> {MAIL}"
            play >> "a< CONTINUE" << "M< CONTINUE"


class TestLeftOut:
    def test_a_condition_that_stops_one_child_touches_no_other(self) -> None:
        head = (f"child a: {PLAIN} when=recipient:<other@example.org>", f"child b: {PLAIN}")
        with Playbook("start: rcpt", *head) as play:
            play >> "M> DATA" << "b> DATA"
            play >> "b< CONTINUE" << "M< CONTINUE"
            play >> "M> EOH" << "b> EOH"
            play >> "b< CONTINUE"
            play >> "M> EOM" << "b> EOM"
            play >> "b< REJECT" << "M< REJECT"
            assert play.record.decider == "b"

    def test_accept_of_all_that_see_the_message_is_accept(self) -> None:
        with Playbook("child a:", "child b: when=sender:<other@example.net>") as play:
            play >> f"M> {MAIL}" << f"a> {MAIL}"
            play >> "a< ACCEPT" << "M< ACCEPT"

    def test_but_not_while_a_condition_is_open(self) -> None:
        with Playbook("child a:", "child b: when=recipient:<r1@example.org>") as play:
            play >> f"M> {MAIL}" << f"a> {MAIL}"
            play >> "a< ACCEPT" << "M< CONTINUE"

    def test_and_not_if_nobody_sees_it(self) -> None:
        with Playbook("child a: when=sender:<other@example.net>") as play:
            play >> f"M> {MAIL}" << "M< CONTINUE"

    def test_an_undecided_child_that_loses_its_connection_takes_no_default_action(self) -> None:
        with Playbook("child a: when=client:192.0.2.7,recipient:<r1@example.org>") as play:
            play >> f"M> {MAIL}" << "M< CONTINUE"
            play >> f"M> {R1}" << f"a> {CONNECT}"
            play >> "a< CONTINUE" << f"a> {HELO}"
            play >> "a< CONTINUE" << f"a> {MAIL}"
            play >> "a< CONTINUE" << f"a> {R1}"
            play >> "a< CONTINUE" << "M< CONTINUE"
            play >> f"M> {MAIL}" << "a> ABORT" << "M< CONTINUE"
            play >> "a< closes"
            (failed,) = play.notes(ChildFailed)
            assert failed.action == ""
            play >> f"M> {R2}" << "M< CONTINUE"

    def test_its_default_action_holds_once_it_should_see_the_message(self) -> None:
        with Playbook("child a: down when=sender:<s@example.net>") as play:
            play >> "M> MAIL <other@example.net>" << "M< CONTINUE"
            play >> f"M> {MAIL}" << "M< TEMPFAIL"


class TestRecipients:
    def test_matching_shows_only_those_that_satisfy(self) -> None:
        child = f"child a: {PLAIN} when=recipient:<r2@example.org> recipients=matching"
        with Playbook("start: mail", child) as play:
            play >> f"M> {R1}" << "M< CONTINUE"
            play >> f"M> {R2}" << f"a> {CONNECT}"
            play >> "a< CONTINUE" << f"a> {HELO}"
            play >> "a< CONTINUE" << f"a> {MAIL}"
            play >> "a< CONTINUE" << f"a> {R2}"
            play >> "a< CONTINUE" << "M< CONTINUE"
            play >> "M> RCPT <r3@example.org>" << "M< CONTINUE"

    def test_all_of_them_decide_at_data(self) -> None:
        child = f"child a: {PLAIN} when=every_recipient:<r1@example.org>|<r2@example.org>"
        with Playbook("start: mail", child) as play:
            play >> f"M> {R1}" << "M< CONTINUE"
            play >> f"M> {R2}" << "M< CONTINUE"
            play >> "M> DATA" << f"a> {CONNECT}"
            play >> "a< CONTINUE" << f"a> {HELO}"
            play >> "a< CONTINUE" << f"a> {MAIL}"
            play >> "a< CONTINUE" << f"a> {R1}"
            play >> "a< CONTINUE" << f"a> {R2}"
            play >> "a< CONTINUE" << "a> DATA"
            play >> "a< CONTINUE" << "M< CONTINUE"
