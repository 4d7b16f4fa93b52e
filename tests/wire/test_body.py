import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmx.wire.body import LineEndings

# Chunks as a milter sent them, and the body that Postfix writes.
BODIES: list[tuple[list[bytes], bytes]] = [
    ([], b""),
    ([b""], b""),
    ([b"a\r\n"], b"a\r\n"),
    ([b"a\n"], b"a\r\n"),
    ([b"a"], b"a\r\n"),
    ([b"new\r", b"\nend\r", b"\n"], b"new\r\nend\r\n"),
    ([b"a\r", b"", b"\n"], b"a\r\n"),
    ([b"a\rb\n"], b"a\rb\r\n"),
    ([b"a\r"], b"a\r\r\n"),
    ([b"a\n", b"\r"], b"a\r\n\r\r\n"),
    ([b"a\r", b"b"], b"a\rb\r\n"),
    ([b"\r\r\n"], b"\r\r\n"),
    ([b"\n\n"], b"\r\n\r\n"),
    ([b"a\0\xfe\n"], b"a\0\xfe\r\n"),
]


def reference(body: bytes) -> bytes:
    """The rule, on a whole body: LF with or without CR before it ends a line; the last one is ended."""
    lines = body.split(b"\n")
    ended = [line.removesuffix(b"\r") for line in lines[:-1]]
    if lines[-1]:
        ended.append(lines[-1])
    return b"".join(line + b"\r\n" for line in ended)


def normalised(chunks: list[bytes]) -> bytes:
    lines = LineEndings()
    return b"".join([lines.feed(chunk) for chunk in chunks] + [lines.finish()])


@pytest.mark.parametrize(("chunks", "written"), BODIES)
def test_bodies(chunks: list[bytes], written: bytes) -> None:
    assert normalised(chunks) == written
    whole = b"".join(chunks)
    assert normalised([whole]) == written
    assert normalised([bytes((byte,)) for byte in whole]) == written


def test_only_a_carriage_return_at_the_end_waits() -> None:
    lines = LineEndings()
    assert lines.feed(b"a\nb\r") == b"a\r\nb"
    assert lines.feed(b"\r") == b"\r"
    assert lines.feed(b"c") == b"\rc"
    assert lines.finish() == b"\r\n"


@given(st.lists(st.text("a\r\n\0", max_size=5).map(str.encode) | st.binary(max_size=5), max_size=8))
def test_any_chunking_gives_what_the_whole_body_gives(chunks: list[bytes]) -> None:
    assert normalised(chunks) == reference(b"".join(chunks))


@given(st.text("a\r\n", max_size=12).map(str.encode))
def test_a_normalised_body_stays_as_it_is(body: bytes) -> None:
    once = normalised([body])
    assert normalised([once]) == once
