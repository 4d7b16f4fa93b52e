"""The spool in memory."""

from hypothesis import given
from hypothesis import strategies as st

from mmx.core.spool import MemorySpool


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
