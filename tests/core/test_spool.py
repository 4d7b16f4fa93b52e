"""The spool in memory, and those that hold nothing of their own."""

from hypothesis import given
from hypothesis import strategies as st

from mmx.core.spool import Counter, MemorySpool, Mirror


@given(st.lists(st.binary(max_size=50), max_size=10), st.integers(0, 400), st.integers(0, 400))
def test_what_was_appended_can_be_read_from_any_place(chunks: list[bytes], offset: int, size: int) -> None:
    spool = MemorySpool()
    assert all(spool.append(chunk) for chunk in chunks)
    whole = b"".join(chunks)
    assert spool.size == len(whole)
    assert spool.read(offset, size) == whole[offset : offset + size]


def test_a_closed_spool_holds_nothing() -> None:
    spool = MemorySpool()
    spool.append(b"x")
    spool.close()
    assert spool.size == 0


@given(st.binary(max_size=100), st.integers(0, 100), st.integers(0, 120), st.integers(0, 120))
def test_a_mirror_shows_as_much_as_was_appended(data: bytes, shown: int, offset: int, size: int) -> None:
    spool = MemorySpool()
    spool.append(data)
    mirror = Mirror(spool)
    assert mirror.append(data[:shown])
    assert mirror.size == len(data[:shown])
    assert mirror.read(offset, size) == data[:shown][offset : offset + size]
    mirror.close()
    assert spool.size == len(data)


@given(st.lists(st.binary(max_size=50), max_size=10), st.integers(0, 400), st.integers(0, 400))
def test_a_counter_has_the_size_and_no_bytes(chunks: list[bytes], offset: int, size: int) -> None:
    counter = Counter()
    assert all(counter.append(chunk) for chunk in chunks)
    whole = bytes(len(b"".join(chunks)))
    assert counter.size == len(whole)
    assert counter.read(offset, size) == whole[offset : offset + size]
    counter.close()
