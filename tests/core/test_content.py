"""The content of a message as it is kept and as a child is read it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.core import content as content_module
from mmx.core.content import Content, Revision
from mmx.core.event import Event
from mmx.core.plan import OVERHEAD
from mmx.core.spool import MemorySpool
from mmx.errors import ProtocolError
from mmx.wire import command
from mmx.wire.framing import MAX_DATA, frame
from tests.plain_spool import PlainSpool


def header(name: str, value: str) -> bytes:
    return frame(command.HEADER, name.encode() + b"\0" + value.encode() + b"\0")


def read_all(source: Content | Revision) -> list[bytes]:
    chunks: list[bytes] = []
    while chunk := source.chunk(sum(map(len, chunks))):
        chunks.append(chunk)
    return chunks


class Full(PlainSpool):
    def append(self, data: bytes) -> bool:
        return False


def test_headers_are_read_as_received_or_without_their_leading_space() -> None:
    content = Content(MemorySpool())
    received = [header("Subject", "nospace"), header("X", "  two"), header("Y", "\tv"), header("Z", "")]
    for one in received:
        content.add_header(one)
    assert content.header_count == 4
    assert content.header_frames(0, 4, strip=False) == received
    stripped = [header("Subject", "nospace"), header("X", " two"), header("Y", "\tv"), header("Z", "")]
    assert content.header_frames(0, 2, strip=True) + content.header_frames(2, 4, strip=True) == stripped
    assert content.header_frames(0, 1, strip=False)[0] is received[0]


@pytest.mark.parametrize("data", [b"", b"\0", b"X\0", b"X\0v", b"X\0v\0w\0"])
def test_a_malformed_header_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        Content(MemorySpool()).add_header(frame(command.HEADER, data))


def test_the_size_of_headers_counts_what_each_costs() -> None:
    """Half a million headers of three bytes would fit into 4 MiB of mere bytes."""
    content = Content(MemorySpool())
    content.add_header(header("a", ""))
    assert content.headers_size == len(header("a", "")) + OVERHEAD


def test_the_message_is_complete_once_its_end_was_seen() -> None:
    content = Content(MemorySpool())
    assert not content.complete
    content.eom = Event(command.EOM, frame(command.EOM), None, 1)
    assert content.complete


@pytest.mark.parametrize("sizes", [[65535], [65536], [65535, 1], [65535, 65535], [1, 2, 3], [], [70000, 5]])
def test_a_body_is_read_in_the_pieces_it_came_in(sizes: list[int]) -> None:
    content = Content(MemorySpool())
    for number, size in enumerate(sizes):
        assert content.add_body(bytes((number,)) * size)
    pieces = [bytes((number,)) * size for number, size in enumerate(sizes)]
    expected = [part for piece in pieces for part in (piece[:MAX_DATA], piece[MAX_DATA:]) if part]
    assert read_all(content) == expected


def test_nothing_is_no_piece() -> None:
    content = Content(MemorySpool())
    assert content.add_body(b"")
    assert read_all(content) == []
    assert content.chunk(0) == b""


def test_a_body_that_does_not_fit_is_said_so() -> None:
    content = Content(Full())
    assert not content.add_body(b"x")
    assert content.chunk(0) == b""


@pytest.mark.interpreted
@given(st.lists(st.integers(1, 40), max_size=30), st.lists(st.integers(0, 30), max_size=5))
def test_many_small_pieces_are_joined_and_none_is_lost(sizes: list[int], stops: list[int]) -> None:
    """A reader that keeps up, one that stops now and then, and one that comes late all read the same."""
    most, content_module._MAX_CHUNKS = content_module._MAX_CHUNKS, 3  # type: ignore[misc]
    try:
        content, whole, got = Content(MemorySpool()), b"", b""
        for number, size in enumerate(sizes):
            content.add_body(bytes((number,)) * size)
            whole += bytes((number,)) * size
            if number in stops:
                while chunk := content.chunk(len(got)):
                    got += chunk
                assert got == whole
        assert b"".join(read_all(content)) == whole
        assert len(content._ends) <= 3 or len(whole) > MAX_DATA
    finally:
        content_module._MAX_CHUNKS = most  # type: ignore[misc]


def test_a_revision_is_complete_from_the_start_and_reads_in_full_chunks() -> None:
    body = MemorySpool()
    body.append(b"x" * (MAX_DATA + 1))
    revision = Revision([(b"X", b" v")], body)
    assert revision.complete
    assert revision.header_count == 1
    assert revision.header_frames(0, 1, strip=False) == [header("X", " v")]
    assert revision.header_frames(0, 1, strip=True) == [header("X", "v")]
    assert read_all(revision) == [b"x" * MAX_DATA, b"x"]


def test_a_revision_of_the_headers_alone_keeps_the_pieces_of_the_body() -> None:
    content = Content(MemorySpool())
    content.add_body(b"ab")
    content.add_body(b"c")
    assert read_all(Revision([], content)) == [b"ab", b"c"]


def test_its_size_is_that_of_the_message() -> None:
    message = Content(MemorySpool())
    message.add_header(header("Subject", " x"))
    message.add_header(header("X", ""))
    message.add_body(b"ab\r\n")
    assert message.octets == len(b"Subject: x\r\nX:\r\nab\r\n")
