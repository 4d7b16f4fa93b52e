"""The driver against a session that does what the test says, over real sockets."""

import asyncio
import math
from pathlib import Path

import pytest

from mmx.aio import driver as module
from mmx.aio.driver import Driver
from mmx.aio.stream import Stream
from mmx.core.action import Close, CloseMta, Dial, Loss, PauseMta, Remark, ResumeMta
from mmx.core.child import Child
from mmx.core.plan import ChildPlan
from mmx.wire import command
from mmx.wire.framing import frame
from tests.aio.peers import CONTINUE, OPTNEG, FakeChild, until
from tests.aio.puppet import Setup, set_up, tear_down

MAIL = frame(command.MAIL, b"<s@example.net>\0")
HELO = frame(command.HELO, b"x\0")


def plan_of(child: FakeChild) -> ChildPlan:
    return ChildPlan("scanner", child.endpoint)


async def connected(setup: Setup, child: FakeChild) -> Child:
    """The only child of the session, dialled."""
    (dialled,) = setup.session.children
    setup.session.reactions["from_mta"] = lambda received: setup.session.actions.append(Dial(dialled))
    setup.mta.send(OPTNEG)
    await until(lambda: "child_up" in setup.session.names() and child.writers)
    del setup.session.reactions["from_mta"]
    setup.session.heard.clear()
    return dialled


async def test_frames_reach_the_core_in_order_with_the_time() -> None:
    setup = await set_up()
    setup.mta.send(OPTNEG + MAIL + HELO)
    await until(lambda: len(setup.session.heard) == 3)
    assert setup.session.heard == [("from_mta", OPTNEG), ("from_mta", MAIL), ("from_mta", HELO)]
    assert 0 < setup.session.now <= setup.around.loop.time()
    await tear_down(setup)
    assert setup.session.heard[-1] == ("mta_lost", "closed the connection")
    assert setup.around.life == ["began", "ended"]


async def test_one_write_for_all_frames_of_an_input(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = await set_up()
    writes: list[list[bytes]] = []
    real = Stream.write

    def noted(stream: Stream, outbox: list[bytes]) -> None:
        writes.append(outbox[:])
        real(stream, outbox)

    monkeypatch.setattr(Stream, "write", noted)
    setup.session.reactions["from_mta"] = lambda received: setup.session.mta_out.append(CONTINUE)
    setup.mta.send(MAIL * 50)
    received = b""
    while len(received) < len(CONTINUE) * 50:
        received += await asyncio.to_thread(setup.mta.recv, 10_000)
    assert writes == [[CONTINUE] * 50]
    await tear_down(setup)


async def test_outboxes_are_written_before_actions(child: FakeChild) -> None:
    setup = await set_up(plan_of(child))
    dialled = await connected(setup, child)

    def last_words(received: bytes) -> None:
        dialled.out.append(HELO)
        setup.session.mta_out.append(CONTINUE)
        setup.session.actions += [Close(dialled), CloseMta()]

    setup.session.reactions["from_mta"] = last_words
    setup.mta.send(MAIL)
    assert await asyncio.to_thread(setup.mta.recv, 100) == CONTINUE
    assert await asyncio.to_thread(setup.mta.recv, 100) == b""
    await until(lambda: child.closed == 1)
    assert child.frames == [HELO]
    await tear_down(setup)


async def test_a_child_removed_from_the_chain_gets_its_last_words(child: FakeChild) -> None:
    setup = await set_up(plan_of(child))
    dialled = await connected(setup, child)

    def remove(received: bytes) -> None:
        dialled.out.append(HELO)
        setup.session.children.clear()
        setup.session.actions.append(Close(dialled))

    setup.session.reactions["from_mta"] = remove
    setup.mta.send(MAIL)
    await until(lambda: child.frames == [HELO])
    await tear_down(setup)


async def test_a_closed_connection_is_silent_even_if_dialled_again(child: FakeChild) -> None:
    setup = await set_up(plan_of(child))
    dialled = await connected(setup, child)
    setup.session.reactions["from_mta"] = lambda received: setup.session.actions.extend(
        [Close(dialled), Dial(dialled)]
    )
    setup.mta.send(MAIL)
    await until(lambda: "child_up" in setup.session.names())
    await until(lambda: child.closed == 1 and child.connections == 2)
    child.writers[1].write(CONTINUE)
    await until(lambda: "from_child" in setup.session.names())
    assert setup.session.names() == ["from_mta", "child_up", "from_child"]
    await tear_down(setup)


async def test_a_dial_that_fails_at_once_is_told_after_the_actions(directory: Path) -> None:
    setup = await set_up(ChildPlan("scanner", f"unix:{directory}/none"))
    (child,) = setup.session.children
    order: list[str] = []
    setup.session.reactions["from_mta"] = lambda received: setup.session.actions.extend(
        [Dial(child), Remark("info", "behind")]
    )
    setup.session.reactions["child_lost"] = lambda child, loss: order.append(
        f"{loss.reason} after {len(setup.around.notes)} notes"
    )
    setup.mta.send(MAIL)
    await until(lambda: order)
    assert order == ["missing after 1 notes"]
    await tear_down(setup)


async def test_a_dial_that_is_closed_in_the_same_breath_is_not_told(directory: Path) -> None:
    setup = await set_up(ChildPlan("scanner", f"unix:{directory}/none"))
    (child,) = setup.session.children
    setup.session.reactions["from_mta"] = lambda received: setup.session.actions.extend(
        [Dial(child), Close(child)]
    )
    setup.mta.send(MAIL)
    await until(lambda: setup.session.heard)
    await tear_down(setup)
    assert setup.session.names() == ["from_mta", "mta_lost"]


async def test_close_while_dialling(child: FakeChild) -> None:
    setup = await set_up(plan_of(child))
    (dialled,) = setup.session.children
    setup.session.reactions["from_mta"] = lambda received: setup.session.actions.extend(
        [Dial(dialled), Close(dialled)]
    )
    setup.mta.send(MAIL)
    await until(lambda: child.closed == 1)
    assert setup.session.names() == ["from_mta"]
    await tear_down(setup)


async def test_the_death_of_a_child_is_told_once(child: FakeChild) -> None:
    setup = await set_up(plan_of(child))
    dialled = await connected(setup, child)
    dialled.out.append(b"stale")
    child.cut()
    await until(lambda: setup.session.heard)
    assert setup.session.heard == [("child_lost", dialled, Loss("eof", "closed the connection"))]
    assert dialled.out == []
    await tear_down(setup)


async def test_a_child_that_does_not_read(child: FakeChild) -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        while await reader.read(1 << 20):
            pass

    released = asyncio.Event()
    child.on_connect = deaf
    setup = await set_up(plan_of(child))
    dialled = await connected(setup, child)
    setup.session.reactions["from_mta"] = lambda received: dialled.out.append(b"x" * 65536)
    setup.session.reactions["child_blocked"] = lambda child, blocked: setup.session.actions.append(
        PauseMta() if blocked else ResumeMta()
    )
    while ("child_blocked", dialled, True) not in setup.session.heard:
        setup.mta.send(MAIL)
        await asyncio.sleep(0.001)
    seen = len(setup.session.heard)
    setup.mta.send(MAIL)
    await asyncio.sleep(0.02)
    assert len(setup.session.heard) == seen
    released.set()
    await until(lambda: ("child_blocked", dialled, False) in setup.session.heard)
    await until(lambda: setup.session.heard[-1] == ("from_mta", MAIL))
    await tear_down(setup)


async def test_a_stalled_child_is_fed_until_its_link_is_full(child: FakeChild) -> None:
    setup = await set_up(plan_of(child))
    dialled = await connected(setup, child)
    pieces = [HELO] * 5

    def more(*args: object) -> None:
        dialled.stalled = bool(pieces)
        if pieces:
            dialled.out.append(pieces.pop())

    setup.session.reactions["from_mta"] = more
    setup.session.reactions["child_blocked"] = more
    setup.mta.send(MAIL)
    await until(lambda: child.frames == [HELO] * 5)
    await tear_down(setup)


async def test_a_stalled_answer_to_the_mta_goes_on() -> None:
    setup = await set_up()
    pieces = [CONTINUE] * 5

    def more(*args: object) -> None:
        setup.session.mta_stalled = bool(pieces)
        if pieces:
            setup.session.mta_out.append(pieces.pop())

    setup.session.reactions["from_mta"] = more
    setup.session.reactions["mta_blocked"] = more
    setup.mta.send(MAIL)
    received = b""
    while len(received) < 5 * len(CONTINUE):
        received += await asyncio.to_thread(setup.mta.recv, 1000)
    await tear_down(setup)


async def test_an_mta_that_does_not_take_its_answers_is_not_read() -> None:
    setup = await set_up()
    answers = setup.session.mta_out

    def answer(_: bytes) -> None:
        answers.append(b"x" * 65536)

    setup.session.reactions["from_mta"] = answer
    while ("mta_blocked", True) not in setup.session.heard:
        setup.mta.send(MAIL)
        await asyncio.sleep(0.001)
    seen = len(setup.session.heard)
    setup.mta.send(MAIL)
    await asyncio.sleep(0.02)
    assert len(setup.session.heard) == seen
    setup.session.reactions["from_mta"] = lambda _: None
    setup.mta.setblocking(False)
    while ("mta_blocked", False) not in setup.session.heard:
        await asyncio.get_running_loop().sock_recv(setup.mta, 1 << 20)
    await until(lambda: setup.session.heard[-1] == ("from_mta", MAIL))
    await tear_down(setup)


async def test_garbage_from_the_mta() -> None:
    setup = await set_up()
    setup.mta.send(MAIL + b"EHLO localhost\r\n")
    await until(lambda: len(setup.session.heard) == 2)
    assert setup.session.names() == ["from_mta", "unreadable_mta"]
    assert await asyncio.to_thread(setup.mta.recv, 10) == b""
    setup.driver.close()
    await tear_down(setup)


async def test_a_fault_of_the_core_is_logged_and_answered(caplog: pytest.LogCaptureFixture) -> None:
    setup = await set_up()

    def fault(*args: object) -> None:
        raise ZeroDivisionError

    setup.session.reactions["from_mta"] = fault
    setup.session.reactions["internal_error"] = lambda: setup.session.mta_out.append(CONTINUE)
    setup.mta.send(MAIL)
    assert await asyncio.to_thread(setup.mta.recv, 100) == CONTINUE
    assert f"session=1f00c3a7 internal error; {setup.around.fault}" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    await tear_down(setup)


@pytest.mark.parametrize("more", [b"", MAIL])
async def test_a_fault_in_the_answer_to_a_fault_ends_the_session(
    caplog: pytest.LogCaptureFixture, more: bytes
) -> None:
    setup = await set_up()

    def fault(*args: object) -> None:
        raise ZeroDivisionError

    setup.session.reactions |= {"from_mta": fault, "internal_error": fault}
    setup.mta.send(MAIL + more)
    assert await asyncio.to_thread(setup.mta.recv, 100) == b""
    await until(lambda: setup.around.life == ["began", "ended"])
    assert setup.session.names() == ["from_mta", "internal_error"]
    setup.mta.close()


async def test_a_fault_of_the_driver_ends_the_session(caplog: pytest.LogCaptureFixture) -> None:
    setup = await set_up()
    setup.session.reactions["from_mta"] = lambda received: setup.session.actions.append("nonsense")
    setup.mta.send(MAIL)
    assert await asyncio.to_thread(setup.mta.recv, 100) == b""
    assert "KeyError" in caplog.text
    setup.mta.close()


async def test_the_timer_rings_at_the_deadline(time_unit: float) -> None:
    setup = await set_up()
    loop = setup.around.loop
    start = loop.time()

    def react(received: bytes) -> None:
        setup.session.deadline = start + 0.05 * time_unit

    def rest() -> None:
        setup.session.deadline = math.inf

    setup.session.reactions |= {"from_mta": react, "on_time": rest}
    setup.mta.send(MAIL)
    await until(lambda: "on_time" in setup.session.names())
    assert setup.session.now >= start + 0.05 * time_unit
    assert setup.session.now == pytest.approx(loop.time(), abs=5)
    await tear_down(setup)


async def test_a_deadline_that_moves_away_costs_no_timer(
    time_unit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = await set_up()
    loop = setup.around.loop
    watches: list[Driver] = []
    real = Driver._watch

    def noted(driver: Driver) -> None:
        watches.append(driver)
        real(driver)

    monkeypatch.setattr(Driver, "_watch", noted)

    def react(received: bytes) -> None:
        setup.session.deadline = loop.time() + 0.1 * time_unit

    def rest() -> None:
        setup.session.deadline = math.inf

    setup.session.reactions |= {"from_mta": react, "on_time": rest}
    for _ in range(20):
        setup.mta.send(MAIL)
        await asyncio.sleep(0.005 * time_unit)
    await until(lambda: "on_time" in setup.session.names())
    assert setup.session.names().count("on_time") == 1
    assert len(watches) < 6
    await tear_down(setup)


async def test_an_earlier_deadline_moves_the_timer(time_unit: float) -> None:
    setup = await set_up()
    loop = setup.around.loop
    setup.session.reactions["from_mta"] = lambda received: setattr(
        setup.session, "deadline", loop.time() + (1000 if received == MAIL else 0)
    )
    setup.session.reactions["on_time"] = lambda: setattr(setup.session, "deadline", math.inf)
    setup.mta.send(MAIL)
    await until(lambda: setup.session.heard)
    setup.mta.send(HELO)
    await until(lambda: "on_time" in setup.session.names())
    await tear_down(setup)


async def test_close_if_idle() -> None:
    setup = await set_up()
    setup.driver.close_if_idle()
    assert setup.around.life == ["began"], "its first message is still to come"
    setup.driver.has_served = True
    setup.session.in_transaction = True
    setup.driver.close_if_idle()
    assert setup.around.life == ["began"]
    setup.session.in_transaction = False
    setup.driver.close_if_idle()
    assert setup.around.life == ["began", "ended"]
    assert setup.session.heard == [("stop",)]
    assert await asyncio.to_thread(setup.mta.recv, 10) == b""
    setup.mta.close()


def test_every_action_is_performed() -> None:
    assert {action.__name__ for action in module._PERFORM} == {
        *("Dial", "Close", "CloseMta", "PauseMta", "ResumeMta"),
        *("LookUp", "Ready", "ChildFailed", "Judged", "MessageEnded", "MessageKept", "Remark"),
    }
