import pytest

from mmx.detect.lines import joined, numbered


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", [(1, "")]),
        (b"a\nb", [(1, "a"), (2, "b")]),
        (b"\xef\xbb\xbfa\r\nb\r\n", [(1, "a"), (2, "b"), (3, "")]),
        (b"a\x0cb\x85c", [(1, "a\x0cb\udc85c")]),
    ],
)
def test_lines_are_those_of_an_editor(data: bytes, lines: list[tuple[int, str]]) -> None:
    assert list(numbered(data)) == lines


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"a\\\nb\nc", [(1, "ab"), (3, "c")]),
        (b"a\\\n\\\nb", [(1, "ab")]),
        (b"a\\", [(1, "a")]),
        (b"x\na \\\n b", [(1, "x"), (2, "a  b")]),
    ],
)
def test_a_backslash_joins_lines_which_keep_the_number_of_the_first(
    data: bytes, lines: list[tuple[int, str]]
) -> None:
    assert list(joined(data)) == lines
