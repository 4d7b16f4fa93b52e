"""The laws of Kleene's logic, with OPEN before UNKNOWN where neither decides."""

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.core.condition import Facts, Truth
from mmx.core.joints import All, Any, Named, Not, Part

YES, NO, OPEN, UNKNOWN = Truth.YES, Truth.NO, Truth.OPEN, Truth.UNKNOWN


class Says:
    """Always the same; below an odd number of `not` something else if wanted."""

    __slots__ = ("about_recipient", "below_not", "label", "said")

    def __init__(
        self, said: Truth, *, label: str = "", below_not: Truth | None = None, rcpt: bool = False
    ) -> None:
        self.said = said
        self.label = label
        self.below_not = below_not or said
        self.about_recipient = rcpt

    @property
    def per_recipient(self) -> bool:
        return self.about_recipient

    def truth(self, _facts: Facts, _recipient: bytes | None, *, negated: bool = False) -> Truth:
        return self.below_not if negated else self.said

    def why(self, facts: Facts, recipient: bytes | None, *, negated: bool = False) -> str:
        return f"{self.label}: {self.truth(facts, recipient, negated=negated).value}"


TRUTHS = st.sampled_from(Truth)
PARTS: st.SearchStrategy[Part] = st.recursive(
    TRUTHS.map(Says),
    lambda parts: (
        st.lists(parts, max_size=3).map(All) | st.lists(parts, max_size=3).map(Any) | parts.map(Not)
    ),
    max_leaves=8,
)


def truth_of(part: Part) -> Truth:
    return part.truth(Facts(), None)


@pytest.mark.parametrize(
    ("join", "one", "other", "result"),
    [
        (All, YES, YES, YES),
        (All, YES, NO, NO),
        (All, NO, OPEN, NO),
        (All, NO, UNKNOWN, NO),
        (All, YES, OPEN, OPEN),
        (All, YES, UNKNOWN, UNKNOWN),
        (All, OPEN, UNKNOWN, OPEN),
        (Any, NO, NO, NO),
        (Any, NO, YES, YES),
        (Any, YES, OPEN, YES),
        (Any, YES, UNKNOWN, YES),
        (Any, NO, OPEN, OPEN),
        (Any, NO, UNKNOWN, UNKNOWN),
        (Any, OPEN, UNKNOWN, OPEN),
    ],
)
def test_table(join: Callable[[list[Part]], Part], one: Truth, other: Truth, result: Truth) -> None:
    for pair in itertools.permutations([one, other]):
        assert truth_of(join([Says(truth) for truth in pair])) is result


@pytest.mark.parametrize(("said", "result"), [(YES, NO), (NO, YES), (OPEN, OPEN), (UNKNOWN, UNKNOWN)])
def test_not(said: Truth, result: Truth) -> None:
    assert truth_of(Not(Says(said))) is result


def test_nothing_joined() -> None:
    assert truth_of(All([])) is YES
    assert truth_of(Any([])) is NO


@given(PARTS)
def test_twice_not_is_nothing(part: Part) -> None:
    assert truth_of(Not(Not(part))) is truth_of(part)


@given(st.lists(PARTS, max_size=3))
def test_de_morgan(parts: list[Part]) -> None:
    assert truth_of(Not(All(parts))) is truth_of(Any([Not(part) for part in parts]))
    assert truth_of(Not(Any(parts))) is truth_of(All([Not(part) for part in parts]))


@given(st.lists(PARTS, max_size=4))
def test_order_and_grouping_do_not_matter(parts: list[Part]) -> None:
    for join in (All, Any):
        assert truth_of(join(parts)) is truth_of(join(parts[::-1]))
        assert truth_of(join(parts)) is truth_of(join([join(parts[:2]), join(parts[2:])]))


@given(st.lists(st.sampled_from([YES, NO, UNKNOWN]), min_size=3, max_size=3))
def test_distributive_once_nothing_is_open(truths: list[Truth]) -> None:
    one, two, three = map(Says, truths)
    assert truth_of(All([one, Any([two, three])])) is truth_of(Any([All([one, two]), All([one, three])]))
    assert truth_of(Any([one, All([two, three])])) is truth_of(All([Any([one, two]), Any([one, three])]))


@given(st.lists(TRUTHS, min_size=1, max_size=4), st.data())
def test_what_is_decided_stays_so_when_an_open_part_becomes_known(
    truths: list[Truth], data: st.DataObject
) -> None:
    later = [data.draw(TRUTHS) if truth is OPEN else truth for truth in truths]
    for join in (All, Any):
        before, after = (truth_of(join([Says(truth) for truth in each])) for each in (truths, later))
        assert before in {OPEN, after}


def test_every_part_is_told_on_which_side_it_stands() -> None:
    part = Says(YES, below_not=OPEN)
    assert truth_of(part) is YES
    assert truth_of(All([part])) is YES
    assert truth_of(Not(part)) is OPEN
    assert truth_of(Not(Any([Named("n", part)]))) is OPEN
    assert truth_of(Not(Not(part))) is YES


@pytest.mark.parametrize(
    ("part", "why"),
    [
        (All([Says(YES, label="a"), Says(NO, label="b"), Says(NO, label="c")]), "b: no"),
        (All([Says(YES, label="a"), Says(UNKNOWN, label="b")]), "b: unknown"),
        (All([Says(YES, label="a"), Says(YES, label="b")]), "a: yes, b: yes"),
        (Any([Says(NO, label="a"), Says(YES, label="b")]), "b: yes"),
        (Any([Says(NO, label="a"), Says(NO, label="b")]), "a: no, b: no"),
        (Not(Says(NO, label="a")), "not (a: no)"),
        (Not(Says(YES, label="a", below_not=NO)), "not (a: no)"),
        (Named("mine", Says(NO, label="a")), "mine: a: no"),
        (Named("mine", All([Says(YES, label="a"), Named("its", Says(NO, label="b"))])), "mine: its: b: no"),
    ],
)
def test_the_part_that_decided_is_told(part: Part, why: str) -> None:
    assert part.why(Facts(), None) == why


@given(PARTS)
def test_there_is_always_a_reason(part: Part) -> None:
    assert isinstance(part.why(Facts(), None), str)


@pytest.mark.parametrize("about", [True, False])
def test_a_join_is_about_one_recipient_if_a_part_is(about: bool) -> None:
    part = Says(YES, rcpt=about)
    for joined in (All([Says(YES), part]), Any([Says(YES), part]), Not(part), Named("n", part)):
        assert joined.per_recipient is about
