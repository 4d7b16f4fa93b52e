"""Each message of the demonstration is played, and what became of it is compared as a whole."""

from collections.abc import AsyncGenerator

import pytest

from mmx.tools.demo.milters import MESSAGE, SENT_AWAY
from mmx.tools.demo.scenes import Pace, Performance, Stage, scenes, scratch_directory

QUICK = Pace(usual_scan=0.02, long_scan=0.25, keep_alive=0.06, patience=30.0)
CLEAN, WORD, SLOW, DIES, DOWN, TWO = range(6)


@pytest.fixture
async def stage() -> AsyncGenerator[Stage, None]:
    with scratch_directory() as directory:
        async with Stage(directory, QUICK) as stage:
            yield stage
        left = list(directory.iterdir())
    assert left == []


def added(played: Performance) -> list[str]:
    """Lines of the delivered message that it did not have when it came."""
    assert played.outcome.delivered is not None
    before = played.scene.message.lines()
    assert [line for line in played.outcome.delivered if line in before] == before
    return [line for line in played.outcome.delivered if line not in before]


def replies(played: Performance) -> list[str]:
    return [exchange.smtp[:3] for exchange in played.outcome.exchanges]


def said(played: Performance, step: str) -> dict[str, str]:
    return {moment.milter: moment.said for moment in played.moments if moment.step == step}


EDITS = ["X-Stamp: seen by stamp", "X-Scan: nothing found", "X-Footer: added", "==> a footer for every mail"]


async def test_clean_message_carries_all_edits_in_chain_order(stage: Stage) -> None:
    played = await stage.play(scenes(QUICK)[CLEAN])
    assert replies(played) == ["220", "250", "250", "250", "354", "250"]
    assert added(played) == EDITS
    assert played.log == ()


async def test_refused_word_refuses_the_message(stage: Stage) -> None:
    played = await stage.play(scenes(QUICK)[WORD])
    assert played.outcome.exchanges[-1].smtp == "550 5.7.1 We do not gamble"
    assert played.outcome.delivered is None
    assert said(played, MESSAGE) == {"stamp": "+X-Stamp", "words": "550", "scan": SENT_AWAY}


async def test_mta_is_asked_to_wait_for_the_slow_one(stage: Stage) -> None:
    played = await stage.play(scenes(QUICK)[SLOW])
    assert len(played.outcome.keep_alives) >= 1
    assert added(played) == EDITS


async def test_edits_of_the_dying_one_are_dropped(stage: Stage) -> None:
    played = await stage.play(scenes(QUICK)[DIES])
    assert replies(played)[-1] == "250"
    assert added(played) == EDITS[:2]
    assert said(played, MESSAGE)["footer"] == "dies"
    assert [line.split(": ")[1].split()[:2] for line in played.log] == [["child", "failed"]]
    assert "step=EOM reason=eof action=accept" in played.log[0]


async def test_dead_one_is_back_for_the_next_message(stage: Stage) -> None:
    await stage.play(scenes(QUICK)[DIES])
    assert added(await stage.play(scenes(QUICK)[CLEAN])) == EDITS


async def test_mail_waits_for_the_one_that_is_down(stage: Stage) -> None:
    played = await stage.play(scenes(QUICK)[DOWN])
    assert replies(played) == ["220", "250", "451"]
    assert played.outcome.delivered is None
    assert played.down == {"words"}
    assert "words" not in said(played, "MAIL")
    assert "step=connect reason=missing" in played.log[0]
    assert (await stage.play(scenes(QUICK)[CLEAN])).down == set()


async def test_refused_recipient_is_unknown_further_down(stage: Stage) -> None:
    played = await stage.play(scenes(QUICK)[TWO])
    assert replies(played) == ["220", "250", "250", "550", "250", "354", "250"]
    assert said(played, "RCPT <nobody@example.org>") == {"stamp": "continue", "words": "550"}
    assert set(said(played, "RCPT <bob@example.org>")) == {"stamp", "words", "scan", "footer"}
    assert added(played) == EDITS


async def test_impatient_mta_needs_the_keep_alive(stage: Stage) -> None:
    """Without it the demonstration of patience would prove nothing."""
    silent = Pace(usual_scan=0.02, long_scan=0.6, keep_alive=5.0, patience=0.2)
    with scratch_directory() as directory:
        async with Stage(directory, silent) as impatient:
            played = await impatient.play(scenes(silent)[SLOW])
    assert played.outcome.exchanges[-1].smtp.startswith("451 4.7.1")
