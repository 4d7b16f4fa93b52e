"""Files of the host, or of a tree that looks like one: read, never more than what a configuration may be."""

import os
import stat
from pathlib import Path
from typing import Final

from mmx.detect.facts import Failure

LARGEST: Final = 1 << 20


class HostFiles:
    """Files below `root`; paths are absolute, as they are on the host."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def on_disk(self, path: str) -> Path:
        """Where a path of the host really is."""
        return self.root / path.lstrip("/")

    def read(self, path: str) -> bytes | Failure | None:
        """A file's content; None if there is no such file, a Failure if it cannot be read."""
        try:
            # Not to wait for a writer, should it be a pipe.
            descriptor = os.open(self.on_disk(path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            return Failure(f"cannot be read: {getattr(error, 'strerror', None) or error}")
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return Failure("cannot be read: not a file")
            with os.fdopen(descriptor, "rb", closefd=False) as stream:
                data = stream.read(LARGEST + 1)
        except OSError as error:
            return Failure(f"cannot be read: {error.strerror}")
        finally:
            os.close(descriptor)
        return data if len(data) <= LARGEST else Failure(f"larger than {LARGEST >> 20} MiB")

    def exists(self, path: str) -> bool:
        """Whether there is anything at a path; False too if that cannot be seen."""
        try:
            return self.on_disk(path).exists()
        except OSError:
            return False

    def names(self, directory: str) -> tuple[str, ...]:
        """The names in a directory, sorted; none if it cannot be read."""
        try:
            return tuple(sorted(path.name for path in self.on_disk(directory).iterdir()))
        except OSError:
            return ()

    def link(self, path: str) -> str:
        """The last part of where a symbolic link leads, "" if it is none."""
        try:
            return self.on_disk(path).readlink().name
        except OSError:
            return ""
