"""The load: rounds, sessions, and what goes wrong."""

import asyncio
from dataclasses import dataclass, field

import pytest

from mmx.tools.bench.load import ROUNDS, Load, Measured, measure, shares
from mmx.tools.bench.tally import Result, Tally
from mmx.tools.bench.target import LostError, Session


@dataclass
class FakeTarget:
    """Does as told; writes down what was done."""

    name: str = "fake"
    cannot_open: bool = False
    dies_at: frozenset[int] = frozenset()
    refuses: bool = False
    quits_badly: bool = False
    log: list[str] = field(default_factory=list)
    open_now: int = 0
    most_open: int = 0
    numbers: list[int] = field(default_factory=list)

    def session(self) -> Session:
        return FakeSession(self)


class FakeSession:
    def __init__(self, target: FakeTarget) -> None:
        self._target = target
        self.is_refused = target.refuses
        self._is_open = False

    async def open(self) -> None:
        target = self._target
        if target.cannot_open:
            raise LostError("refused", "nobody listens")
        target.log.append(f"{target.name} open")
        self._is_open = True
        target.open_now += 1
        target.most_open = max(target.most_open, target.open_now)
        await asyncio.sleep(0)

    async def deliver(self, number: int) -> Result:
        target = self._target
        target.numbers.append(number)
        await asyncio.sleep(0)
        if number in target.dies_at:
            raise LostError("closed", "it died")
        return Result("accept", seconds=0.001)

    async def quit(self) -> None:
        if self._target.quits_badly:
            raise LostError("closed", "no reply to QUIT")

    def close(self) -> None:
        self._target.open_now -= self._is_open
        self._is_open = False


async def measured(load: Load, *targets: FakeTarget) -> Measured:
    shown: list[int] = []
    made = Measured([Tally() for _ in targets])
    await measure(targets, load, made, shown.append)
    assert shown == list(range(1, load.messages * len(targets) + 1))
    assert not any(target.open_now for target in targets)
    return made


@pytest.mark.parametrize(("messages", "expected"), [(1, [1]), (3, [1, 1, 1]), (25, [2, 3] * 5)])
def test_rounds_share_the_messages(messages: int, expected: list[int]) -> None:
    assert shares(messages) == expected
    assert sum(shares(messages)) == messages
    assert len(shares(1000)) == ROUNDS


@pytest.mark.parametrize(("per_session", "opened"), [(1, 100), (5, 20), (1000, 10)])
async def test_all_messages_are_delivered(per_session: int, opened: int) -> None:
    target = FakeTarget()
    made = await measured(Load(100, 1, per_session), target)
    (tally,) = made.tallies
    assert tally.verdicts == {"accept": 100}
    assert (tally.openings.count, len(tally.rates)) == (opened, ROUNDS)
    assert tally.seconds > 0
    assert made.is_whole
    assert sorted(target.numbers) == list(range(100))


async def test_so_many_sessions_at_a_time() -> None:
    target = FakeTarget()
    await measured(Load(100, 4), target)
    assert target.most_open == 4


async def test_two_targets_take_turns() -> None:
    log: list[str] = []
    one, two = FakeTarget("a", log=log), FakeTarget("b", log=log)
    await measured(Load(4, 1), one, two)
    assert log == ["a open", "b open", "b open", "a open", "a open", "b open", "b open", "a open"]
    assert sorted(one.numbers) == sorted(two.numbers)


async def test_a_session_that_cannot_be_opened_is_a_failure() -> None:
    made = await measured(Load(5, 2), FakeTarget(cannot_open=True))
    (tally,) = made.tallies
    assert (tally.failures, tally.details) == ({"refused": 5}, {"refused": "nobody listens"})
    assert tally.rates == []


async def test_a_message_that_is_lost_is_a_failure_and_ends_its_session() -> None:
    target = FakeTarget(dies_at=frozenset({3, 7}))
    made = await measured(Load(10, 1, 10), target)
    (tally,) = made.tallies
    assert tally.failures == {"closed": 2}
    assert tally.verdicts == {"accept": 8}


async def test_a_lost_goodbye_is_no_failure() -> None:
    made = await measured(Load(5, 1), FakeTarget(quits_badly=True))
    assert made.tallies[0].verdicts == {"accept": 5}
    assert not made.tallies[0].failures


async def test_a_refused_session_takes_one_message() -> None:
    target = FakeTarget(refuses=True)
    made = await measured(Load(6, 1, 3), target)
    assert made.tallies[0].openings.count == 6
    assert made.tallies[0].messages.count == 6


async def test_an_interruption_leaves_what_was_measured() -> None:
    target, made = FakeTarget(), Measured([Tally()])

    def interrupt(done: int) -> None:
        if done == 7:
            task.cancel()

    task = asyncio.create_task(measure([target], Load(1000, 2), made, interrupt))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not made.is_whole
    assert 7 <= made.tallies[0].done < 20
    assert made.tallies[0].seconds > 0
    assert target.open_now == 0


def test_the_share_of_the_load_is_known() -> None:
    assert Measured([]).share >= 0
