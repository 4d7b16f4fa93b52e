"""The delay of the event loop."""

import asyncio
import time

import pytest

from mmx.aio import lag as module
from mmx.aio.lag import LoopLag
from tests.aio.peers import until


async def test_a_loop_that_was_held_up(time_unit: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PERIOD", time_unit)
    lag = LoopLag(asyncio.get_running_loop())
    assert lag.worst == 0.0
    lag.start()
    time.sleep(4 * time_unit)  # noqa: ASYNC251 - this is what must not happen
    await asyncio.sleep(0)
    assert lag.worst >= 2 * time_unit
    held_up = lag.worst
    await until(lambda: len(lag._delays) >= 3)
    assert lag.worst >= min(held_up, 2 * time_unit), "it is told of for a minute"
    lag.stop()


async def test_only_the_last_minute_counts() -> None:
    lag = LoopLag(asyncio.get_running_loop())
    lag._delays.extend([9.0] + [0.5] * (module._KEPT - 1))
    assert lag.worst == 9.0
    lag._delays.append(0.25)
    assert lag.worst == 0.5


async def test_a_ring_that_is_overdue_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PERIOD", -5.0)
    lag = LoopLag(asyncio.get_running_loop())
    lag.start()
    assert lag.worst >= 5.0
    lag.stop()
    assert lag.worst == 0.0
