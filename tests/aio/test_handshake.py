"""Handshakes outside sessions."""

import asyncio
from pathlib import Path

import pytest

from mmx.aio.dial import Dialling
from mmx.aio.handshake import OFFER, shake_hands
from mmx.core.action import Loss
from mmx.core.negotiation import Knowledge
from mmx.core.plan import ChildPlan
from mmx.wire import command, option, reply
from mmx.wire.framing import frame
from mmx.wire.payload import Options, encode_options
from tests.aio.peers import CONTINUE, LIMIT, FakeChild, answer_declining, until


async def shake(endpoint: str, within: float = 5.0) -> tuple[Options | Loss, Knowledge]:
    knowledge = Knowledge()
    plan = ChildPlan("scanner", endpoint, connect_timeout=within)
    return await shake_hands(plan, knowledge, max_frame=LIMIT), knowledge


def test_the_offer_is_that_of_postfix() -> None:
    assert Options(6, 0x1FF, 0x1FFFFF, {}) == OFFER


async def test_what_the_child_negotiates_is_remembered(child: FakeChild) -> None:
    child.answer = answer_declining(option.NOBODY)
    result, knowledge = await shake(child.endpoint)
    assert result == Options(6, option.ADDHDRS, option.NOBODY, {})
    assert knowledge.of("scanner") == result
    await until(lambda: child.closed == 1)
    assert child.commands == [command.OPTNEG, command.QUIT]


async def test_a_missing_child(directory: Path) -> None:
    result, knowledge = await shake(f"unix:{directory}/none")
    assert isinstance(result, Loss)
    assert result.reason == "missing"
    assert knowledge.of("scanner") is None


@pytest.mark.parametrize(
    ("answer", "reason", "said"),
    [
        (CONTINUE, "frame", "does not answer OPTNEG"),
        (frame(reply.OPTNEG, encode_options(9, 0, 0, {})), "frame", "version 9"),
        (frame(reply.OPTNEG, encode_options(6, 0x400, 0, {})), "frame", "0x400"),
        (frame(reply.OPTNEG, b"short"), "frame", "5 bytes"),
        (b"UNKNOWN COMMAND\n", "frame", "not a milter"),
    ],
)
async def test_a_child_that_is_no_milter(child: FakeChild, answer: bytes, reason: str, said: str) -> None:
    child.answer = lambda received: answer
    result, knowledge = await shake(child.endpoint)
    assert isinstance(result, Loss)
    assert (result.reason, said in result.detail) == (reason, True)
    assert child.endpoint in result.detail
    assert knowledge.of("scanner") is None


async def test_a_child_that_hangs_up(child: FakeChild) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)

    child.on_connect = hang_up
    result, _ = await shake(child.endpoint)
    assert isinstance(result, Loss)
    assert result.reason == "eof"
    assert result.detail == f"scanner at {child.endpoint} closed the connection"


async def test_a_child_that_says_nothing(child: FakeChild, time_unit: float) -> None:
    child.answer = lambda received: None
    result, _ = await shake(child.endpoint, within=0.05 * time_unit)
    assert isinstance(result, Loss)
    assert result.reason == "timeout"
    await until(lambda: child.closed == 1)


async def test_cancel_closes_the_connection(child: FakeChild) -> None:
    child.answer = lambda received: None
    task = asyncio.create_task(shake(child.endpoint))
    await until(lambda: child.commands)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: child.closed == 1)


async def test_a_child_whose_socket_is_not_known() -> None:
    plan = ChildPlan("scanner", "unknown:/etc/x: cannot be read")
    loss = await shake_hands(plan, Knowledge(), max_frame=LIMIT)
    assert loss == Loss("missing", "where scanner listens is not known: /etc/x: cannot be read")


async def test_a_fault_is_told_as_a_loss(
    child: FakeChild, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Dialling, "start", lambda _: 1 // 0)
    result, _ = await shake(child.endpoint)
    assert result == Loss("other", "internal error")
    assert "ZeroDivisionError" in caplog.text
