"""Where a child stands, as tables: link and part on one side, event on the other."""

import pytest

from mmx.core.child import Child, Link
from mmx.core.edits import Edits
from mmx.core.event import Event
from mmx.core.negotiation import Knowledge
from mmx.core.part import Part
from mmx.core.plan import ORIGINAL, Chain, ChildPlan
from mmx.core.spool import MemorySpool
from mmx.core.standing import (
    accepted_for_good,
    may_change_content,
    passed_so_far,
    reads_original,
    standing,
)
from mmx.core.state import State, Transaction
from mmx.core.verdict import REJECT, TEMPFAIL, Standing
from mmx.wire import command, option, reply
from mmx.wire.framing import frame
from mmx.wire.payload import Options

PENDING, PASS = Standing.PENDING, Standing.PASS
REFUSAL = TEMPFAIL
SERIAL = 5


def session(*plans: ChildPlan) -> State:
    return State(
        Chain(plans or (ChildPlan("a"), ChildPlan("b"))),
        name="s1",
        now=0.0,
        knowledge=Knowledge(),
        new_spool=MemorySpool,
        refusal="",
        refuse_mail=lambda: "",
    )


def event(code: int) -> Event:
    return Event(code, frame(code), None, SERIAL)


def begin(state: State) -> None:
    state.transaction = Transaction(event(command.MAIL), 0.0)
    for child in state.children:
        child.part = Part()


OUTSIDE = [command.CONNECT, command.HELO]
INSIDE = [command.MAIL, command.RCPT, command.DATA, command.HEADER, command.EOH, command.BODY, command.EOM]


@pytest.mark.parametrize(
    ("link", "passed", "expected"),
    [
        (Link.DOWN, 0, PASS),
        (Link.DIALLING, 0, PENDING),
        (Link.NEGOTIATING, 0, PENDING),
        (Link.UP, SERIAL - 1, PENDING),
        (Link.UP, SERIAL, PASS),
        (Link.UP, SERIAL + 1, PASS),
        (Link.RELEASED, 0, PASS),
    ],
)
@pytest.mark.parametrize("code", OUTSIDE)
def test_between_messages_a_child_that_is_not_there_lets_pass(
    code: int, link: Link, passed: int, expected: Standing
) -> None:
    state = session()
    child = state.children[0]
    child.link, child.passed = link, passed
    assert standing(state, child, event(code)) is expected


@pytest.mark.parametrize("code", [*OUTSIDE, *INSIDE, command.UNKNOWN])
def test_who_refused_the_session_refuses_every_event_of_it(code: int) -> None:
    state = session()
    begin(state)
    child = state.children[0]
    child.refusal, child.link = REJECT, Link.REFUSING
    assert standing(state, child, event(code)) is REJECT


@pytest.mark.parametrize(
    ("part", "passed", "expected"),
    [
        ({}, SERIAL - 1, PENDING),
        ({}, SERIAL, PASS),
        ({"verdict": REJECT}, 0, REJECT),
        ({"verdict": REJECT, "replayed_refusal": REFUSAL}, 0, REJECT),
        ({"accepted": True}, 0, PASS),
        ({"failed": True}, 0, PASS),
        ({"delivered": True}, 0, PASS),
        ({"replayed_refusal": REFUSAL}, SERIAL - 1, PENDING),
        ({"replayed_refusal": REFUSAL}, SERIAL, REFUSAL),
        ({"replayed_refusal": REFUSAL, "accepted": True}, 0, REFUSAL),
        ({"replayed_refusal": REFUSAL, "failed": True}, 0, REFUSAL),
        ({"replayed_refusal": REFUSAL, "delivered": True}, 0, REFUSAL),
    ],
)
@pytest.mark.parametrize("code", INSIDE)
@pytest.mark.parametrize("link", [Link.DIALLING, Link.UP])
def test_inside_a_message_its_part_speaks(
    link: Link, code: int, part: dict[str, object], passed: int, expected: object
) -> None:
    state = session()
    begin(state)
    child = state.children[0]
    child.link, child.passed = link, passed
    for name, value in part.items():
        setattr(child.part, name, value)
    assert standing(state, child, event(code)) is expected


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize(
    ("link", "passed", "expected"),
    [
        (Link.DOWN, 0, PASS),
        (Link.DIALLING, 0, PENDING),
        (Link.NEGOTIATING, 0, PENDING),
        (Link.RELEASED, 0, PASS),
        (Link.UP, SERIAL - 1, PENDING),
        (Link.UP, SERIAL, PASS),
    ],
)
def test_an_unknown_command_concerns_only_who_is_there(
    link: Link, passed: int, expected: Standing, *, inside: bool
) -> None:
    state = session()
    if inside:
        begin(state)
        assert state.children[0].part is not None
        state.children[0].part.verdict = REJECT
    child = state.children[0]
    child.link, child.passed = link, passed
    assert standing(state, child, event(command.UNKNOWN)) is expected


@pytest.mark.parametrize("code", [command.RCPT, command.UNKNOWN])
def test_a_refusal_counts_for_the_event_it_was_given_to(code: int) -> None:
    state = session()
    begin(state)
    child = state.children[0]
    child.link, child.passed = Link.UP, SERIAL
    refused, other = event(code), event(code)
    child.said = (refused, REJECT)
    assert standing(state, child, refused) is REJECT
    assert standing(state, child, other) is PASS


@pytest.mark.parametrize(
    ("link", "known", "expected"),
    [
        (Link.DOWN, False, PASS),
        (Link.DIALLING, False, PENDING),
        (Link.NEGOTIATING, False, PENDING),
        (Link.DIALLING, True, PASS),
        (Link.NEGOTIATING, True, PASS),
        (Link.UP, True, PASS),
    ],
)
def test_the_negotiation_waits_for_children_never_shaken_hands_with(
    link: Link, expected: Standing, *, known: bool
) -> None:
    state = session()
    state.children[0].link = link
    if known:
        state.knowledge.learn("a", Options(6, 0, 0, {}))
    assert standing(state, state.children[0], event(command.OPTNEG)) is expected


def test_a_recipient_is_let_pass_by_the_earlier_children_only() -> None:
    state = session(*(ChildPlan(name) for name in "abc"))
    begin(state)
    recipient = event(command.RCPT)
    for child in state.children:
        child.link = Link.UP
    first, second, third = state.children
    assert passed_so_far(state, first, recipient)
    assert not passed_so_far(state, second, recipient)
    first.passed = SERIAL
    assert passed_so_far(state, second, recipient)
    assert not passed_so_far(state, third, recipient)
    second.passed = SERIAL
    second.said = (recipient, REJECT)
    assert not passed_so_far(state, third, recipient)


@pytest.mark.parametrize(
    ("link", "actions", "part", "expected"),
    [
        (Link.UP, option.ADDHDRS, {}, True),
        (Link.UP, option.CHGHDRS, {}, True),
        (Link.UP, option.CHGBODY, {}, True),
        (Link.UP, option.ALL_ACTIONS & ~option.CHANGES_CONTENT, {}, False),
        (Link.DIALLING, 0, {}, True),
        (Link.NEGOTIATING, 0, {}, True),
        (Link.UP, option.ADDHDRS, {"accepted": True}, False),
        (Link.UP, option.ADDHDRS, {"delivered": True}, False),
        (Link.DOWN, 0, {"failed": True}, False),
        (Link.RELEASED, option.ADDHDRS, {}, False),
        (Link.REFUSING, option.ADDHDRS, {}, False),
        (Link.UP, option.ADDHDRS, None, False),
    ],
)
def test_who_may_still_change_the_content(
    link: Link, actions: int, part: dict[str, object] | None, *, expected: bool
) -> None:
    child = Child(ChildPlan("a"))
    child.link, child.options = link, Options(6, actions, 0, {})
    if part is not None:
        child.part = Part()
        for name, value in part.items():
            setattr(child.part, name, value)
    assert may_change_content(child) is expected


@pytest.mark.parametrize(
    ("content", "always", "actions", "replaced", "expected"),
    [
        ("edited", True, 0, False, False),
        (ORIGINAL, True, option.CHGBODY, True, True),
        (ORIGINAL, False, option.ADDHDRS, False, True),
        (ORIGINAL, False, option.CHGBODY, False, False),
        (ORIGINAL, False, 0, True, False),
    ],
)
def test_who_reads_the_original(
    content: str, actions: int, *, always: bool, replaced: bool, expected: bool
) -> None:
    state = session(ChildPlan("a"), ChildPlan("b", content=content, original_always=always), ChildPlan("c"))
    begin(state)
    first, second, third = state.children
    first.link = third.link = Link.UP
    first.options = Options(6, actions, 0, {})
    third.options = Options(6, option.CHGBODY, 0, {})
    assert first.part is not None
    if replaced:
        first.part.edits = Edits(MemorySpool, add_leading_space=False)
        first.part.edits.add(frame(reply.REPLBODY, b"x"), option.CHGBODY)
    assert reads_original(state, second) is expected


def test_a_catalog_default_waits_for_a_child_whose_options_are_not_known_yet() -> None:
    state = session(ChildPlan("a"), ChildPlan("b", content=ORIGINAL, original_always=False))
    begin(state)
    state.children[0].link = Link.NEGOTIATING
    assert not reads_original(state, state.children[1])


def test_only_a_childs_own_word_is_an_accept() -> None:
    child = Child(ChildPlan("a"))
    assert not accepted_for_good(child)
    child.part = Part()
    child.part.failed = True
    assert not accepted_for_good(child)
    child.part.accepted = True
    assert accepted_for_good(child)
    child.part, child.link = None, Link.RELEASED
    assert accepted_for_good(child)
