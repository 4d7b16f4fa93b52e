"""The pictures of the page."""

import re
from dataclasses import replace

import pytest

from mmx.observe.latency import Latency
from mmx.observe.picture import chain, plot, state_of
from mmx.observe.status import DISABLED, DOWN, UNKNOWN, UP, ChildStatus
from tests.observe.example import status

CHILD = ChildStatus("a", "unix:/a", state=UP)


def paths(minutes: list[Latency], kind: str) -> list[str]:
    return re.findall(rf'<path d="([^"]+)" class="{kind}">', plot(minutes))


def test_the_chain_is_in_order() -> None:
    drawn = chain(status().children)
    names = re.findall(r'class="name">([^<]+)<', drawn)
    assert names[-1] == "archive"
    assert names == [child.name for child in status().children]
    heights = [int(y) for y in re.findall(r'<circle cx="20" cy="(\d+)"', drawn)]
    assert heights == sorted(heights)
    assert drawn.index(">Postfix<") < drawn.index(">milter-greylist<") < drawn.index("delivers")
    assert drawn.index("delivers") < drawn.index(">archive<")
    assert "archive (" not in drawn


@pytest.mark.parametrize(
    ("child", "state"),
    [
        (CHILD, "up"),
        (replace(CHILD, state=DOWN), "down"),
        (replace(CHILD, slow=True), "slow"),
        (replace(CHILD, state=DOWN, slow=True), "down"),
        (replace(CHILD, state=UNKNOWN), "unknown"),
        (replace(CHILD, state=DISABLED, why="disabled by root"), "disabled"),
    ],
)
def test_a_state_is_a_shape_and_a_word_too(child: ChildStatus, state: str) -> None:
    drawn = chain([child])
    assert state_of(child) == state
    assert f'class="station {state}"' in drawn
    assert drawn.count('class="symbol"') == (state != "unknown")
    assert "disabled by root" in drawn or state != "disabled"
    assert f"a ({state})" in drawn


def test_symbols_differ() -> None:
    children = [replace(CHILD, state=state) for state in (UP, DOWN, DISABLED)] + [replace(CHILD, slow=True)]
    assert len(set(re.findall(r'<path d="([^"]+)" transform', chain(children)))) == 4


def test_minutes_without_messages_are_gaps() -> None:
    busy = Latency(3, 0.1, 0.2)
    minutes = [busy, busy, Latency(), busy, Latency()]
    assert len(paths(minutes, "p50")) == len(paths(minutes, "p95")) == 2
    assert paths([Latency()] * 60, "p50") == []


def test_the_highest_minute_is_at_the_top() -> None:
    (curve,) = paths([Latency(1, 0.1, 0.2), Latency(1, 0.1, 0.4)], "p95")
    heights = [float(y) for y in re.findall(r" (\d+\.\d)", curve)]
    assert heights == [28.0, 28.0, 0.0, 0.0]
