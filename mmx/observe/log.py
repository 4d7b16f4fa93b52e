"""Log lines: set-up of Python's logging, and the pieces a line is made of.

One event is one line. Three forms: text, text with the `<N>` priority that journald takes off, and JSON
objects. Text that came with mail may hold anything, so whatever is put in a line goes through `escape` (in
`fields`, or by hand): no line can be forged and no terminal driven by a sender. At last the
formatters escape what is left of control characters.

A line with fields is a `Line`, which the logger gets as its message. Text and objects are both made of it:

    log.info(Line("message", {"session": "7f3a", "verdict": "accept", "seconds": 0.012}))
    -> message session=7f3a verdict=accept seconds=0.012
    -> {"time": ..., "level": "info", "event": "message", "text": "message", "session": "7f3a", ...}

Tracebacks follow their line, each line of them with the same priority, or inside the JSON object.

Lines go to standard error, or to syslogd (mmx.observe.syslog) where standard error leads nowhere: a terminal
has a reader, and so has the pipe, socket or file that systemd, a container or a supervisor put there; a null
device has none.
"""

import io
import json
import logging
import os
import re
import stat
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from mmx.observe.gathering import GatheringHandler
from mmx.observe.syslog import SYSLOG, SyslogHandler, severity
from mmx.settings.model import LogFormat, LogLevel, LogSettings, LogTarget

LONGEST_TEXT: Final = 200
LOGGER: Final = "mmx"

_LEVELS: Final = {
    LogLevel.ERROR: logging.ERROR,
    LogLevel.WARNING: logging.WARNING,
    LogLevel.INFO: logging.INFO,
    LogLevel.DEBUG: logging.DEBUG,
}
_UNSAFE: Final = re.compile(r"[^ -\[\]-~]")
_AS_IT_IS: Final = re.compile(r"[!#-<>-\[\]-~]+")
"""Nothing to escape and nothing that needs quotes: nearly all that is logged."""
_NEEDS_QUOTES: Final = re.compile(r'[ "=]|\A\Z')
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def escape(text: bytes | str, limit: int = LONGEST_TEXT) -> str:
    r"""Make any text printable ASCII: every other byte (of UTF-8) and the backslash become \xNN.

    The result has at most `limit` characters; when something was left out it ends in "...", never inside an
    escape.
    """
    data = text if isinstance(text, bytes) else text[: limit + 1].encode("utf-8", "surrogateescape")
    shown = _UNSAFE.sub(_as_hex, data[: limit + 1].decode("latin-1"))
    if len(shown) <= limit and len(data) <= limit:
        return shown
    kept = shown[: max(limit - 3, 0)]
    cut = kept.rfind("\\", max(len(kept) - 3, 0))
    return (kept if cut < 0 else kept[:cut]) + "..."[:limit]


def fields(**values: object) -> str:
    """Write `key=value` pairs; None is left out, strings are escaped, and quoted where they need it."""
    return " ".join([f"{key}={_value(value)}" for key, value in values.items() if value is not None])


class Line:
    """A line with fields: what happened in a word or two, the fields, and what else is to be told.

    Fields are strings, bytes (escaped in every form), numbers, or None (left out). `at` is the Unix time at
    which it happened, if it is told later.
    """

    __slots__ = ("_values", "at", "event", "told")

    def __init__(
        self, event: str, values: Mapping[str, object], told: str = "", *, at: float | None = None
    ) -> None:
        self.at = at
        self.event = event
        self._values = values
        self.told = told

    def __str__(self) -> str:
        head = " ".join(part for part in (self.event, fields(**self._values)) if part)
        return (": " if self.event else " ").join(part for part in (head, self.told) if part)

    def values(self) -> Mapping[str, object]:
        """The fields as an object has them, where they may be maps of fields."""
        return self._values

    @property
    def text(self) -> str:
        """The line without its fields."""
        return ": ".join(part for part in (self.event, self.told) if part)


def set_up(
    settings: LogSettings,
    stream: TextIO | None = None,
    environment: Mapping[str, str] = os.environ,
    *,
    syslog: str = SYSLOG,
) -> logging.Logger:
    """Send the lines of the logger "mmx" to where the settings say, in the form they ask for.

    `stream` stands for standard error. Plain text becomes text for journald when the stream is the one that
    systemd connected to it. To be called again after a reload, when all may be other.
    """
    target = sys.stderr if stream is None else stream
    form = settings.format
    if form is LogFormat.PLAIN and is_journal(target, environment):
        form = LogFormat.JOURNAL
    handler: logging.Handler = GatheringHandler(target)
    handler.setFormatter(_FORMATTERS[form]())
    if settings.to is LogTarget.SYSLOG or (settings.to is LogTarget.AUTO and leads_nowhere(target)):
        form = LogFormat.JSON if form is LogFormat.JSON else LogFormat.PLAIN
        formatter = JsonFormatter() if form is LogFormat.JSON else BareFormatter()
        handler = SyslogHandler(syslog, handler, formatter)
    logger = logging.getLogger(LOGGER)
    for former in logger.handlers:
        former.close()
    logger.handlers[:] = [handler]
    logger.propagate = False
    logger.setLevel(_LEVELS[settings.level])
    return logger


def log_first(first: Callable[[], None] | None) -> None:
    """Call something before each line of this thread, for it to log what happened before; None: no longer.

    To be called again after each `set_up`.
    """
    for handler in logging.getLogger(LOGGER).handlers:
        handler.filters[:] = [] if first is None else [_After(first)]


@contextmanager
def together() -> Iterator[None]:
    """Lines that are logged inside go out in one write."""
    gathering = [
        handler for handler in logging.getLogger(LOGGER).handlers if isinstance(handler, GatheringHandler)
    ]
    for handler in gathering:
        handler.begin()
    try:
        yield
    finally:
        for handler in gathering:
            handler.end()


class _After:
    """A filter that lets everything pass, behind what comes first."""

    def __init__(self, first: Callable[[], None]) -> None:
        self._first = first
        self._thread = threading.get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.thread == self._thread:
            self._first()
        return True


def leads_nowhere(stream: TextIO) -> bool:
    """Whether nobody reads a stream: it is closed, or a device such as /dev/null that is no terminal."""
    try:
        return stat.S_ISCHR(os.fstat(stream.fileno()).st_mode) and not stream.isatty()
    except (OSError, ValueError):
        return isinstance(stream, io.TextIOWrapper)


def is_journal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Tell whether a stream is the one JOURNAL_STREAM names: "DEVICE:INODE", systemd.exec(5)."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class BareFormatter(logging.Formatter):
    """Text alone, for a collector that has the level beside it."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(self.lines(record))

    def lines(self, record: logging.LogRecord) -> list[str]:
        """The message as one safe line, and the lines of its traceback."""
        lines = [_CONTROL.sub(_as_hex, record.getMessage())]
        if record.exc_info:
            trace = self.formatException(record.exc_info).splitlines()
            lines += [_CONTROL.sub(_as_hex, line) for line in trace]
        return lines


class PlainFormatter(BareFormatter):
    """LEVEL and text, for a terminal or a file."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{record.levelname.lower()}: {super().format(record)}"


class JournalFormatter(BareFormatter):
    """Each line behind its priority in angle brackets; journald adds the time."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(f"<{severity(record.levelno)}>{line}" for line in self.lines(record))


class JsonFormatter(BareFormatter):
    """One JSON object a line: time (RFC 3339, UTC), level, the text and the fields of a `Line`, and the
    traceback if there is one.
    """

    def format(self, record: logging.LogRecord) -> str:
        text, *trace = self.lines(record)
        stamp = datetime.fromtimestamp(_time_of(record), UTC).isoformat(timespec="milliseconds")
        entry: dict[str, object] = {"time": stamp, "level": record.levelname.lower(), "text": text}
        if isinstance(record.msg, Line):
            if record.msg.event:
                entry["event"] = record.msg.event
            entry["text"] = _CONTROL.sub(_as_hex, record.msg.text)
            entry |= _plain_values(record.msg.values())
        if trace:
            entry["traceback"] = trace
        return json.dumps(entry)


def _time_of(record: logging.LogRecord) -> float:
    at = record.msg.at if isinstance(record.msg, Line) else None
    return record.created if at is None else at


_FORMATTERS: Final = {
    LogFormat.PLAIN: PlainFormatter,
    LogFormat.JOURNAL: JournalFormatter,
    LogFormat.JSON: JsonFormatter,
}


def _plain_values(values: Mapping[str, object]) -> dict[str, object]:
    """Fields as JSON has them: strings escaped as in text, numbers as they are, None left out."""
    return {key: _plain(value) for key, value in values.items() if value is not None}


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return _plain_values(value)
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, int):
        return value
    return escape(value if isinstance(value, bytes | str) else str(value))


def _value(value: object) -> str:
    write = _WRITERS.get(type(value))
    return _text_value(str(value)) if write is None else write(value)


def _float_value(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _text_value(value: bytes | str) -> str:
    text = value if isinstance(value, str) else value.decode("latin-1")
    if len(text) <= LONGEST_TEXT and _AS_IT_IS.fullmatch(text):
        return text
    text = escape(value)
    return '"' + text.replace('"', r"\x22") + '"' if _NEEDS_QUOTES.search(text) else text


_WRITERS: Final[Mapping[type, Callable[[Any], str]]] = {
    str: _text_value,
    bytes: _text_value,
    int: str,
    float: _float_value,
    bool: lambda value: "yes" if value else "no",
}
"""By the exact type; all but text can have nothing to escape."""


def _as_hex(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
