"""The message that every benchmark sends: 20 headers and, with them, 10 kB or another size."""

HEADERS = 20
SIZE = 10_000
_LINE = b"The quick brown fox jumps over the lazy dog, and nobody asks what for.\r\n"
_FIXED = (
    (b"From", b"Author <author@sender.test>"),
    (b"To", b"Reader <reader@rcpt.test>"),
    (b"Subject", b"A message of usual size"),
    (b"Date", b"Mon, 06 Jul 2026 10:00:00 +0000"),
    (b"Message-Id", b"<1.bench@sender.test>"),
    (b"MIME-Version", b"1.0"),
    (b"Content-Type", b"text/plain; charset=us-ascii"),
)


def headers() -> list[tuple[bytes, bytes]]:
    """Name and value of each header, in order, all that Postfix would add among them."""
    count = HEADERS - len(_FIXED)
    return [*_FIXED, *((b"X-Bench-%d" % number, b"value number %d" % number) for number in range(count))]


def body(size: int = SIZE) -> bytes:
    """Lines that make the message `size` bytes long."""
    rest = size - len(_header_block())
    lines = _LINE * (rest // len(_LINE) + 1)
    return lines[: rest - 2] + b"\r\n"


def text(size: int = SIZE) -> bytes:
    """The whole message as a client sends it after DATA, without the final dot."""
    return _header_block() + body(size)


def _header_block() -> bytes:
    return b"".join(name + b": " + value + b"\r\n" for name, value in headers()) + b"\r\n"
