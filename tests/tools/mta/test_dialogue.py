"""Bounds of one dialogue; what is said in it stands in test_mta.py."""

from pathlib import Path

import pytest

from mmx.tools.mta import dialogue as mta_dialogue
from mmx.tools.mta.dialogue import STEPS
from mmx.wire import command, option, reply
from mmx.wire.framing import frame
from tests.aio.peers import CONTINUE
from tests.tools.mta_peers import MESSAGE, Milter, envelope


def test_what_is_offered_by_version() -> None:
    assert STEPS[2] == option.ALL_PROTOCOL & 0x7F
    assert STEPS[6] == option.ALL_PROTOCOL
    assert [STEPS[version] & option.NODATA > 0 for version in (3, 4, 5)] == [False, True, True]


@pytest.mark.parametrize(
    ("bound", "said", "why"),
    [
        ("MOST_PROGRESS", frame(reply.PROGRESS) * 4, "asks for patience more than 3 times"),
        ("MOST_EDITS", frame(reply.ADDHEADER, b"X\0y\0"), "of edits"),
    ],
)
async def test_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, said: bytes, why: str
) -> None:
    monkeypatch.setattr(mta_dialogue, bound, 3)
    async with Milter(tmp_path / "s", {command.EOM: [said + CONTINUE]}) as milter:
        mta = await milter.mta()
        outcome = await mta.deliver(envelope(), MESSAGE)
        mta.quit()
    assert outcome.loss is not None
    assert why in outcome.loss.detail


async def test_much_without_replies_does_not_wait_for_the_end(tmp_path: Path, time_unit: float) -> None:
    """A body larger than any buffer passes while nobody answers."""
    async with Milter(tmp_path / "s", protocol=option.NR_HDR | option.NR_EOH | option.NR_BODY) as milter:
        mta = await milter.mta()
        large = MESSAGE.__class__(MESSAGE.headers, b"x" * (4 << 20) + b"\r\n")
        outcome = await mta.deliver(envelope(), large)
        mta.quit()
    assert outcome.verdict == "accept"
    assert sum(map(len, milter.data(command.BODY))) == (4 << 20) + 2
