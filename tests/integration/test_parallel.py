"""Children that only judge see the content at the same time, which no client or recipient can tell.

The scripts are drawn like those of test_differential, without edits of headers and body: such children stream
in parallel, whether their setting `content` is `edited` or `original`.
"""

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.integration import scripted_child as bits
from tests.integration.generator import draw
from tests.integration.rig import DIRECT, MMX, Rig, Settings, compare
from tests.integration.scripted_child import ChildScript
from tests.integration.scripts import Script

SEED = int(os.environ.get("MMX_TEST_SEED", "1"))
SCRIPTS = max(1, int(os.environ.get("MMX_TEST_SCRIPTS", "200")) // 2)
CONTENT_EDITS = "himb"


@pytest.fixture(scope="module", params=["edited", "original"])
def judging_rig(request: pytest.FixtureRequest, postfix_package: None) -> Iterator[Rig]:
    with Rig(Settings(child={"content": request.param})) as running:
        yield running


@pytest.mark.parametrize("number", range(SCRIPTS))
def test_judging_children(judging_rig: Rig, number: int) -> None:
    script = judging(draw(SEED, number))
    assert compare(judging_rig, script, (DIRECT, MMX)) == "", script.to_json()


def judging(script: Script) -> Script:
    """The script with children that change neither headers nor body."""
    return replace(script, children=tuple(_judge(child) for child in script.children))


def _judge(child: ChildScript) -> ChildScript:
    replies = {
        event: tuple(packet for packet in reply if packet[0] not in CONTENT_EDITS)
        for event, reply in child.replies.items()
    }
    actions = child.actions & ~(bits.ADDHDRS | bits.CHGHDRS | bits.CHGBODY)
    return replace(child, actions=actions, replies=replies)


def test_something_is_left_to_judge() -> None:
    drawn = [judging(draw(SEED, number)) for number in range(50)]
    verdicts = {
        reply[-1][0] for script in drawn for child in script.children for reply in child.replies.values()
    }
    assert verdicts >= set("cartdys")
