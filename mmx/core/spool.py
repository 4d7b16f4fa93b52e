"""Where a body rests: an append-only run of bytes that can be read from any place.

The core knows only this interface. `MemorySpool` serves tests and tools; the shell brings one that moves to
an unlinked file and counts bytes against a budget. `Mirror` and `Counter` hold no bytes of their own: they
serve a message that is played again for a child that observes.
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


class Mirror:
    """Bytes that another spool holds already: what is appended must be those, and is only counted."""

    __slots__ = ("_of", "size")

    def __init__(self, of: Spool) -> None:
        self._of = of
        self.size = 0

    def append(self, data: bytes) -> bool:
        """Count the next bytes of the other spool."""
        self.size += len(data)
        return True

    def read(self, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset`."""
        return self._of.read(offset, max(min(size, self.size - offset), 0))

    def close(self) -> None:
        """The other spool is not touched."""


class Counter:
    """Bytes of which only the number matters; they read back as zeros."""

    __slots__ = ("size",)

    def __init__(self) -> None:
        self.size = 0

    def append(self, data: bytes) -> bool:
        """Count `data`."""
        self.size += len(data)
        return True

    def read(self, offset: int, size: int) -> bytes:
        """Zeros in the place of at most `size` bytes from `offset`."""
        return bytes(max(min(size, self.size - offset), 0))

    def close(self) -> None:
        """There is nothing to give back."""
