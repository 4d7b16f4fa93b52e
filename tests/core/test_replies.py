"""Every reply of a child to every event, in one table each (4.1 and G11 of the rule book)."""

import pytest

from mmx.core.action import ChildFailed
from mmx.core.child import Link
from mmx.wire import reply
from mmx.wire.framing import frame
from tests.core.playbook import Playbook

HELO = "HELO mail.example.net"
MAIL = "MAIL <s@example.net>"
RCPT = "RCPT <r@example.org>"
CONNECT = "CONNECT mail.example.net 4 2525 192.0.2.7"

EVENTS = {
    "CONNECT": ("negotiated", [], CONNECT),
    "HELO": ("connected", [], HELO),
    "MAIL": ("helo", [], MAIL),
    "RCPT": ("mail", [], RCPT),
    "DATA": ("rcpt", [], "DATA"),
    "HEADER": ("data", [], "HEADER X v"),
    "EOH": ("data", [], "EOH"),
    "BODY": ("data", ["EOH"], "BODY x"),
    "EOM": ("data", ["EOH", "BODY x"], "EOM"),
    "UNKNOWN": ("mail", [], "UNKNOWN NOOP"),
}
STREAMED = ("HEADER", "EOH", "BODY")
GREETING = ("CONNECT", "HELO")

SHUTDOWN = 'REPLYCODE "421 4.7.0 Server closing connection"'
MEANINGS = {
    "CONTINUE": "CONTINUE",
    "SKIP": "CONTINUE",
    "ACCEPT": "ACCEPT",
    "DISCARD": "DISCARD",
    "REJECT": "REJECT",
    "TEMPFAIL": "TEMPFAIL",
    'REPLYCODE "550 5.7.1 no"': 'REPLYCODE "550 5.7.1 no"',
    'REPLYCODE "451 4.7.1 later"': 'REPLYCODE "451 4.7.1 later"',
    'REPLYCODE "421 4.7.0 bye"': 'REPLYCODE "421 4.7.0 bye"',
    'REPLYCODE "550"': "REJECT",
    'REPLYCODE "451-x"': "TEMPFAIL",
    "SHUTDOWN": SHUTDOWN,
}
EDITS = {
    "ADDRCPT <x@example.org>",
    "ADDRCPT_PAR <x@example.org> NOTIFY=NEVER",
    "DELRCPT <r@example.org>",
    "CHGFROM <y@example.org>",
    'ADDHEADER X " v"',
    'INSHEADER 1 X " v"',
    'CHGHEADER 1 X " v"',
    "REPLBODY x",
    "QUARANTINE why",
}
WRONG = [
    "CONN_FAIL",
    "OPTNEG 6 ALL NONE",
    'REPLYCODE "250 ok"',
    "frame y",
    "frame Z",
    *(f"frame {chr(code)} x" for code in sorted(reply.WITHOUT_DATA)),
]


def at_event(event: str, *, software: str = "Postfix") -> Playbook:
    """A session whose only child has just been sent the event."""
    start, before, line = EVENTS[event]
    play = Playbook(f"start: {start}", f"mta: software={software}", "child a: protocol=HDR_LEADSPC")
    for earlier in before:
        play >> f"M> {earlier}" << f"a> {earlier}"
        play >> "a< CONTINUE"
    play >> f"M> {line}" << f"a> {line}"
    return play


def test_the_tables_miss_no_reply() -> None:
    names = {line.split()[0] for line in (*MEANINGS, *EDITS, *WRONG)}
    assert names - {"frame"} | {"PROGRESS"} == set(reply.NAMES.values())


@pytest.mark.parametrize("said", MEANINGS)
@pytest.mark.parametrize("event", EVENTS)
def test_a_verdict(event: str, said: str) -> None:
    means = MEANINGS[said]
    if (event == "UNKNOWN" and said in ("ACCEPT", "DISCARD")) or (event in GREETING and said == "DISCARD"):
        means = "CONTINUE"
    with at_event(event) as play:
        child = play.child("a")
        play >> f"a< {said}"
        if event == "UNKNOWN" and said == "ACCEPT":
            # libmilter has left the message (S3): it joins anew.
            play << "a> ABORT" << f"a> {MAIL}"
        if event not in STREAMED:
            play << f"M< {means}"
        elif means != "CONTINUE":
            play >> "M> EOM" << f"M< {means}"
        if event in GREETING and means != "CONTINUE":
            play << "a> QUIT"
            assert child.link is (Link.RELEASED if means == "ACCEPT" else Link.REFUSING)
        else:
            assert child.link is Link.UP
        assert not play.notes(ChildFailed)


@pytest.mark.parametrize("event", EVENTS)
def test_progress_only_asks_for_patience(event: str) -> None:
    with at_event(event) as play:
        child = play.child("a")
        wait = child.deadline - play.now
        play >> "wait 5"
        play >> "a< PROGRESS"
        assert child.deadline == play.now + wait
        assert len(child.due) == 1


@pytest.mark.parametrize("said", sorted(EDITS))
@pytest.mark.parametrize("event", [event for event in EVENTS if event != "EOM"])
def test_an_edit_before_end_of_message_fails_the_child(event: str, said: str) -> None:
    must_fail(event, said)


@pytest.mark.parametrize("said", sorted(EDITS))
def test_an_edit_at_end_of_message_is_held_and_then_sent(said: str) -> None:
    with at_event("EOM") as play:
        play >> f"a< {said}"
        play >> "a< CONTINUE" << f"M< {sent(said)}" << "M< CONTINUE"


def sent(said: str) -> str:
    """An edit as the MTA gets it: a body ends its last line, a hold names the child."""
    changed = {"REPLBODY x": 'REPLBODY "x\\r\\n"', "QUARANTINE why": 'QUARANTINE "[a via mmx] why"'}
    return changed.get(said, said)


@pytest.mark.parametrize("said", WRONG)
@pytest.mark.parametrize("event", EVENTS)
def test_what_is_no_reply_fails_the_child(event: str, said: str) -> None:
    must_fail(event, said)


def must_fail(event: str, said: str) -> None:
    with at_event(event) as play:
        play >> f"a< {said}" << "a> closes"
        if event in STREAMED:
            play >> "M> EOM" << "M< TEMPFAIL"
        elif event in GREETING or event == "UNKNOWN":
            play << "M< CONTINUE"
        else:
            play << "M< TEMPFAIL"
        (failed,) = play.notes(ChildFailed)
        assert (failed.step, failed.reason) == (event, "protocol")
        assert failed.action == ("" if event in GREETING else "tempfail")
        assert play.child("a").link is Link.DOWN


@pytest.mark.parametrize("said", ["CONTINUE", "PROGRESS", "REJECT", "QUARANTINE x", "frame Z"])
def test_a_frame_where_no_reply_is_due_fails_the_child(said: str) -> None:
    with Playbook("child a:", "start: mail") as play:
        play >> f"a< {said}" << "a> closes"
        (failed,) = play.notes(ChildFailed)
        assert failed.step == "idle"
        assert "no reply is due" in failed.detail
        play >> f"M> {RCPT}" << "M< TEMPFAIL"


class TestSkip:
    def test_of_a_body_spares_the_rest_of_it(self) -> None:
        with at_event("BODY") as play:
            play >> "a< SKIP"
            play >> "M> BODY y"
            play >> "M> EOM" << "a> EOM"
            play >> "a< CONTINUE" << "M< CONTINUE"

    def test_of_a_header_spares_the_other_headers_only(self) -> None:
        with at_event("HEADER") as play:
            play >> "a< SKIP"
            play >> "M> HEADER Y w"
            play >> "M> EOH" << "a> EOH"

    def test_of_a_recipient_spares_the_other_recipients(self) -> None:
        with at_event("RCPT") as play:
            play >> "a< SKIP" << "M< CONTINUE"
            play >> "M> RCPT <r2@example.org>" << "M< CONTINUE"
            play >> "M> DATA" << "a> DATA"
            play >> "a< CONTINUE" << "M< CONTINUE"

    def test_does_not_reach_into_the_next_message(self) -> None:
        with at_event("RCPT") as play:
            play >> "a< SKIP" << "M< CONTINUE"
            play >> "M> ABORT" << "a> ABORT"
            play >> f"M> {MAIL}" << f"a> {MAIL}"
            play >> "a< CONTINUE" << "M< CONTINUE"
            play >> f"M> {RCPT}" << f"a> {RCPT}"


class TestRejectedRecipient:
    """Postfix has rejected it itself: for information only (S16, G9)."""

    def rejected(self) -> Playbook:
        play = Playbook("start: mail", "child a: protocol=RCPT_REJ", "child b:")
        play >> "M> MACRO RCPT {rcpt_mailer}=error {rcpt_host}=5.1.1 {rcpt_addr}=unknown"
        play >> "M> RCPT <bad@example.org>" << "a> RCPT <bad@example.org>"
        return play

    @pytest.mark.parametrize("said", ["CONTINUE", "REJECT", "TEMPFAIL", 'REPLYCODE "550 5.7.1 no"', "SKIP"])
    def test_the_answer_is_read_and_forgotten(self, said: str) -> None:
        with self.rejected() as play:
            play >> f"a< {said}" << "M< CONTINUE"
            play >> "M> DATA" << "a,b> DATA"
            play >> "a,b< CONTINUE" << "M< CONTINUE"

    def test_after_discard_the_child_stays_in_the_message(self) -> None:
        with self.rejected() as play:
            play >> "a< DISCARD" << "M< CONTINUE"
            assert "DISCARD on a recipient that Postfix rejected; taken as CONTINUE" in play.remarks[-1]
            play >> "M> DATA" << "a,b> DATA"

    def test_after_accept_the_child_joins_anew(self) -> None:
        with self.rejected() as play:
            play >> "a< ACCEPT" << "a> ABORT" << f"a> {MAIL}" << "M< CONTINUE"
            play >> f"M> {RCPT}"
            play >> "a< CONTINUE" << f"a> {RCPT}"
            play >> "a< CONTINUE" << f"b> {RCPT}"
            play >> "b< CONTINUE" << "M< CONTINUE"

    def accepted_then_rejected(self) -> Playbook:
        play = Playbook("start: rcpt", "child a: protocol=RCPT_REJ default_action=accept", "child b: ")
        play >> "M> RCPT <r2@example.org>" << "a> RCPT <r2@example.org>"
        play >> "a< CONTINUE" << "b> RCPT <r2@example.org>"
        play >> "b< CONTINUE" << "M< CONTINUE"
        play >> "M> MACRO RCPT {rcpt_mailer}=error"
        play >> "M> RCPT <bad@example.org>" << "a> RCPT <bad@example.org>"
        play >> "a< ACCEPT" << "a> ABORT" << f"a> {MAIL}" << "M< CONTINUE"
        play >> "a< CONTINUE" << f"a> {RCPT}"
        return play

    @pytest.mark.parametrize("then", ["a< ACCEPT", "a< closes"])
    def test_a_refusal_in_the_replay_is_not_taken_back(self, then: str) -> None:
        with self.accepted_then_rejected() as play:
            play >> "a< REJECT" << "a> RCPT <r2@example.org>"
            play >> then
            play >> "M> DATA" << "M< REJECT" << "b> ABORT"

    @pytest.mark.parametrize(
        ("first", "second", "told"),
        [
            ("REJECT", "TEMPFAIL", "TEMPFAIL"),
            ("TEMPFAIL", "REJECT", "TEMPFAIL"),
            ("REJECT", 'REPLYCODE "550 5.7.1 two"', "REJECT"),
            ("TEMPFAIL", 'REPLYCODE "450 4.7.1 two"', "TEMPFAIL"),
            ("CONTINUE", "REJECT", "REJECT"),
        ],
    )
    def test_the_milder_refusal_in_the_replay_counts(self, first: str, second: str, told: str) -> None:
        with self.accepted_then_rejected() as play:
            play >> "M> DATA" << "b> DATA"
            play >> f"a< {first}" << "a> RCPT <r2@example.org>"
            play >> f"a< {second}" << "a> DATA"
            play >> "a< CONTINUE" << f"M< {told}" << "a,b> ABORT"


def test_a_skipped_recipient_does_not_shorten_the_replay() -> None:
    with Playbook("start: mail", "child a:") as play:
        play >> f"M> {RCPT}" << f"a> {RCPT}"
        play >> "a< SKIP" << "M< CONTINUE"
        play >> "M> UNKNOWN NOOP" << "a> UNKNOWN NOOP"
        play >> "a< ACCEPT" << "a> ABORT" << f"a> {MAIL}" << "M< CONTINUE"
        play >> "a< CONTINUE" << f"a> {RCPT}"


def test_a_replaced_body_that_does_not_fit_refuses_the_message() -> None:
    """It is no fault of the child's, which owes its verdict and so is let go (G6)."""
    with ending("limits: spool=8") as play:
        play >> "a< REPLBODY 01234567"
        play >> "a< REPLBODY 8" << 'M< REPLYCODE ~"451 4.3.1 .*"' << "a> QUIT"
        assert not play.notes(ChildFailed)
    with ending("limits: spool=8") as play:
        play >> "a< REPLBODY 01234567"
        play >> "a< CONTINUE" << 'M< REPLYCODE ~"451 4.3.1 .*"'


def ending(*head: str) -> Playbook:
    """The only child owes its verdict on the message."""
    play = Playbook("start: data", "child a: protocol=NOEOH actions=ADDHDRS,CHGBODY", *head)
    play >> "M> EOM" << "a> EOM"
    return play


def test_edits_beyond_the_bound_fail_the_child() -> None:
    with ending("limits: edits=600") as play:
        for _ in range(2):
            play >> "a< ADDHEADER X v"
        play >> "a< ADDHEADER X v" << "a> closes" << "M< TEMPFAIL"
        assert play.notes(ChildFailed)[0].detail == "more than 600 bytes of edits"


def test_an_edit_that_is_dropped_is_remarked_on() -> None:
    with ending() as play:
        play >> "a< QUARANTINE why"
        assert play.remarks == ["a: QUARANTINE dropped: that action was not negotiated"]
        play >> "a< CONTINUE" << "M< CONTINUE"


@pytest.mark.parametrize("said", ["REJECT", "ACCEPT", "CONTINUE"])
def test_a_late_reply_to_an_aborted_event_is_nobodys_answer(said: str) -> None:
    with Playbook("start: helo", "child a:", "child b:") as play:
        play >> f"M> {MAIL}" << f"a,b> {MAIL}"
        play >> "a< REJECT" << "M< REJECT" << "b> ABORT"
        play >> f"M> {MAIL}" << "a> ABORT" << f"a,b> {MAIL}"
        play >> f"b< {said}"
        play >> "a< CONTINUE"
        assert len(play.child("b").due) == 1
        play >> "b< CONTINUE" << "M< CONTINUE"


@pytest.mark.parametrize(
    ("said", "left"), [("REJECT", 1), ("ACCEPT", 1), ("DISCARD", 1), ("CONTINUE", 3), ("SKIP", 3)]
)
def test_an_early_verdict_on_an_aborted_message_is_the_last_reply_to_it(said: str, left: int) -> None:
    """S2: what was fed ahead will not be answered, so it must not stand before the next message's replies."""
    with Playbook("start: data", "child a: pipelining=yes protocol=HDR_LEADSPC") as play:
        play >> "M> HEADER X v"
        play >> "M> EOH"
        piece = 'BODY "x"*32768'
        play >> f"M> {piece}" << "a> HEADER X v" << "a> EOH" << f"a> {piece}"
        play >> "M> ABORT" << "a> ABORT"
        play >> f"M> {MAIL}" << f"a> {MAIL}"
        play >> f"a< {said}"
        assert len(play.child("a").due) == left


def test_a_refusal_in_a_replayed_greeting_is_said_so() -> None:
    with Playbook("child a: absent") as play:
        play >> "reload a"
        play >> f"M> {MAIL}" << f"a> {CONNECT}"
        play >> "a< REJECT" << "a> QUIT" << "M< REJECT"
        assert play.record.why == "said so at CONNECT"


def test_a_frame_of_a_child_that_is_gone_is_nothing() -> None:
    with Playbook("child a: down") as play:
        play.call(play.session.from_child, play.child("a"), frame(reply.REJECT))
        assert not play.notes(ChildFailed)
