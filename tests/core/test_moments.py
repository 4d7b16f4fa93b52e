"""One session, and at every moment of it every entry that may come then."""

from collections.abc import Callable
from math import inf

import pytest

from mmx.core.action import ChildFailed, CloseMta, Loss, MessageEnded
from mmx.core.child import Link
from mmx.core.plan import Chain, ChildPlan
from mmx.wire import command, reply
from mmx.wire.framing import CODE, frame
from tests.core.playbook import Playbook

OPTNEG = "OPTNEG 6 0x1ff 0x1fffff"
CONNECT = "CONNECT mail.example.net 4 2525 192.0.2.7"
MAIL = "MAIL <s@example.net>"
RCPT = "RCPT <r@example.org>"
INTERNAL = 'REPLYCODE "451 4.3.0 Mail filter had an internal error - try again later"'

SCRIPT = [
    f"M> {OPTNEG}",
    "M> MACRO CONNECT v=Postfix",
    f"M> {CONNECT}",
    "a,b< CONTINUE",
    "M> HELO x",
    "b< CONTINUE",
    "a< CONTINUE",
    f"M> {MAIL}",
    "a< CONTINUE",
    "b< CONTINUE",
    "M> UNKNOWN x",
    "a,b< CONTINUE",
    f"M> {RCPT}",
    "a< CONTINUE",
    "b< CONTINUE",
    "M> DATA",
    "a,b< CONTINUE",
    "M> HEADER X v",
    "a< CONTINUE",
    "M> EOH",
    "a< CONTINUE",
    "M> BODY x",
    "M> EOM",
    "a< CONTINUE",
    "a< ADDHEADER Y w",
    "a< CONTINUE",
    "b< CONTINUE",
    "b< CONTINUE",
    "b< CONTINUE",
    "b< CONTINUE",
    "b< REPLBODY y",
    "b< CONTINUE",
    "M> ABORT",
    f"M> {MAIL}",
    "M> closes",
]
"""A whole session of one message; b is fed what a has left of it."""
MOMENTS = range(len(SCRIPT))


def at(moment: int, *head: str) -> Playbook:
    """The session after so many lines of the script, all that was sent in it claimed."""
    play = Playbook("start: nothing", "child a: unknown", "child b:", *head)
    for line in SCRIPT[:moment]:
        play >> line
        claim(play)
    return play


def claim(play: Playbook) -> dict[str, list[bytes]]:
    """What mmx has sent, by peer."""
    return {peer: play.queues.take_all(peer) for peer in play.queues.peers}


def owes(play: Playbook) -> int:
    """The command whose reply the MTA waits for, 0 if it waits for none."""
    owed = play.session.state.owed
    return 0 if owed is None else owed.code


def test_the_script_plays_to_its_end() -> None:
    with at(len(SCRIPT) - 3) as play:
        assert play.record.verdict == "accept"
        assert not play.notes(ChildFailed)


@pytest.mark.parametrize("moment", MOMENTS)
class TestAtEveryMoment:
    def test_the_deadline_lies_ahead_and_on_time_may_come_early(self, moment: int) -> None:
        with at(moment) as play:
            assert play.session.deadline > play.now
            before = play.session.deadline
            play.call(play.session.on_time)
            assert claim(play) == {"M": [], "a": [], "b": []}
            assert play.session.deadline == before

    def test_time_runs_out_in_the_end(self, moment: int) -> None:
        """Nobody says anything more: whoever owes an answer fails, the MTA gets one, and the link ends."""
        with at(moment, "limits: progress=1000") as play:
            due = owes(play)
            play >> "wait 600"
            answers = [line[CODE] for line in claim(play)["M"]]
            assert answers == ([] if not due else [reply.OPTNEG] if due == command.OPTNEG else answers[:1])
            assert bool(due) == bool(answers)
            assert not owes(play)
            play >> "wait 7300"
            assert play.session.finished
            assert play.session.deadline == inf
            claim(play)

    def test_the_mta_may_go(self, moment: int) -> None:
        with at(moment) as play:
            inside = play.session.in_transaction
            ended = len(play.notes(MessageEnded))
            play >> "M> closes"
            assert play.session.finished
            assert all(child.link is Link.DOWN for child in play.session.children)
            assert all(child.out == [] and child.part is None for child in play.session.children)
            assert len(play.notes(MessageEnded)) == ended + inside
            assert claim(play)["M"] == []
            for entry, *args in every_entry(play):
                play.call(entry, *args)
            assert claim(play) == {"M": [], "a": [], "b": []}
            assert len(play.notes(CloseMta)) == 1

    def test_an_internal_error_ends_in_one_answer(self, moment: int) -> None:
        with at(moment) as play:
            due, inside = owes(play), play.session.in_transaction
            ended = len(play.notes(MessageEnded))
            play.call(play.session.internal_error)
            said = claim(play)["M"]
            assert all(child.link is Link.DOWN for child in play.session.children)
            if due == command.OPTNEG:
                assert play.session.finished
                return
            assert [line[CODE] for line in said] == ([reply.REPLYCODE] if due else [])
            assert not owes(play)
            if inside:
                self._rest_is_refused(play)
                play >> "M> ABORT"
                assert len(play.notes(MessageEnded)) == ended + 1
                assert play.notes(MessageEnded)[-1].record.verdict == "tempfail"
            assert play.session.deadline > play.now

    def _rest_is_refused(self, play: Playbook) -> None:
        if play.session.in_transaction:
            play >> f"M> {'EOM' if play.session.state.transaction.data else 'DATA'}"  # type: ignore[union-attr]
            (answer,) = claim(play)["M"]
            assert b"451 4.3.0" in answer

    def test_a_child_may_go(self, moment: int) -> None:
        """Its default action accept: the other one alone decides, whenever it was."""
        with at(moment, "limits: progress=1000") as play:
            for child in play.session.children:
                child.plan = ChildPlan(child.name, died="accept", unreachable="accept")
            play.call(play.session.child_lost, play.child("a"), Loss("reset"))
            assert play.child("a").link is Link.DOWN
            play._stage._links = {c: link for c, link in play._stage._links.items() if c.name != "a"}
            claim(play)
            while play.child("b").due:
                play >> "b< CONTINUE"
                claim(play)
            assert not owes(play)

    def test_a_child_that_is_not_there_has_no_voice(self, moment: int) -> None:
        with at(moment) as play:
            for child in play.session.children:
                if child.link in (Link.DOWN, Link.DIALLING):
                    play.call(play.session.from_child, child, frame(reply.REJECT))
                if child.link is Link.DOWN:
                    play.call(play.session.child_lost, child, Loss("eof"))
            assert claim(play) == {"M": [], "a": [], "b": []}

    def test_garbage_of_the_mta_ends_the_session(self, moment: int) -> None:
        with at(moment) as play:
            play.call(play.session.unreadable_mta, "frame of length 0")
            assert play.session.finished
            assert play.remarks[-1] == "MTA link closed: frame of length 0"
            assert claim(play)["M"] == []


def every_entry(play: Playbook) -> list[tuple[Callable[..., None], *tuple[object, ...]]]:
    """Every entry once; none may do anything once the session is finished."""
    session, child = play.session, play.session.children[0]
    return [
        (session.from_mta, frame(command.HELO, b"x\0")),
        (session.from_child, child, frame(reply.CONTINUE)),
        (session.child_up, child),
        (session.child_lost, child, Loss("eof")),
        (session.child_blocked, child, False),
        (session.mta_blocked, True),
        (session.mta_blocked, False),
        (session.mta_lost, "again"),
        (session.unreadable_mta, "garbage"),
        (session.set_chain, Chain()),
        (session.on_time,),
        (session.internal_error,),
    ]


class TestStop:
    @pytest.mark.parametrize("moment", MOMENTS[:-1])
    def test_answers_what_is_owed_and_closes(self, moment: int) -> None:
        with at(moment) as play:
            due, inside = owes(play), play.session.in_transaction
            ended = len(play.notes(MessageEnded))
            play.call(play.session.stop)
            said = [line[CODE] for line in claim(play)["M"]]
            assert said == ([reply.REPLYCODE] if due and due != command.OPTNEG else [])
            assert play.session.finished
            assert len(play.notes(MessageEnded)) == ended + inside
            play.call(play.session.stop)
            assert claim(play)["M"] == []
