import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.wire import command, reply
from mmx.wire.framing import CODE, DATA, MAX_DATA, FrameSplitter, describe_length, frame

LIMIT = MAX_DATA + 1 + 1024

# Code, data, the frame on the wire: left to right for the encoder, right to left for the splitter.
FRAMES = [
    (command.EOH, b"", b"\0\0\0\x01N"),
    (command.MACRO, b"H", b"\0\0\0\x02DH"),
    (command.HELO, b"mail.example.net\0", b"\0\0\0\x12Hmail.example.net\0"),
    (command.BODY, b"\0\r\n\xfe", b"\0\0\0\x05B\0\r\n\xfe"),
    (command.BODY, b"x" * MAX_DATA, b"\0\x01\0\0B" + b"x" * MAX_DATA),
    (reply.CONTINUE, b"", b"\0\0\0\x01c"),
]

# The first four bytes of a stream and the words that must be in the error.
UNREADABLE = [
    (b"\0\0\0\0", "length 0"),
    (b"\x7f\xff\xff\xff", "2147483647"),
    (b"\xff\xff\xff\xff", "4294967295"),
    (b"UNKN", "not a milter: it said 'UNKN'"),
    (b"220 ", "not a milter: it said '220 '"),
]

frames = st.lists(st.builds(frame, st.integers(0, 255), st.binary(max_size=40)), max_size=8)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """`data` cut at these places; empty pieces are kept, since a reader may deliver nothing."""
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


@pytest.mark.parametrize(("code", "data", "wire"), FRAMES)
def test_a_frame_is_encoded(code: int, data: bytes, wire: bytes) -> None:
    assert frame(code, data) == wire
    assert (wire[CODE], wire[DATA:]) == (code, data)


@pytest.mark.parametrize("wire", [row[2] for row in FRAMES])
def test_a_frame_is_split_off_whole_bytewise_and_with_more_behind(wire: bytes) -> None:
    assert FrameSplitter(LIMIT).feed(wire) == [wire]
    bytewise = FrameSplitter(LIMIT)
    arrived = [bytewise.feed(bytes((byte,))) for byte in wire]
    assert [piece for piece in arrived if piece] == [[wire]]
    assert arrived[-1] == [wire]
    assert (bytewise.pending, bytewise.error) == (0, None)
    trailing = FrameSplitter(LIMIT)
    assert trailing.feed(wire + b"\0\0\0") == [wire]
    assert trailing.pending == 3
    assert trailing.feed(b"\x01c") == [b"\0\0\0\x01c"]


def test_a_prefix_may_arrive_in_two_parts() -> None:
    splitter = FrameSplitter(LIMIT)
    assert splitter.feed(b"\0\0\0") == []
    assert splitter.feed(b"\x02D") == []
    assert splitter.feed(b"H\0") == [b"\0\0\0\x02DH"]
    assert splitter.pending == 1


@pytest.mark.parametrize(("prefix", "words"), UNREADABLE)
@pytest.mark.parametrize("bytewise", [False, True])
def test_an_absurd_length_ends_the_stream(prefix: bytes, words: str, *, bytewise: bool) -> None:
    splitter = FrameSplitter(LIMIT)
    good = frame(reply.CONTINUE)
    got: list[bytes] = []
    for piece in [bytes((byte,)) for byte in good + prefix] if bytewise else [good + prefix]:
        got += splitter.feed(piece)
    assert got == [good]
    assert splitter.error is not None
    assert words in splitter.error
    assert splitter.feed(good) == []
    assert splitter.feed(b"x" * 100_000) == []
    assert splitter.pending == 0


@pytest.mark.parametrize("length", [1, 2, 99, 100, 101])
def test_the_limit_is_that_of_the_announced_length(length: int) -> None:
    splitter = FrameSplitter(100)
    wire = frame(command.BODY, b"x" * (length - 1))
    assert splitter.feed(wire) == ([wire] if length <= 100 else [])
    assert (splitter.error is None) == (length <= 100)


def test_the_announced_length_is_never_allocated() -> None:
    splitter = FrameSplitter(1 << 30)
    tracemalloc.start()
    splitter.feed(b"\x3f\xff\xff\xffB")
    splitter.feed(b"xx")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert splitter.error is None
    assert splitter.pending == 7
    assert peak < 10_000


def test_a_printable_length_within_the_limit_is_a_length() -> None:
    assert FrameSplitter(0x7FFFFFFF).feed(b"UNKN") == []
    assert describe_length(b"\0\x02\0\0", LIMIT) == f"frame of 131072 bytes, limit {LIMIT}"


@given(frames, st.lists(st.integers(0, 400), max_size=12))
def test_any_segmentation_gives_the_same_frames(sent: list[bytes], cuts: list[int]) -> None:
    splitter = FrameSplitter(LIMIT)
    got: list[bytes] = []
    for piece in pieces(b"".join(sent), cuts):
        got += splitter.feed(piece)
    assert got == sent
    assert (splitter.pending, splitter.error) == (0, None)


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=8))
def test_garbage_gives_the_same_frames_and_error_however_it_is_cut(data: bytes, cuts: list[int]) -> None:
    whole, cut = FrameSplitter(64), FrameSplitter(64)
    expected = whole.feed(data)
    got: list[bytes] = []
    for piece in pieces(data, cuts):
        got += cut.feed(piece)
        assert cut.pending <= 64 + 3
    assert got == expected
    assert (cut.pending, cut.error) == (whole.pending, whole.error)
