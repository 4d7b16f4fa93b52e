"""What a child is sent, when, and in which order: lock-step, gates, dialects, joins, bounds."""

import itertools

import pytest

from mmx.core.action import ChildFailed
from mmx.wire import command, option
from tests.core.playbook import Playbook

CONNECT = "CONNECT mail.example.net 4 2525 192.0.2.7"
HELO = "HELO mail.example.net"
MAIL = "MAIL <s@example.net>"
RCPT = "RCPT <r@example.org>"
RCPT2 = "RCPT <r2@example.org>"
ORDER = {
    "NOCONNECT": CONNECT,
    "NOHELO": HELO,
    "NOMAIL": MAIL,
    "NORCPT": RCPT,
    "NODATA": "DATA",
    "NOHDRS": 'HEADER X " v"',
    "NOEOH": "EOH",
    "NOBODY": "BODY x",
    "": "EOM",
}
"""Everything a child can be sent in one message, in the only order that libmilter takes (S1)."""


def names(flags: int) -> str:
    return ",".join(flag for bit, flag in enumerate(ORDER) if flag and flags & 1 << bit)


@pytest.mark.parametrize("flags", range(256))
def test_what_a_child_declined_is_left_out_and_the_order_stays(flags: int) -> None:
    """A late child, so that all of it is a replay; every combination of NO_x."""
    declined = names(flags)
    protocol = ",".join(filter(None, ["HDR_LEADSPC", declined]))
    with Playbook("start: connected", f"child a: absent protocol={protocol}") as play:
        play >> f"M> {HELO}" << "M< CONTINUE"
        play >> "reload a"
        expected = [line for flag, line in ORDER.items() if not flag or flag not in declined.split(",")]
        for event in (MAIL, RCPT, "DATA", 'HEADER X " v"', "EOH", "BODY x", "EOM"):
            play >> f"M> {event}"
            while expected and play.queues.waits("a"):
                play << f"a> {expected.pop(0)}"
                play >> "a< CONTINUE"
            if event in (MAIL, RCPT, "DATA", "EOM"):
                play << "M< CONTINUE"
        assert expected == []


@pytest.mark.parametrize("no_reply", option.NO_REPLY)
def test_no_reply_is_waited_for_that_was_not_agreed(no_reply: int) -> None:
    name = command.NAMES[no_reply]
    bit = {"CONNECT": "CONN", "HEADER": "HDR", "UNKNOWN": "UNKN"}.get(name, name)
    protocol = "HDR_LEADSPC" + (f",NR_{bit}" if name != "EOM" else "")
    with Playbook("start: negotiated", f"child a: protocol={protocol}") as play:
        for event in (CONNECT, HELO, "UNKNOWN x", *list(ORDER.values())[2:]):
            play >> f"M> {event}" << f"a> {event}"
            streamed = event.startswith(("HEADER", "EOH", "BODY"))
            if not event.startswith(name) or name == "EOM":
                play >> "a< CONTINUE"
            if not streamed:
                play << "M< CONTINUE"


class TestGates:
    def test_a_recipient_goes_from_child_to_child(self) -> None:
        with Playbook("start: mail", "child a:", "child b:", "child c:") as play:
            play >> f"M> {RCPT}" << f"a> {RCPT}"
            play >> "a< CONTINUE" << f"b> {RCPT}"
            play >> "b< CONTINUE" << f"c> {RCPT}"
            play >> "c< REJECT" << "M< REJECT"
            play >> f"M> {RCPT2}" << f"a> {RCPT2}"
            play >> "a< REJECT" << "M< REJECT"
            play >> "M> DATA" << "a,b,c> DATA"

    @pytest.mark.parametrize("flag", ["NORCPT", "NR_RCPT"])
    def test_a_child_that_cannot_refuse_a_recipient_costs_no_wait(self, flag: str) -> None:
        with Playbook("start: mail", f"child a: protocol={flag}", "child b:") as play:
            play >> f"M> {RCPT}" << f"b> {RCPT}"
            if flag == "NR_RCPT":
                play << f"a> {RCPT}"

    @pytest.mark.parametrize("said", ["ACCEPT", "closes"])
    def test_a_child_that_is_out_costs_no_wait(self, said: str) -> None:
        with Playbook("start: helo", "child a: default_action=accept", "child b:") as play:
            play >> f"M> {MAIL}" << f"a,b> {MAIL}"
            play >> f"a< {said}"
            play >> "b< CONTINUE" << "M< CONTINUE"
            play >> f"M> {RCPT}" << f"b> {RCPT}"

    @pytest.mark.parametrize(
        ("actions", "content", "waits"),
        [
            ("ADDHDRS", "edited", True),
            ("CHGHDRS", "edited", True),
            ("CHGBODY", "edited", True),
            ("QUARANTINE,ADDRCPT,DELRCPT,CHGFROM,ADDRCPT_PAR,SETSYMLIST", "edited", False),
            ("ALL", "original", False),
        ],
    )
    def test_content_waits_for_who_may_change_it(self, actions: str, content: str, *, waits: bool) -> None:
        head = (f"child a: actions={actions}", f"child b: content={content}")
        with Playbook("start: data", *head) as play:
            play >> "M> EOH" << "a> EOH"
            if waits:
                play >> "a< CONTINUE"
                play >> "M> EOM" << "a> EOM"
                play >> "a< CONTINUE"
            play << "b> EOH"

    def test_content_is_revised_by_all_who_came_before(self) -> None:
        plain = "protocol=NOEOH"
        with Playbook("start: data", f"child a: {plain}", f"child b: {plain}", f"child c: {plain}") as play:
            play >> 'M> HEADER X " 1"' << "a> HEADER X 1"
            play >> "a< CONTINUE"
            play >> "M> BODY old" << "a> BODY old"
            play >> "a< CONTINUE"
            play >> "M> EOM" << "a> EOM"
            play >> "a< CHGHEADER 1 X 2"
            play >> "a< REPLBODY new"
            play >> "a< CONTINUE" << "b> HEADER X 2"
            play >> "b< CONTINUE" << 'b> BODY "new\\r\\n"'
            play >> "b< CONTINUE" << "b> EOM"
            play >> "b< INSHEADER 0 Y 3"
            play >> "b< CONTINUE" << "c> HEADER Y 3"
            play >> "c< CONTINUE" << "c> HEADER X 2"
            play >> "c< CONTINUE" << 'c> BODY "new\\r\\n"'
            play >> "c< CONTINUE" << "c> EOM"
            play >> "c< CONTINUE" << 'M< CHGHEADER 1 X " 2"' << 'M< INSHEADER 0 Y " 3"'
            play << 'M< REPLBODY "new\\r\\n"' << "M< CONTINUE"

    def test_a_refusal_that_waits_for_an_earlier_child_lets_no_later_one_begin(self) -> None:
        head = ("child a: actions=NONE", "child b:", "child c:")
        with Playbook("start: data", *head) as play:
            play >> "M> EOH" << "a,b> EOH"
            play >> "b< REJECT"
            play >> "M> EOM"
            play >> "a< CONTINUE" << "a> EOM"
            play >> "a< CONTINUE" << "M< REJECT" << "c> ABORT"


DIALECTS = [*itertools.product([True, False], [True, False])]


@pytest.mark.parametrize(("mta", "child"), DIALECTS)
def test_each_gets_headers_in_its_own_dialect(*, mta: bool, child: bool) -> None:
    """W9, X5: the MTA keeps the leading space or not, the child wants it or not."""
    offer = "mta: protocol=0x1fffff" if mta else "mta: protocol=0x0fffff"
    options = "HDR_LEADSPC,NOEOH" if child and mta else "NOEOH"
    with Playbook(offer, "start: data", f"child a: protocol={options}") as play:
        kept = mta and child
        values = {" v": "v", "  v": " v", "v": "v", "\\tv": "\\tv", "": ""} if mta else {"v": "v", "": ""}
        for received, stripped in values.items():
            play >> f'M> HEADER X "{received}"' << f'a> HEADER X "{received if kept else stripped}"'
            play >> "a< CONTINUE"
        play >> "M> EOM" << "a> EOM"
        said, goes_out = ('" v"', '" v"') if kept else ("v", '" v"' if mta else "v")
        play >> f"a< ADDHEADER Y {said}"
        play >> f"a< INSHEADER 1 Y {said}"
        play >> f"a< CHGHEADER 1 X {said}"
        play >> 'a< CHGHEADER 1 X ""'
        play >> "a< CONTINUE" << f"M< ADDHEADER Y {goes_out}" << f"M< INSHEADER 1 Y {goes_out}"
        play << f"M< CHGHEADER 1 X {goes_out}" << 'M< CHGHEADER 1 X ""' << "M< CONTINUE"


@pytest.mark.parametrize(("version", "known"), [(2, []), (3, ["UNKNOWN x"]), (4, ["UNKNOWN x", "DATA"])])
def test_an_old_child_is_spared_what_its_version_lacks(version: int, known: list[str]) -> None:
    with Playbook("macros: shown", "start: mail", f"child a: version={version} protocol=NORCPT") as play:
        for event in ("UNKNOWN x", "DATA"):
            play >> f"M> MACRO {event.split(maxsplit=1)[0]} i=1"
            play >> f"M> {event}"
            if event in known:
                play << f"a> MACRO {event.split(maxsplit=1)[0]} i=1" << f"a> {event}"
                play >> "a< CONTINUE"
            play << "M< CONTINUE"


class TestJoin:
    def test_each_replayed_event_comes_with_its_own_macros(self) -> None:
        head = ("macros: shown", "start: negotiated", "child a:", "child b: absent macros=0:j")
        with Playbook(*head) as play:
            play >> "M> MACRO CONNECT j=1 v=2"
            play >> f"M> {CONNECT}" << "a> MACRO CONNECT j=1 v=2" << f"a> {CONNECT}"
            play >> "a< CONTINUE" << "M< CONTINUE"
            for value in ("3", "4"):
                play >> f"M> MACRO HELO x={value}"
                play >> f"M> {HELO}" << f"a> MACRO HELO x={value}" << f"a> {HELO}"
                play >> "a< CONTINUE" << "M< CONTINUE"
            play >> "reload a b"
            play >> "M> MACRO MAIL i=5"
            play >> f"M> {MAIL}" << "a> MACRO MAIL i=5" << f"a> {MAIL}"
            play << "b> MACRO CONNECT j=1" << f"b> {CONNECT}"
            play >> "a,b< CONTINUE" << "b> MACRO HELO x=4" << f"b> {HELO}"
            play >> "b< CONTINUE" << "b> MACRO MAIL i=5" << f"b> {MAIL}"
            play >> "b< CONTINUE" << "M< CONTINUE"

    def test_a_join_outlives_the_message_it_was_for(self) -> None:
        with Playbook("child a: absent") as play:
            play >> "reload a"
            play >> f"M> {MAIL}" << f"a> {CONNECT}"
            play >> "M> closes" << "a> QUIT"

    def test_a_greeting_under_way_goes_on_after_an_abort(self) -> None:
        with Playbook("mta: software=none", "limits: foreign=5", "child a:", "child b: absent") as play:
            play >> "reload a b"
            play >> f"M> {MAIL}" << f"a> {MAIL}" << f"b> {CONNECT}"
            play >> "a< REJECT" << "M< REJECT"
            play >> "b< CONTINUE" << f"b> {HELO}"
            play >> "M> ABORT"
            play >> f"M> {MAIL}" << "a> ABORT" << f"a> {MAIL}"
            play >> "b< CONTINUE" << f"b> {MAIL}"
            play >> "a,b< CONTINUE" << "M< CONTINUE"


def test_a_rejected_recipient_is_shown_once_and_only_to_who_asked_for_it() -> None:
    """G9; and a child that joins the message anew does not see it again."""
    head = ("start: mail", "child a: protocol=RCPT_REJ", "child b:", "child c: protocol=RCPT_REJ,NR_MAIL")
    with Playbook(*head) as play:
        play >> "M> MACRO RCPT {rcpt_mailer}=error"
        play >> f"M> {RCPT}" << f"a,c> {RCPT}"
        play >> "a< ACCEPT" << "a> ABORT" << f"a> {MAIL}"
        play >> "a< CONTINUE"
        play >> "c< DISCARD" << "M< CONTINUE"
        play >> f"M> {RCPT2}" << f"a> {RCPT2}"


def test_an_envelope_sent_anew_to_a_child_still_inside_begins_with_an_abort() -> None:
    with Playbook("start: data", "child a:") as play:
        play >> f"M> {RCPT2}" << "a> ABORT" << f"a> {MAIL}"


def test_nothing_is_sent_before_the_mta_has_connected() -> None:
    with Playbook("start: nothing", "child a: unknown") as play:
        play >> "M> OPTNEG 6 0x1ff 0x1fffff" << "M< OPTNEG 6 ALL NR_HDR,NR_EOH,NR_BODY,HDR_LEADSPC"
        play.call(play.session.on_time)


class TestAborted:
    def test_a_late_reply_to_an_aborted_event_is_dropped(self) -> None:
        with Playbook("start: helo", "child a:", "child b:") as play:
            play >> f"M> {MAIL}" << f"a,b> {MAIL}"
            play >> "a< REJECT" << "M< REJECT" << "b> ABORT"
            play >> f"M> {MAIL}" << "a> ABORT" << f"a,b> {MAIL}"
            play >> "a< CONTINUE"
            play >> "b< REJECT"
            play >> "b< CONTINUE" << "M< CONTINUE"

    def test_its_time_runs_on_and_then_for_the_next(self) -> None:
        with Playbook("start: helo", "child a:", "child b: died=reject") as play:
            play >> f"M> {MAIL}" << f"a,b> {MAIL}"
            play >> "a< REJECT" << "M< REJECT" << "b> ABORT"
            play >> "wait 20"
            play >> f"M> {MAIL}" << "a> ABORT" << f"a,b> {MAIL}"
            play >> "a< CONTINUE"
            play >> "wait 5" << 'M< REPLYCODE "550 5.5.0 Service unavailable"' << "a> ABORT"

    def test_after_an_early_verdict_on_it_nothing_more_of_it_is_awaited(self) -> None:
        with Playbook("start: data", "child a: actions=NONE", "child b: pipelining=yes") as play:
            play >> "M> EOH" << "a> EOH"
            piece = 'BODY "x"*32768'
            play >> f"M> {piece}" << "b> EOH" << f"b> {piece}"
            play >> "a< REJECT" << "b> ABORT"
            play >> "M> EOM" << "M< REJECT"
            play >> f"M> {MAIL}" << "a> ABORT" << f"a,b> {MAIL}"
            play >> "b< DISCARD"
            play >> "a< CONTINUE"
            play >> "b< CONTINUE" << "M< CONTINUE"


class TestAfterItsVerdict:
    """It gets one ABORT before the next MAIL, as from Postfix (S14), and none otherwise."""

    def test_it_goes_before_the_macros_of_the_next_message(self) -> None:
        with Playbook("macros: shown", "start: mail", "child a:") as play:
            play >> f"M> {RCPT}" << f"a> {RCPT}"
            play >> "a< DISCARD" << "M< DISCARD"
            play >> "M> ABORT"
            play >> "M> MACRO MAIL i=1"
            play >> f"M> {MAIL}" << "a> ABORT" << "a> MACRO MAIL i=1" << f"a> {MAIL}"

    def test_a_new_connection_gets_none(self) -> None:
        with Playbook("start: helo", "child a:") as play:
            play >> f"M> {MAIL}" << f"a> {MAIL}"
            play >> "a< REJECT" << "M< REJECT"
            play >> "a< closes"
            play >> f"M> {MAIL}" << f"a> {CONNECT}"
            play >> "a< CONTINUE" << f"a> {HELO}"
            play >> "a< CONTINUE" << f"a> {MAIL}"

    def test_the_end_of_the_session_needs_none(self) -> None:
        with Playbook("start: helo", "child a:") as play:
            play >> f"M> {MAIL}" << f"a> {MAIL}"
            play >> "a< ACCEPT" << "M< ACCEPT"
            play >> "M> ABORT"
            play >> "M> QUIT" << "a> QUIT"


class TestBounds:
    def test_a_child_that_answers_nothing_is_not_fed_for_ever(self) -> None:
        with Playbook("start: helo", "limits: due=5", "child a:", "child b:") as play:
            for turn in range(5):
                assert not play.notes(ChildFailed)
                play >> f"M> {MAIL}"
                if turn:
                    play << "a> ABORT"
                play << f"a,b> {MAIL}"
                play >> "a< REJECT" << "M< REJECT" << "b> ABORT"
            (failed,) = play.notes(ChildFailed)
            assert (failed.detail, failed.action) == ("5 replies are due", "")
            play >> f"M> {MAIL}" << "a> ABORT" << f"a> {MAIL}" << f"b> {CONNECT}"

    def test_what_is_ready_for_a_child_at_once_is_bounded(self) -> None:
        """A child without replies that reads 1 MiB from the spool: never more than the high water mark."""
        head = ("limits: high_water=100000", "child a: protocol=NOEOH", "child b: protocol=NR_BODY,NOEOH")
        with Playbook("start: data", *head) as play:
            play >> 'M> BODY "x"*65535' << 'a> BODY "x"*65535'
            play >> "a< SKIP"
            for _ in range(15):
                play >> 'M> BODY "x"*65535'
            play >> "M> EOM" << "a> EOM"
            seen = []
            write = play._stage._write_child

            def watch(child: object, link: object) -> None:
                seen.append(sum(map(len, play.child("b").out)))
                write(child, link)  # type: ignore[arg-type]

            play._stage._write_child = watch  # type: ignore[method-assign]
            play >> "a< CONTINUE"
            for _ in range(16):
                play << 'b> BODY "x"*65535'
            play << "b> EOM"
            assert max(seen) <= 100000 + 65535 + 10
            assert len(seen) > 7

    def test_a_blocked_child_is_sent_no_content(self) -> None:
        with Playbook("start: data", "child a: protocol=NR_BODY,NOEOH") as play:
            child = play.child("a")
            play.call(play.session.child_blocked, child, True)
            play >> "M> BODY x"
            assert child.deadline == play.now + 240
            play >> "M> EOM"
            play.call(play.session.child_blocked, child, False)
            play << "a> BODY x" << "a> EOM"

    def test_a_child_that_never_reads_has_failed(self) -> None:
        with Playbook("start: data", "child a: protocol=NR_BODY,NOEOH") as play:
            play.call(play.session.child_blocked, play.child("a"), True)
            play >> "M> BODY x"
            play >> "wait 240"
            assert [(note.step, note.reason) for note in play.notes(ChildFailed)] == [("idle", "timeout")]
            play >> "M> EOM" << "M< TEMPFAIL"
