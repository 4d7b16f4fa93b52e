"""Log lines: set-up of Python's logging, and the pieces a line is made of.

One event is one line. Three forms: text, text with the `<N>` priority that journald takes off, and JSON
objects. Text that came with mail may hold anything, so whatever is put in a line goes through `escape` (in
`fields`, or by hand): no line can be forged and no terminal driven by a sender. At last the
formatters escape what is left of control characters.

    log.info("message done %s", fields(session="7f3a", qid="4XXx", child="opendkim", verdict="accept", ms=12))
    -> message done session=7f3a qid=4XXx child=opendkim verdict=accept ms=12

Tracebacks follow their line, each line of them with the same priority, or inside the JSON object.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, TextIO

from mmx.settings.model import LogFormat, LogLevel, LogSettings

LONGEST_TEXT: Final = 200
LOGGER: Final = "mmx"

# syslog(3) priorities, as sd-daemon(3) prefixes them.
_PRIORITIES: Final = {
    logging.CRITICAL: 2,
    logging.ERROR: 3,
    logging.WARNING: 4,
    logging.INFO: 6,
    logging.DEBUG: 7,
}
_LEVELS: Final = {
    LogLevel.ERROR: logging.ERROR,
    LogLevel.WARNING: logging.WARNING,
    LogLevel.INFO: logging.INFO,
    LogLevel.DEBUG: logging.DEBUG,
}
_UNSAFE: Final = re.compile(r"[^ -\[\]-~]")
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
    return " ".join(f"{key}={_value(value)}" for key, value in values.items() if value is not None)


def set_up(
    settings: LogSettings, stream: TextIO | None = None, environment: Mapping[str, str] = os.environ
) -> logging.Logger:
    """Send the lines of the logger "mmx" to `stream` (standard error) in the form the settings ask for.

    Plain text becomes text for journald when the stream is the one that systemd connected to it. To be called
    again after a reload, when form and level may be others.
    """
    target = sys.stderr if stream is None else stream
    form = settings.format
    if form is LogFormat.PLAIN and is_journal(target, environment):
        form = LogFormat.JOURNAL
    handler = logging.StreamHandler(target)
    handler.setFormatter(_FORMATTERS[form]())
    logger = logging.getLogger(LOGGER)
    logger.handlers[:] = [handler]
    logger.propagate = False
    logger.setLevel(_LEVELS[settings.level])
    return logger


def is_journal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Tell whether a stream is the one JOURNAL_STREAM names: "DEVICE:INODE", systemd.exec(5)."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class PlainFormatter(logging.Formatter):
    """LEVEL and text, for a terminal or a file."""

    def format(self, record: logging.LogRecord) -> str:
        lines = self.lines(record)
        return "\n".join([f"{record.levelname.lower()}: {lines[0]}", *lines[1:]])

    def lines(self, record: logging.LogRecord) -> list[str]:
        """The message as one safe line, and the lines of its traceback."""
        lines = [_CONTROL.sub(_as_hex, record.getMessage())]
        if record.exc_info:
            trace = self.formatException(record.exc_info).splitlines()
            lines += [_CONTROL.sub(_as_hex, line) for line in trace]
        return lines


class JournalFormatter(PlainFormatter):
    """Each line behind its priority in angle brackets; journald adds the time."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(f"<{_priority(record.levelno)}>{line}" for line in self.lines(record))


class JsonFormatter(PlainFormatter):
    """One JSON object a line: time (RFC 3339, UTC), level, text, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        text, *trace = self.lines(record)
        stamp = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        entry: dict[str, object] = {"time": stamp, "level": record.levelname.lower(), "text": text}
        if trace:
            entry["traceback"] = trace
        return json.dumps(entry)


_FORMATTERS: Final = {
    LogFormat.PLAIN: PlainFormatter,
    LogFormat.JOURNAL: JournalFormatter,
    LogFormat.JSON: JsonFormatter,
}


def _priority(level: int) -> int:
    return next((number for floor, number in _PRIORITIES.items() if level >= floor), 7)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    text = escape(value if isinstance(value, bytes | str) else str(value))
    return '"' + text.replace('"', r"\x22") + '"' if _NEEDS_QUOTES.search(text) else text


def _as_hex(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
