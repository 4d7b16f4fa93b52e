"""The daemon keeps the ledger of quarantined mail: after the verdict, where the settings say, also anew."""

import asyncio
import time
from pathlib import Path

import pytest

from mmx.observe.claim import claim_of
from mmx.wire import command, option, reply
from mmx.wire.framing import CODE, frame
from mmx.wire.payload import encode_options
from tests.aio.peers import CONTINUE, FakeChild, FakeMta, answer_continue, until
from tests.aio.test_service import Daemon

QUARANTINE = frame(reply.QUARANTINE, b"spam\0")


def answer_quarantine(received: bytes) -> bytes | None:
    if received[CODE] == command.OPTNEG:
        return frame(reply.OPTNEG, encode_options(6, option.QUARANTINE, 0, {}))
    if received[CODE] == command.EOM:
        return QUARANTINE + CONTINUE
    return answer_continue(received)


@pytest.fixture
def daemon(directory: Path, child: FakeChild) -> Daemon:
    child.answer = answer_quarantine
    return Daemon(directory)


async def send(daemon: Daemon) -> bytes:
    """A message; the first frame of the answer to its end."""
    mta = await FakeMta.connect(daemon.socket)
    try:
        await mta.greet()
        return await mta.message()
    finally:
        await mta.close()


async def test_a_quarantined_message_is_claimed_and_a_reload_moves_the_ledger(
    daemon: Daemon, child: FakeChild
) -> None:
    first, second = (daemon.directory / name for name in ("first.jsonl", "second.jsonl"))
    daemon.write([child], f"held: {{ledger: {first}}}")
    async with daemon.running() as service:
        before = time.time()
        assert (await send(daemon))[CODE] == reply.QUARANTINE
        await until(first.exists)
        claim = claim_of(first.read_bytes())
        assert claim is not None
        assert (claim.queue_id, claim.sender, claim.recipients) == ("4XyZ12", "<s@example.net>", 1)
        assert (claim.size, claim.children) == (100, (("child", "spam"),))
        assert before - 0.001 <= claim.mail_at <= time.time() + 0.001
        daemon.write([child], f"held: {{ledger: {second}}}")
        await service.reload_now()
        assert (await send(daemon))[CODE] == reply.QUARANTINE
        await until(second.exists)
    assert len(first.read_bytes().splitlines()) == 1


async def test_a_message_whose_mta_went_before_the_verdict_is_not_claimed(
    daemon: Daemon, child: FakeChild
) -> None:
    ledger = daemon.directory / "held.jsonl"
    waits = asyncio.Event()

    def answer(received: bytes) -> bytes | None:
        if received[CODE] == command.EOM:
            waits.set()
            return QUARANTINE
        return answer_quarantine(received)

    child.answer = answer
    daemon.write([child], f"held: {{ledger: {ledger}}}")
    async with daemon.running() as service:
        mta = await FakeMta.connect(daemon.socket)
        await mta.greet()
        content = asyncio.create_task(mta.message())
        await waits.wait()
        content.cancel()
        await mta.close()
        await until(lambda: service.status().session_count == 0)
    assert not ledger.exists()
