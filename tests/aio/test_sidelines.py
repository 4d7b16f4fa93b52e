"""Children out of the chain: who, for how long, and what is left of the chain."""

import asyncio
import time
from dataclasses import replace

import pytest

from mmx.aio.sidelines import Sidelines
from mmx.core.plan import Chain, ChildPlan, ObservedPlan
from tests.aio.peers import until

CHAIN = Chain((ChildPlan("a"), ChildPlan("b"), ChildPlan("c")))


class Counted(Sidelines):
    """Sidelines that count how often the chain changed."""

    def __init__(self) -> None:
        self.changes = 0
        super().__init__(self.count, asyncio.get_running_loop())

    def count(self) -> None:
        self.changes += 1

    def left(self) -> str:
        return "".join(plan.name for plan in self.without(CHAIN).children)


async def test_out_and_back() -> None:
    sidelines = Counted()
    assert sidelines.without(CHAIN) is CHAIN
    sidelines.take_out("b", "disabled", "root (uid 0)", None)
    assert (sidelines.left(), sidelines.names) == ("ac", ["b"])
    found = sidelines.of("b")
    assert found is not None
    assert (found.word, found.who, found.until) == ("disabled", "root (uid 0)", None)
    assert sidelines.of("a") is None
    assert sidelines.put_back("b")
    assert not sidelines.put_back("b")
    assert (sidelines.left(), sidelines.changes) == ("abc", 2)


async def test_for_a_time(time_unit: float, caplog: pytest.LogCaptureFixture) -> None:
    sidelines = Counted()
    sideline = sidelines.take_out("a", "draining", "root", 0.05 * time_unit)
    assert sideline.until is not None
    assert time.time() < sideline.until < time.time() + time_unit
    await until(lambda: sidelines.left() == "abc")
    assert sidelines.changes == 2
    assert "child a is enabled again: its time of being draining is up" in caplog.text


async def test_the_last_word_holds(time_unit: float) -> None:
    sidelines = Counted()
    sidelines.take_out("a", "disabled", "root", 0.01 * time_unit)
    sidelines.take_out("a", "disabled", "root", None)
    await asyncio.sleep(0.05 * time_unit)
    assert sidelines.left() == "bc"


async def test_a_reload_forgets_all(time_unit: float) -> None:
    sidelines = Counted()
    sidelines.take_out("a", "disabled", "root", 0.01 * time_unit)
    sidelines.take_out("b", "disabled", "root", None)
    sidelines.clear()
    await asyncio.sleep(0.05 * time_unit)
    assert (sidelines.left(), sidelines.changes, sidelines.names) == ("abc", 2, [])


async def test_a_child_that_observes() -> None:
    sidelines = Counted()
    chain = replace(
        CHAIN, observed=(ObservedPlan(ChildPlan("o"), frozenset()), ObservedPlan(ChildPlan("p"), frozenset()))
    )
    sidelines.take_out("o", "disabled", "root", None)
    left = sidelines.without(chain)
    assert left.children == CHAIN.children
    assert [plan.child.name for plan in left.observed] == ["p"]
