"""The body as Postfix writes a replacement (E8).

LF and CRLF end a line, a lone CR stays, the last line is ended.
"""


class LineEndings:
    """Normalises a body that arrives in chunks, which may split a CRLF anywhere."""

    __slots__ = ("_ends_line", "_held_cr")

    def __init__(self) -> None:
        self._held_cr = False
        self._ends_line = True

    def feed(self, chunk: bytes) -> bytes:
        """The normalised form of what is certain so far; a CR at the end waits for the next chunk."""
        if self._held_cr:
            chunk = b"\r" + chunk
        self._held_cr = chunk.endswith(b"\r")
        if self._held_cr:
            chunk = chunk[:-1]
        if not chunk:
            return b""
        self._ends_line = chunk.endswith(b"\n")
        return chunk.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")

    def finish(self) -> bytes:
        """The rest: a held CR and the end of an unfinished last line. Nothing for an empty body."""
        if self._held_cr:
            return b"\r\r\n"
        return b"" if self._ends_line else b"\r\n"
