import io
import logging
import threading
from collections.abc import Callable

from mmx.observe.gathering import MOST, GatheringHandler


class Loop:
    """Keeps what is to be called when the turn is over."""

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []

    def __call__(self, call: Callable[[], None]) -> None:
        self.due.append(call)

    def turn(self) -> None:
        for call in self.due:
            call()
        self.due.clear()


class Stream(io.StringIO):
    """Counts its writes."""

    writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        return super().write(text)


def handler_of(stream: Stream) -> GatheringHandler:
    return GatheringHandler(stream, lambda record: record.levelno == logging.INFO)


def record(text: str, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("mmx", level, "", 0, text, None, None)


def test_without_a_loop_every_line_is_written_at_once() -> None:
    stream = Stream()
    handler = handler_of(stream)
    handler.handle(record("a"))
    assert stream.getvalue() == "a\n"


def test_lines_wait_for_each_other_and_go_out_in_one_write() -> None:
    stream, loop = Stream(), Loop()
    handler = handler_of(stream)
    handler.lend_loop(loop)
    for text in "abc":
        handler.handle(record(text))
    assert stream.getvalue() == ""
    assert len(loop.due) == 1
    loop.turn()
    assert (stream.getvalue(), stream.writes) == ("a\nb\nc\n", 1)
    handler.handle(record("d"))
    assert len(loop.due) == 1


def test_what_may_not_wait_takes_along_what_waits_in_order() -> None:
    stream, loop = Stream(), Loop()
    handler = handler_of(stream)
    handler.lend_loop(loop)
    handler.handle(record("a"))
    handler.handle(record("b", logging.WARNING))
    assert stream.getvalue() == "a\nb\n"
    loop.turn()
    assert stream.getvalue() == "a\nb\n"


def test_no_more_than_a_few_wait() -> None:
    stream = Stream()
    handler = handler_of(stream)
    handler.lend_loop(Loop())
    for number in range(MOST + 1):
        handler.handle(record(str(number)))
    assert stream.getvalue().count("\n") == MOST


def test_a_line_of_another_thread_does_not_wait_for_the_loop_of_this_one() -> None:
    stream = Stream()
    handler = handler_of(stream)
    handler.lend_loop(Loop())
    other = threading.Thread(target=lambda: handler.handle(record("a")))
    other.start()
    other.join()
    assert stream.getvalue() == "a\n"


def test_the_end_writes_what_waits() -> None:
    ends: list[Callable[[GatheringHandler], None]] = [
        lambda handler: handler.close(),
        lambda handler: handler.lend_loop(None),
    ]
    for end in ends:
        stream = Stream()
        handler = handler_of(stream)
        handler.lend_loop(Loop())
        handler.handle(record("a"))
        end(handler)
        assert stream.getvalue() == "a\n"
