"""What the demonstration prints: the SMTP dialogue, what became of the message, and a time line.

The time line has a row for each step and a column for each milter. A cell says what the milter answered and
how many milliseconds it took; the first column says when it saw the step, in milliseconds from the connect.
Steps to which every milter said continue share one row. Recipients and content go from milter to milter, so
each milter gets a row of its own for those.
"""

import difflib
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mmx.tools.colour import Paint
from mmx.tools.demo.milters import MESSAGE, Moment
from mmx.tools.demo.mta import Exchange
from mmx.tools.demo.scenes import Performance

WIDTH: Final = 100
_TIME: Final = 6
_STEP: Final = 16
_CELL: Final = 15
_INDENT: Final = "   "
_NAMES: Final = {"CONNECT": "connect", MESSAGE: "end of message"}


def tell(number: int, played: Performance, paint: Paint) -> Iterator[str]:
    """One message, line by line."""
    yield paint.bold(f"{number}. {played.scene.title}")
    yield from (f"{_INDENT}{line}" for line in textwrap.wrap(played.scene.explanation, WIDTH - 4))
    yield ""
    yield from (_INDENT + line for line in dialogue(played, paint))
    yield ""
    yield from (_INDENT + line for line in difference(played, paint))
    yield ""
    yield from (_INDENT + line for line in ladder(played, paint))
    for line in played.log:
        yield ""
        yield from (_INDENT + paint.dim(part) for part in _wrapped(f"mmx logs  {line}"))
    yield ""


def dialogue(played: Performance, paint: Paint) -> Iterator[str]:
    """What the SMTP client was told, from MAIL on."""
    sender = played.scene.message.sender
    for exchange in played.outcome.exchanges:
        if exchange.step in ("CONNECT", "HELO", "DATA") and exchange.is_positive:
            continue
        asked = exchange.step.replace("RCPT ", "RCPT TO:")
        asked = f"MAIL FROM:{sender}" if asked == "MAIL" else _NAMES.get(asked, asked)
        yield f"{asked:32}{paint.smtp(exchange.smtp)}"


def difference(played: Performance, paint: Paint) -> list[str]:
    """The unified diff of the message as it came and as it goes on."""
    delivered = played.outcome.delivered
    if delivered is None:
        return ["(the message is not delivered)"]
    before = played.scene.message.lines()
    lines = difflib.unified_diff(before, delivered, "as it came", "as it goes on", n=1, lineterm="")
    return [paint.difference(line) for line in lines] or ["(the message goes on as it came)"]


def ladder(played: Performance, paint: Paint) -> list[str]:
    """The time line."""
    heads = paint.dim(_line("ms", "step", *played.milters, "SMTP client"))
    start = played.outcome.exchanges[0].began
    rows = list(_rows(played, start))
    for time in (moment - start for moment in played.outcome.keep_alives):
        later = next((n for n, row in enumerate(rows) if row.time > time), len(rows))
        rows.insert(later, _Row(time, "", ("",) * len(played.milters), "(wait)"))
    return [heads, *(row.line(paint) for row in rows)]


@dataclass(frozen=True, slots=True)
class _Row:
    time: float
    step: str
    cells: tuple[str, ...]
    answer: str

    def line(self, paint: Paint) -> str:
        line = _line(_milliseconds(self.time), self.step, *self.cells, "")
        if not self.answer:
            return line
        answer = paint.smtp(self.answer) if self.answer[0].isdigit() else self.answer
        return line.ljust(_TIME + 2 + _STEP + _CELL * len(self.cells)) + answer


def _rows(played: Performance, start: float) -> Iterator[_Row]:
    quiet: list[Exchange] = []
    for exchange in played.outcome.exchanges:
        moments = [moment for moment in played.moments if moment.step == exchange.step]
        if exchange.is_positive and _all_continue(played, moments):
            quiet.append(exchange)
            continue
        if quiet:
            yield _quiet_row(played, quiet, start)
            quiet = []
        yield from _step_rows(played, exchange, moments, start)
    if quiet:
        yield _quiet_row(played, quiet, start)


def _all_continue(played: Performance, moments: Sequence[Moment]) -> bool:
    asked = len(played.milters) - len(played.down)
    return len(moments) == asked and all(moment.said == "continue" for moment in moments)


def _quiet_row(played: Performance, exchanges: Sequence[Exchange], start: float) -> _Row:
    first, last = exchanges[0], exchanges[-1]
    step = _short(first.step) if first is last else f"{_short(first.step)}...{_short(last.step)}"
    cells = tuple("is down" if name in played.down else "continue" for name in played.milters)
    return _Row(first.began - start, step, cells, last.smtp[:3])


def _step_rows(
    played: Performance, exchange: Exchange, moments: list[Moment], start: float
) -> Iterator[_Row]:
    """A row for all who saw the step together, else one for each in chain order."""
    step = _short(exchange.step)
    if not moments or not exchange.step.startswith(("RCPT", MESSAGE)):
        cells = tuple(_cell(played, name, moments) for name in played.milters)
        yield _Row(exchange.began - start, step, cells, exchange.smtp[:3])
        return
    for moment in sorted(moments, key=lambda moment: played.milters.index(moment.milter)):
        cells = tuple(_told(moment) if name == moment.milter else "" for name in played.milters)
        yield _Row(moment.began - start, step, cells, "")
        step = ""
    told = {moment.milter for moment in moments}
    rest = tuple("" if name in told else _cell(played, name, []) for name in played.milters)
    yield _Row(exchange.ended - start, "", rest, exchange.smtp[:3])


def _cell(played: Performance, name: str, moments: list[Moment]) -> str:
    if name in played.down:
        return "is down"
    return next((_told(moment) for moment in moments if moment.milter == name), "never told")


def _told(moment: Moment) -> str:
    return f"{moment.said} {_milliseconds(moment.ended - moment.began)}"


def _short(step: str) -> str:
    """A step for the time line: of a recipient, what stands before the @."""
    return step.partition("@")[0].replace("<", "")


def _milliseconds(seconds: float) -> str:
    value = seconds * 1000
    return f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def _line(time: str, step: str, *cells: str) -> str:
    columns = "".join(cell.ljust(_CELL) for cell in cells)
    return f"{time:>{_TIME}}  {step:{_STEP}}{columns}".rstrip()


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH - 4, subsequent_indent="  ", break_on_hyphens=False)
