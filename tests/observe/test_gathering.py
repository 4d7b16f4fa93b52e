import io
import logging

import pytest

from mmx.observe.gathering import GatheringHandler


class Stream(io.StringIO):
    """Counts its writes."""

    writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        return super().write(text)


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("mmx", logging.INFO, "", 0, text, None, None)


def test_every_line_is_written_at_once() -> None:
    stream = Stream()
    handler = GatheringHandler(stream)
    for text in "ab":
        handler.handle(record(text))
    assert (stream.getvalue(), stream.writes) == ("a\nb\n", 2)


def test_lines_between_begin_and_end_go_out_in_one_write() -> None:
    stream = Stream()
    handler = GatheringHandler(stream)
    handler.begin()
    for text in "abc":
        handler.handle(record(text))
    assert stream.getvalue() == ""
    handler.end()
    assert (stream.getvalue(), stream.writes) == ("a\nb\nc\n", 1)
    handler.handle(record("d"))
    assert (stream.getvalue(), stream.writes) == ("a\nb\nc\nd\n", 2)


def test_nothing_is_written_for_nothing() -> None:
    stream = Stream()
    handler = GatheringHandler(stream)
    handler.begin()
    handler.end()
    assert stream.writes == 0


def test_the_end_of_the_handler_loses_nothing() -> None:
    stream = Stream()
    handler = GatheringHandler(stream)
    handler.begin()
    handler.handle(record("a"))
    handler.close()
    assert stream.getvalue() == "a\n"


def test_a_stream_that_fails_loses_lines_and_nothing_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Full(Stream):
        def flush(self) -> None:
            raise OSError(28, "No space left on device")

    handler = GatheringHandler(Full())
    handler.handle(record("a"))
    assert "No space left on device" in capsys.readouterr().err
    other = Stream()
    handler.setStream(other)
    handler.handle(record("b"))
    assert other.getvalue() == "b\n"
