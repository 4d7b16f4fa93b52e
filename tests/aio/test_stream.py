"""Frames over real sockets."""

import asyncio
import os
import socket

import pytest

from mmx.aio import stream as module
from mmx.wire.framing import frame
from tests.aio.peers import KeepingOwner, until

FRAMES = [frame(0x43, b"x" * size) for size in (0, 1, 3, 60, 5000, 65535)]


async def linked(high_water: int = 64 * 1024) -> tuple[KeepingOwner, socket.socket]:
    """A link, and the far end of it as a plain socket."""
    near, far = socket.socketpair()
    owner = KeepingOwner(high_water=high_water)
    await asyncio.get_running_loop().create_unix_connection(lambda: owner.stream, sock=near)
    far.settimeout(5)
    return owner, far


async def test_frames_byte_by_byte() -> None:
    owner, far = await linked()
    small = FRAMES[:4]
    for byte in b"".join(small):
        far.send(bytes((byte,)))
        await asyncio.sleep(0)
    await until(lambda: owner.frames == small)
    far.close()
    await until(lambda: owner.loss is not None)
    assert owner.heard == ["connected", "lost"]


async def test_many_frames_in_one_read() -> None:
    owner, far = await linked()
    many = [frame(0x4C, bytes((number,)) * 20) for number in range(200)]
    far.sendall(b"".join(many))
    await until(lambda: owner.frames == many)
    assert owner.reads == 1
    far.close()
    owner.stream.abort()


async def test_big_frames_and_their_tails() -> None:
    owner, far = await linked()
    far.setblocking(False)
    await asyncio.get_running_loop().sock_sendall(far, b"".join(FRAMES * 20))
    await until(lambda: len(owner.frames) == len(FRAMES) * 20)
    assert owner.frames == FRAMES * 20
    far.close()
    owner.stream.abort()


async def test_two_links_share_the_scratch_without_mixing() -> None:
    pairs = [await linked() for _ in range(3)]
    sent = [frame(0x42, os.urandom(3000)) for _ in pairs]
    for step in range(0, len(sent[0]), 500):
        for (_, far), data in zip(pairs, sent, strict=True):
            far.send(data[step : step + 500])
        await asyncio.sleep(0.001)
    for (owner, far), data in zip(pairs, sent, strict=True):
        await until(lambda owner=owner, data=data: owner.frames == [data])  # type: ignore[misc]
        far.close()
        owner.stream.abort()


@pytest.mark.parametrize(
    ("garbage", "said"),
    [(b"\0\0\0\0c", "length 0"), (b"UNKNOWN COMMAND\n", "not a milter"), (b"\0\xff\0\0c", "limit")],
)
async def test_garbage_loses_the_link_after_what_was_good(garbage: bytes, said: str) -> None:
    owner, far = await linked()
    far.send(FRAMES[1] + garbage)
    await until(lambda: owner.loss is not None)
    assert owner.frames == [FRAMES[1]]
    assert owner.loss is not None
    assert owner.loss.reason == "frame"
    assert said in owner.loss.detail
    assert far.recv(10) == b""
    far.close()


async def test_the_end_inside_a_frame_is_told() -> None:
    owner, far = await linked()
    far.send(FRAMES[3][:10])
    far.close()
    await until(lambda: owner.loss is not None)
    assert owner.loss is not None
    assert owner.loss.reason == "eof"
    assert owner.loss.detail == "closed the connection 10 bytes into a frame"


async def test_half_a_connection_is_no_connection() -> None:
    owner, far = await linked()
    far.shutdown(socket.SHUT_WR)
    await until(lambda: owner.loss is not None)
    assert far.recv(10) == b""
    far.close()


async def test_a_reset_is_told() -> None:
    owner, far = await linked()
    far.close()
    owner.stream.write([b"x" * 10])
    await until(lambda: owner.loss is not None)
    assert owner.heard == ["connected", "lost"]


async def test_write_empties_the_outbox_and_joins() -> None:
    owner, far = await linked()
    outbox = [b"ab", b"", b"cd"]
    owner.stream.write(outbox)
    assert outbox == []
    owner.stream.write([b"ef"])
    assert far.recv(10) in (b"abcd", b"abcdef")
    far.close()
    owner.stream.abort()


async def test_a_peer_that_does_not_read_blocks_and_frees() -> None:
    owner, far = await linked(high_water=64 * 1024)
    total = 0
    while "blocked" not in owner.heard:
        owner.stream.write([b"x" * 65536])
        total += 65536
        assert total < 16 << 20
    far.setblocking(False)
    loop = asyncio.get_running_loop()
    while total:
        total -= len(await loop.sock_recv(far, 1 << 20))
    await until(lambda: "free" in owner.heard)
    assert owner.heard == ["connected", "blocked", "free"]
    far.close()
    owner.stream.abort()


async def test_reading_pauses_and_resumes() -> None:
    owner, far = await linked()
    owner.stream.pause_reading()
    far.send(FRAMES[2])
    await asyncio.sleep(0.02)
    assert owner.frames == []
    owner.stream.resume_reading()
    await until(lambda: owner.frames == [FRAMES[2]])
    far.close()
    owner.stream.abort()


async def test_close_hands_over_what_was_written_and_silences_the_link() -> None:
    owner, far = await linked()
    owner.stream.write([b"last"])
    owner.stream.close()
    owner.stream.close()
    owner.stream.write([b"too late"])
    owner.stream.pause_reading()
    owner.stream.resume_reading()
    far.send(FRAMES[0])
    await asyncio.sleep(0.01)
    assert far.recv(100) == b"last"
    assert not owner.stream.is_open
    assert owner.heard == ["connected"]
    far.close()


def bytes_until_the_end(far: socket.socket) -> int:
    received = 0
    while data := far.recv(1 << 20):
        received += len(data)
    return received


async def test_close_waits_for_a_slow_peer_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINGER", 0.05)
    owner, far = await linked()
    owner.stream.write([b"x" * (4 << 20)])
    owner.stream.close()
    transport = owner.stream._transport
    assert transport is not None
    await until(lambda: transport.get_write_buffer_size() == 0)
    received = await asyncio.to_thread(bytes_until_the_end, far)
    assert 0 < received < 4 << 20
    far.close()


async def test_the_wait_for_a_slow_peer_ends_with_the_link() -> None:
    """asyncio's transport raises if it is aborted after its end."""
    owner, far = await linked()
    owner.stream.write([b"x" * (4 << 20)])
    owner.stream.close()
    linger = owner.stream._linger
    assert linger is not None
    assert await asyncio.to_thread(bytes_until_the_end, far) == 4 << 20
    await until(linger.cancelled)
    far.close()


async def test_a_dialled_link_is_connected_when_it_is_started() -> None:
    near, far = socket.socketpair()
    owner = KeepingOwner(accepted=False)
    await asyncio.get_running_loop().create_unix_connection(lambda: owner.stream, sock=near)
    assert owner.heard == []
    owner.stream.start()
    assert owner.heard == ["connected"]
    far.close()
    owner.stream.abort()


async def test_a_link_given_up_while_connecting_is_closed_at_its_start() -> None:
    near, far = socket.socketpair()
    owner = KeepingOwner(accepted=False)
    owner.stream.abort()
    await asyncio.get_running_loop().create_unix_connection(lambda: owner.stream, sock=near)
    owner.stream.start()
    far.settimeout(5)
    assert await asyncio.to_thread(far.recv, 1) == b""
    assert owner.heard == []
    far.close()
