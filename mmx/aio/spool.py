"""Where a message waits that is too big for memory.

Theory: a spool holds the bytes of one message. It is memory up to `message_memory`; the first byte above
that moves all of it into a file without a name in the spool directory, which vanishes with the daemon,
whatever ends it. The bytes of all spools, in memory or not, are counted against one budget. A spool that
would exceed it, or whose disk fails, refuses the bytes: the core then refuses that message, and until there
is room again each new one.

Reads and writes go to the page cache, so they are done in the event loop.
"""

import contextlib
import errno
import logging
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mmx.errors import MmxError, PermissionsError, UnavailableError

_log = logging.getLogger(__name__)

_NO_TMPFILE: Final = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL})
"""How a file system, or a kernel before 3.11, says that it has no files without a name."""


def _no_relief(_: int) -> bool:
    return False


class SpoolBudget:
    """The bytes that all spools of the process may hold together."""

    __slots__ = ("_complained", "limit", "relief", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self.relief: Callable[[int], bool] = _no_relief
        """Asked for so many bytes when they are short; true if it has given them back."""
        self._complained = False

    @property
    def is_exhausted(self) -> bool:
        return self.used >= self.limit

    def take(self, size: int) -> bool:
        """Count `size` bytes more; false, and nothing counted, if that is too much (logged once)."""
        missing = self.used + size - self.limit
        if missing > 0 and not self.relief(missing):
            if not self._complained:
                self._complained = True
                _log.error(
                    "spool full: %d of %d bytes used; messages are refused with 451 until some "
                    "end (max_spool)",
                    self.used,
                    self.limit,
                )
            return False
        self.used += size
        return True

    def give_back(self, size: int) -> None:
        self.used -= size
        if self.used * 2 <= self.limit:
            self._complained = False


class FileSpool:
    """The bytes of one message; see mmx.core.spool.Spool for the contract."""

    __slots__ = ("_broken", "_budget", "_directory", "_file", "_in_memory", "_memory", "_size")

    def __init__(self, budget: SpoolBudget, *, memory: int, directory: Path) -> None:
        self._budget = budget
        self._in_memory = memory
        self._directory = directory
        self._memory = bytearray()
        self._file = -1
        self._size = 0
        self._broken = False

    @property
    def size(self) -> int:
        """Bytes appended so far."""
        return self._size

    def append(self, data: bytes) -> bool:
        if self._broken or not self._budget.take(len(data)):
            return False
        if self._file < 0 and self._size + len(data) <= self._in_memory:
            self._memory += data
        elif not self._write(data):
            self._budget.give_back(len(data))
            return False
        self._size += len(data)
        return True

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset`, fewer at the end. OSError if the disk fails."""
        if self._file < 0:
            return bytes(self._memory[offset : offset + size])
        size = min(size, self._size - offset)
        parts: list[bytes] = []
        while size > 0:
            part = os.pread(self._file, size, offset)
            if not part:  # less than was written: taken for the end, it would hide content from a child
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            parts.append(part)
            offset += len(part)
            size -= len(part)
        return b"".join(parts)

    def close(self) -> None:
        """Free everything; the spool is empty and may be used again."""
        if self._file >= 0:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = -1
        self._budget.give_back(self._size)
        self._memory = bytearray()
        self._size = 0
        self._broken = False

    def __del__(self) -> None:
        if self._size or self._file >= 0:
            self.close()

    def _write(self, data: bytes) -> bool:
        try:
            if self._file < 0:
                self._move_to_file()
            _write_all(self._file, data, self._size)
        except OSError as error:
            _log.error(
                "spool: cannot write to %s: %s; the message is refused with 451",
                self._directory,
                error.strerror,
            )
            self._broken = True
            return False
        return True

    def _move_to_file(self) -> None:
        file = open_unnamed(self._directory)
        try:
            _write_all(file, bytes(self._memory), 0)
        except OSError:
            os.close(file)
            raise
        self._file = file
        self._memory = bytearray()


def open_unnamed(directory: Path) -> int:
    """A new file of mode 0600 in `directory` that has no name; its descriptor."""
    try:
        return os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in _NO_TMPFILE:
            raise
    file, name = tempfile.mkstemp(prefix="message-", dir=directory)
    Path(name).unlink()
    return file


def check_directory(directory: Path) -> None:
    """Raise, with what to do about it, unless messages can be spooled in `directory`."""
    try:
        if not stat.S_ISDIR(directory.stat().st_mode):
            raise UnavailableError(f"spool_directory {directory} is not a directory")
        os.close(open_unnamed(directory))
    except OSError as error:
        raise _explain(directory, error) from error


def _explain(directory: Path, error: OSError) -> MmxError:
    if error.errno == errno.ENOENT:
        return UnavailableError(
            f"spool_directory {directory} does not exist: create it, owned by the user mmx runs "
            "as and with mode 0700, "
            "or set spool_directory"
        )
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return PermissionsError(
            f"spool_directory {directory}: {error.strerror}: give it to the user mmx runs as "
            f"(uid {os.geteuid()}), "
            "or set spool_directory"
        )
    return UnavailableError(f"spool_directory {directory}: {error.strerror}")


def _write_all(file: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, offset)
        view = view[written:]
        offset += written
