"""The progress bar: when it shows, and what."""

import io

import pytest

from mmx.tools.progress import PATIENCE, Progress, bar

XTERM = {"TERM": "xterm"}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_nothing_is_drawn_within_the_patience() -> None:
    terminal, clock = Terminal(), Clock()
    with Progress("messages", 10, stream=terminal, clock=clock, environment=XTERM) as progress:
        clock.now += PATIENCE / 2
        progress.show(5)
    assert terminal.getvalue() == ""


def test_it_is_drawn_after_it_and_wiped_at_the_end() -> None:
    terminal, clock = Terminal(), Clock()
    with Progress("messages", 10, stream=terminal, clock=clock, environment=XTERM) as progress:
        clock.now += PATIENCE
        progress.show(5)
        assert "messages [############............] 5/10 50 %" in terminal.getvalue()
        progress.show(6)  # too soon after the last
        assert "6/10" not in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\033[K")


def test_it_is_wiped_when_an_exception_passes() -> None:
    terminal, clock = Terminal(), Clock()

    def interrupted() -> None:
        with Progress("x", 2, stream=terminal, clock=clock, environment=XTERM) as progress:
            clock.now += PATIENCE
            progress.show(1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert terminal.getvalue().endswith("\r\033[K")


@pytest.mark.parametrize(
    ("stream", "environment"), [(io.StringIO(), XTERM), (Terminal(), {"TERM": "dumb"})], ids=["file", "dumb"]
)
def test_only_a_terminal_sees_it(stream: io.StringIO, environment: dict[str, str]) -> None:
    clock = Clock()
    with Progress("messages", 10, stream=stream, clock=clock, environment=environment) as progress:
        clock.now += 2 * PATIENCE
        progress.show(5)
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("done", "total", "elapsed", "more", "line"),
    [
        (0, 4, 3.0, "", "m [........................] 0/4 0 %"),
        (1, 4, 3.0, "", "m [######..................] 1/4 25 % 9 s left"),
        (1, 4, 3.0, "5/s", "m [######..................] 1/4 25 % 9 s left, 5/s"),
        (4, 4, 3.0, "", "m [########################] 4/4 100 %"),
        (9, 4, 3.0, "", "m [########################] 4/4 100 %"),
        (1, 4, 600.0, "", "m [######..................] 1/4 25 % 30 min left"),
        (1, 4, 6000.0, "", "m [######..................] 1/4 25 % 5 h left"),
        (7, None, 3.0, "", "m 7, 3 s"),
    ],
)
def test_the_line(done: int, total: int | None, elapsed: float, more: str, line: str) -> None:
    assert bar("m", done, total, elapsed, more) == line


def test_a_terminal_that_went_away_ends_it() -> None:
    class Gone(Terminal):
        def write(self, text: str) -> int:
            raise OSError

    clock = Clock()
    progress = Progress("m", 2, stream=Gone(), clock=clock, environment=XTERM)
    clock.now += PATIENCE
    progress.show(1)
    clock.now += PATIENCE
    progress.show(2)
    progress.close()
