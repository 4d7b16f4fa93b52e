import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mmx.wire.smtp_reply import MAX_LINE, MAX_LINES, is_valid, reply_class

# Text, forwarded as it is, class that survives when it is not.
TEXTS = [
    (b"550 5.7.1 a", True, 5),
    (b"550-5.7.1 a\r\n550 5.7.1 b 100%% sure", True, 5),
    (b"451 4.7.1 later", True, 4),
    (b"421 4.7.0 closing", True, 4),
    (b"550 no enhanced code", True, 5),
    (b"550 ", True, 5),
    (b"550-a\r\n550-b\r\n550 c", True, 5),
    (b"554 5.7.1 \xff \xc3\xa9 \t tab", True, 5),
    (b"550 a lone % sign", True, 5),
    (b"550 127.0.0.1 is listed", True, 5),
    (b"550 2001:db8::1 is listed", True, 5),
    (b"550 1.2.3.4 is listed", True, 5),
    (b"599 5.999.999 x", True, 5),
    (b"550 4.7.1 x", False, 5),
    (b"554 3.7.1 x", False, 5),
    (b"451 5.7.1 x", False, 4),
    (b"550-5.7.1 a\r\n550 4.7.1 b", False, 5),
    (b"550", False, 5),
    (b"550x", False, 5),
    (b"550-a", False, 5),
    (b"550-a\r\n550-b", False, 5),
    (b"550 a\r\n550 b", False, 5),
    (b"550-a\r\n451 b", False, 5),
    (b"550-a\r\n551 b", False, 5),
    (b"550-a\r\n\r\n550 b", False, 5),
    (b"550 a\r\n", False, 5),
    (b"550-a\n550 b", False, 5),
    (b"550 a\rb", False, 5),
    (b"550 a\n", False, 5),
    (b"550 a\0b", False, 5),
    (b"250 ok", False, None),
    (b"354 go", False, None),
    (b"650 x", False, None),
    (b"55", False, 5),
    (b"5a0 x", False, None),
    (b" 550 x", False, None),
    (b"hello", False, None),
    (b"", False, None),
]


@pytest.mark.parametrize(("text", "valid", "kind"), TEXTS)
def test_texts(text: bytes, kind: int | None, *, valid: bool) -> None:
    assert is_valid(text) is valid
    assert reply_class(text) == kind


@pytest.mark.parametrize(("length", "valid"), [(MAX_LINE, True), (MAX_LINE + 1, False)])
def test_length_of_a_line(length: int, *, valid: bool) -> None:
    line = b"550 5.7.1 ".ljust(length, b"x")
    assert is_valid(line) is valid
    assert is_valid(b"550-short\r\n" + line) is valid


@pytest.mark.parametrize(("count", "valid"), [(1, True), (MAX_LINES, True), (MAX_LINES + 1, False)])
def test_number_of_lines(count: int, *, valid: bool) -> None:
    assert is_valid(b"550-more\r\n" * (count - 1) + b"550 last") is valid


@example(b"550-a\r\n550 b")
@given(st.binary(max_size=60) | st.from_regex(rb"\A[45]\d\d[ -][^\r\n]{0,9}(\r\n550[ -]x)*\Z"))
def test_whatever_passes_can_be_sent_to_an_smtp_client(text: bytes) -> None:
    if not is_valid(text):
        return
    lines = text.split(b"\r\n")
    assert reply_class(text) in {4, 5}
    assert {line[:3] for line in lines} == {text[:3]}
    assert [line[3:4] for line in lines] == [b"-"] * (len(lines) - 1) + [b" "]
    assert not set(b"\0\r\n") & set(b"".join(lines))
