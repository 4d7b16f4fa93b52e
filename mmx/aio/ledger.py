"""The ledger of quarantined mail: a file with a line for each message that the MTA was told to hold.

Postfix's queue does not say who had a message held, and mmx forgets a message with its end; so this is what
`mmx held` knows. A line (mmx.observe.claim) is appended once the verdict has gone out. Only such messages
cost anything: the file is opened, a line written, and closed, in the event loop, like the spool's files; it
goes to the page cache and is not waited for. A write that fails costs a line of the log and no mail.

The file is bounded: when the next line would make it longer than half of `max_size`, or when its first line
is older than `keep`, it becomes `held.jsonl.1` in the place of the one before, which goes when its last line
is older than `keep`. Whoever turns it over otherwise (logrotate) disturbs nothing.
"""

import errno
import logging
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from mmx.aio.throttle import Throttle
from mmx.core.action import MessageRecord
from mmx.observe.claim import line_of, time_of
from mmx.settings.model import HeldSettings

MODE: Final = 0o640
_BEGINNING: Final = 64
"""Bytes of a line in which its time stands."""

_log = logging.getLogger(__name__)


class Ledger:
    """Writes the ledger that `follow` names; none before that."""

    __slots__ = ("_settings", "_throttle")

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle
        self._settings = HeldSettings(ledger=None)

    def follow(self, settings: HeldSettings) -> None:
        """Write where these settings say."""
        self._settings = settings
        if settings.ledger is None:
            return
        path = Path(settings.ledger)
        if not _may_write(path):
            _log.warning(
                "held.ledger: %s cannot be written: `mmx held` will not know who had mail held", path
            )
        with suppress(OSError):
            _forget_former(path, time.time() - settings.keep)

    def enter(self, record: MessageRecord, now: float) -> None:
        """A message has ended; `now` is the session's time."""
        held = record.held
        if held is None or self._settings.ledger is None:
            return
        if not record.queue_id:
            self._complain("no queue id", "Postfix sends no queue id: keep i in its milter_*_macros", now)
            return
        wall = time.time()
        line = line_of(record, held, wall - (now - held.mail_answered))
        try:
            _append(Path(self._settings.ledger), line, self._settings, wall)
        except OSError as error:
            text = f"{self._settings.ledger}: {error.strerror}: let the user that mmx runs as write it"
            self._complain("unwritten", text, now)

    def _complain(self, kind: str, text: str, now: float) -> None:
        held_back = self._throttle.passes(("ledger", kind), now)
        if held_back is None:
            return
        more = f" (and {held_back} more before)" if held_back else ""
        _log.error("a quarantined message is not in the ledger: %s%s", text, more)


def _may_write(path: Path) -> bool:
    return os.access(path if os.path.lexists(path) else path.parent, os.W_OK)


def _append(path: Path, line: bytes, settings: HeldSettings, now: float) -> None:
    with _opened(path) as file:
        full = _is_full(file, len(line), settings, now)
        if not full:
            _write(file, line)
    if full:
        path.replace(_former(path))
        with _opened(path) as file:
            _write(file, line)
    _forget_former(path, now - settings.keep)


def _write(file: int, line: bytes) -> None:
    size = os.fstat(file).st_size
    if size and os.pread(file, 1, size - 1) != b"\n":
        line = b"\n" + line  # what a full disk cut short must not spoil this one too
    while line:
        line = line[os.write(file, line) :]


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    file = _open(path)
    try:
        _check_kind(file)
        yield file
    finally:
        os.close(file)


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        file = os.open(path, flags | os.O_CREAT, MODE)
        os.fchmod(file, MODE)  # whatever the umask is
        return file


def _check_kind(file: int) -> None:
    if not stat.S_ISREG(os.fstat(file).st_mode):
        raise OSError(errno.EINVAL, "not a plain file")


def _is_full(file: int, more: int, settings: HeldSettings, now: float) -> bool:
    size = os.fstat(file).st_size
    if not size:
        return False
    first = time_of(os.pread(file, _BEGINNING, 0))
    return size + more > settings.max_size // 2 or (first is not None and first < now - settings.keep)


def _forget_former(path: Path, before: float) -> None:
    former = _former(path)
    with suppress(FileNotFoundError):
        if former.stat().st_mtime < before:
            former.unlink()


def _former(path: Path) -> Path:
    return path.with_name(path.name + ".1")
