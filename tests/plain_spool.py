"""A spool for tests to derive from: a class of the core that is compiled cannot be derived from."""

from mmx.core.spool import MemorySpool


class PlainSpool:
    """What a `MemorySpool` does."""

    def __init__(self) -> None:
        self._memory = MemorySpool()

    @property
    def size(self) -> int:
        return self._memory.size

    def append(self, data: bytes) -> bool:
        return self._memory.append(data)

    def read(self, offset: int, size: int) -> bytes:
        return self._memory.read(offset, size)

    def close(self) -> None:
        self._memory.close()
