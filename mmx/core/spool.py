"""Where a body rests: an append-only run of bytes that can be read from any place.

The core knows only this interface. `MemorySpool` serves tests and tools; the shell brings one that moves to
an unlinked file and counts bytes against a budget.
"""

from typing import Protocol


class Spool(Protocol):
    """Append-only bytes."""

    @property
    def size(self) -> int:
        """Bytes held."""

    def append(self, data: bytes) -> bool:
        """Take `data`; False if there is no room for it, after which the content is incomplete."""

    def read(self, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset`."""

    def close(self) -> None:
        """Give the room back; the spool is not used afterwards."""


class MemorySpool:
    """A spool without a bound of its own."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = bytearray()

    @property
    def size(self) -> int:
        """Bytes held."""
        return len(self._data)

    def append(self, data: bytes) -> bool:
        """Take `data`; there is always room."""
        self._data += data
        return True

    def read(self, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset`."""
        return bytes(memoryview(self._data)[offset : offset + size])

    def close(self) -> None:
        """Forget the bytes."""
        self._data = bytearray()
