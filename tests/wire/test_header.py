import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.wire.header import as_written, is_valid_name, with_leading_space, without_leading_space

NAMES = [
    (b"Subject", True), (b"X-Spam_Flag!", True), (b"~", True), (b"!", True),
    (b"", False), (b"X Y", False), (b"X:", False), (b"X\t", False), (b"X\n", False), (b"X\r", False),
    (b"X\0", False), (b"X\x7f", False), (b"\xc3\xa9", False), (b" X", False),
]  # fmt: skip

# What stands after the colon (with HDR_LEADSPC), and what a child without it sees.
SEEN = [
    (b" v", b"v"),
    (b"nospace", b"nospace"),
    (b"  two", b" two"),
    (b"\tv", b"\tv"),
    (b" \tv", b"\tv"),
    (b"", b""),
    (b" ", b""),
    (b" a\n b", b"a\n b"),
]

# A value as a milter sent it, and as it stands in the queue file.
WRITTEN = [
    (b"", b""),
    (b" a", b" a"),
    (b" a\n\tb", b" a\n\tb"),
    (b" a\n b", b" a\n b"),
    (b" a\nb", b" a\n\tb"),
    (b" a\r\n\tb", b" a\r\n\tb"),
    (b" a\r\nb", b" a\r\n\tb"),
    (b" a\n", b" a\n\t"),
    (b" a\n\nb", b" a\n\t\n\tb"),
    (b"\n", b"\n\t"),
]


@pytest.mark.parametrize(("name", "valid"), NAMES)
def test_names(name: bytes, *, valid: bool) -> None:
    assert is_valid_name(name) is valid


@pytest.mark.parametrize(("value", "seen"), SEEN)
def test_a_child_without_leading_space_sees_one_space_less(value: bytes, seen: bytes) -> None:
    assert without_leading_space(value) == seen


@pytest.mark.parametrize(("value", "written"), WRITTEN)
def test_continuation_lines(value: bytes, written: bytes) -> None:
    assert as_written(value) == written


@given(st.binary(max_size=30))
def test_the_space_added_is_the_one_removed(value: bytes) -> None:
    assert without_leading_space(with_leading_space(value)) == value


@given(st.binary(max_size=30) | st.text("ab \t\r\n", max_size=20).map(str.encode))
def test_a_written_value_stays_one_header_and_is_written_once(value: bytes) -> None:
    written = as_written(value)
    assert all(line[:1] in (b" ", b"\t") for line in written.split(b"\n")[1:])
    assert as_written(written) == written
    assert written.replace(b"\t", b"") == value.replace(b"\t", b"")
