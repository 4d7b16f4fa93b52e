"""What a session knows, and the few rules that live with the data."""

import pytest

from mmx.core.event import Event
from mmx.core.negotiation import Knowledge
from mmx.core.plan import Chain, ChildPlan, Limits
from mmx.core.spool import MemorySpool
from mmx.core.state import Burst, Conclusion, State, Transaction
from mmx.core.verdict import REJECT
from mmx.wire import command, option, reply
from mmx.wire.framing import frame
from mmx.wire.payload import Options

STAGES = [
    command.CONNECT,
    command.HELO,
    command.MAIL,
    command.RCPT,
    command.DATA,
    command.HEADER,
    command.EOH,
    command.BODY,
    command.EOM,
]


def fresh(*, refusal: str = "") -> State:
    return State(
        Chain((ChildPlan("a"), ChildPlan("b")), Limits(progress_interval=10)),
        name="s1",
        now=100.0,
        knowledge=Knowledge(),
        new_spool=MemorySpool,
        refusal=refusal,
        refuse_mail=lambda: "",
    )


@pytest.mark.parametrize("code", STAGES)
def test_an_event_takes_its_macros_and_voids_those_of_later_stages(code: int) -> None:
    """S8: CONNECT, HELO, MAIL and RCPT clear what comes after them; content events clear nothing."""
    state = fresh()
    state.macros = {stage: frame(command.MACRO, bytes((stage,))) for stage in STAGES}
    event = state.event(code, frame(code))
    assert event.macros == frame(command.MACRO, bytes((code,)))
    later = STAGES[STAGES.index(code) + 1 :] if STAGES.index(code) < 4 else []
    assert set(state.macros) == set(STAGES) - {code, *later}


def test_events_are_numbered() -> None:
    state = fresh()
    assert [state.event(command.RCPT, b"").serial for _ in range(3)] == [1, 2, 3]


def test_a_refused_session_has_no_children() -> None:
    assert [child.name for child in fresh().children] == ["a", "b"]
    assert fresh(refusal="too many").children == []


@pytest.mark.parametrize(("postfix", "due"), [(True, 110.0), (False, float("inf"))])
def test_progress_is_due_only_for_postfix(due: float, *, postfix: bool) -> None:
    state = fresh()
    state.postfix = postfix
    state.owe(Event(command.MAIL, b"", None, 1))
    assert (state.owed_since, state.progress_due) == (100.0, due)
    state.answer(frame(reply.CONTINUE))
    assert (state.owed, state.progress_due, state.mta_out) == (None, float("inf"), [frame(reply.CONTINUE)])


@pytest.mark.parametrize("agreed", [True, False])
def test_leading_space_is_kept_where_it_was_agreed(*, agreed: bool) -> None:
    state = fresh()
    state.answered_options = Options(6, 0, option.HDR_LEADSPC if agreed else 0, {})
    assert state.leading_space is agreed


def test_the_first_bound_that_a_message_hits_is_kept() -> None:
    state = fresh()
    state.overflow("outside a message")
    state.transaction = Transaction(Event(command.MAIL, b"", None, 1), 100.0)
    assert state.transaction.overflow == ""
    state.overflow("first")
    state.overflow("second")
    assert state.transaction.overflow == "first"


def test_a_conclusion_is_not_told_yet_and_a_burst_not_begun() -> None:
    conclusion, body = Conclusion(REJECT, "a", "said so"), MemorySpool()
    assert (conclusion.verdict, conclusion.decider, conclusion.why) == (REJECT, "a", "said so")
    assert not conclusion.answered
    burst = Burst(body, REJECT.frame)
    assert (burst.body, burst.offset, burst.end) == (body, 0, REJECT.frame)


def test_another_client_is_met_with_no_memory_of_the_last() -> None:
    state = fresh()
    state.greeting = state.helo = state.unknown = Event(command.HELO, b"", None, 1)
    state.macros[command.MAIL] = frame(command.MACRO, b"M")
    state.postfix = state.local_mail = True
    state.forget_client()
    assert not any((state.greeting, state.helo, state.unknown, state.verdict))
    assert (state.macros, state.postfix, state.local_mail, state.transaction) == ({}, False, False, None)
