"""Dialling past the breakers, and probes."""

import asyncio
from pathlib import Path

import pytest

from mmx.aio import breaker
from mmx.aio.dial import Dialling
from mmx.aio.outages import Outages
from mmx.aio.reach import Reach
from mmx.aio.throttle import Throttle
from mmx.core.action import ChildFailed, Loss
from mmx.core.child import Child
from mmx.core.negotiation import Knowledge
from mmx.core.plan import ChildPlan
from tests.aio.peers import LIMIT, FakeChild, KeepingOwner, until


@pytest.fixture
def short_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "FIRST_PROBE", 0.02)


def make() -> tuple[Reach, Knowledge]:
    knowledge = Knowledge()
    return make_with(Outages(Throttle(60.0)), knowledge), knowledge


def make_with(outages: Outages, knowledge: Knowledge) -> Reach:
    return Reach(knowledge, outages=outages, max_frame=LIMIT, loop=asyncio.get_running_loop())


def dial(reach: Reach, plan: ChildPlan) -> tuple[Dialling | Loss, KeepingOwner]:
    owner = KeepingOwner(accepted=False)
    return reach.dial(plan, owner.stream, lambda loss: None), owner


async def test_a_closed_breaker_dials(child: FakeChild) -> None:
    reach, _ = make()
    result, owner = dial(reach, ChildPlan("a", child.endpoint))
    assert isinstance(result, Dialling)
    await until(lambda: owner.heard == ["connected"])
    owner.stream.close()


async def test_an_open_breaker_does_not(child: FakeChild, caplog: pytest.LogCaptureFixture) -> None:
    reach, _ = make()
    plan = ChildPlan("a", child.endpoint)
    for _ in range(3):
        assert not reach.is_down(plan)
        reach.failed(plan, "timeout")
    assert reach.is_down(plan)
    result, _ = dial(reach, plan)
    assert isinstance(result, Loss)
    assert result.reason == "breaker"
    assert child.connections == 0
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    reach.stop()


async def test_an_open_breaker_touches_no_other_child(child: FakeChild) -> None:
    reach, _ = make()
    for _ in range(3):
        reach.failed(ChildPlan("a", "unix:/nowhere"), "timeout")
    result, owner = dial(reach, ChildPlan("b", child.endpoint))
    assert isinstance(result, Dialling)
    await until(lambda: owner.heard)
    owner.stream.close()
    reach.stop()


@pytest.mark.parametrize("reason", ["refused", "missing", "eof", "busy", "resources", "breaker", "frame"])
async def test_only_timeouts_open(reason: str) -> None:
    reach, _ = make()
    plan = ChildPlan("a", "unix:/nowhere")
    for _ in range(10):
        reach.failed(plan, reason)
    assert not reach.is_down(plan)


@pytest.mark.parametrize(("between", "opens"), [("refused", False), ("busy", True), ("resources", True)])
async def test_a_shortage_is_no_part_of_the_row(between: str, opens: bool) -> None:
    reach, _ = make()
    plan = ChildPlan("a", "unix:/nowhere")
    for reason in ("timeout", "timeout", between, "timeout"):
        reach.failed(plan, reason)
    assert reach.is_down(plan) is opens
    reach.stop()


async def test_a_probe_closes_the_breaker(
    short_probes: None, child: FakeChild, caplog: pytest.LogCaptureFixture
) -> None:
    knowledge, outages = Knowledge(), Outages(Throttle(60.0))
    reach = make_with(outages, knowledge)
    plan = ChildPlan("a", child.endpoint)
    for _ in range(3):
        outages.failed(ChildFailed(Child(plan), "connect", "timeout", "", "accept"), 0.0)
        reach.failed(plan, "timeout")
    await until(lambda: not reach.is_down(plan))
    assert knowledge.of("a") is not None
    assert "3 messages took its default action accept" in caplog.text
    await until(lambda: child.closed == 1)


async def test_probes_go_on_until_one_succeeds(short_probes: None, directory: Path) -> None:
    reach, _ = make()
    plan = ChildPlan("a", f"unix:{directory}/child.sock")
    for _ in range(3):
        reach.failed(plan, "timeout")
    await asyncio.sleep(0.05)
    assert reach.is_down(plan)
    async with FakeChild(directory / "child.sock"):
        await until(lambda: not reach.is_down(plan))


async def test_a_session_that_was_dialled_before_closes_the_breaker() -> None:
    reach, _ = make()
    plan = ChildPlan("a", "unix:/nowhere")
    for _ in range(3):
        reach.failed(plan, "timeout")
    reach.succeeded(plan)
    assert not reach.is_down(plan)
    reach.stop()


async def test_a_child_that_moved_starts_anew() -> None:
    reach, _ = make()
    old, new = ChildPlan("a", "unix:/old"), ChildPlan("a", "unix:/new")
    for _ in range(3):
        reach.failed(old, "timeout")
    assert not reach.is_down(new)
    reach.keep_only([new])
    assert not reach.is_down(old)
    await asyncio.sleep(0)
    for _ in range(3):
        reach.failed(old, "timeout")
    assert not reach.is_down(old)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "probe a"]
