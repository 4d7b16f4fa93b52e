"""Mail in files: one message, an mbox, a Maildir, or standard input; lines may end in LF or CRLF.

What a file holds is told from the file itself. A regular file that begins with "From " is an mbox: a line
that begins so after an empty line begins the next message, and a quoted ">From " loses its mark. A directory
with `new` and `cur` is a Maildir; its messages come in order of their names, those of `new` first. Anything
else is one message. Messages are read one at a time, and none may be larger than LARGEST.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import BinaryIO, Final

from mmx.errors import UnavailableError
from mmx.wire.header import is_valid_name

STDIN: Final = "-"
BUILT_IN: Final = "built-in message"
LARGEST: Final = 256 << 20
"""Bytes of a message."""

_MBOX_LINE: Final = b"From "
_MAILDIR: Final = ("new", "cur")


@dataclass(frozen=True, slots=True)
class Message:
    """A message; each value is all that stands behind the colon, lines of the body end in CRLF."""

    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def lines(self) -> list[bytes]:
        """The message as it would be shown, without ends of lines."""
        fields = [line for name, value in self.headers for line in (name + b":" + value).split(b"\n")]
        body = self.body.split(b"\r\n")
        return [*fields, b"", *(body[:-1] if body[-1] == b"" else body)]

    def text(self) -> bytes:
        """The message as a file, lines ending in LF."""
        return b"".join(line + b"\n" for line in self.lines())


def parse_message(text: bytes) -> Message:
    """Read a message."""
    lines = text.replace(b"\r\n", b"\n").split(b"\n")
    if lines and lines[0].startswith(_MBOX_LINE):
        del lines[0]
    headers: list[tuple[bytes, bytes]] = []
    at = 0
    while at < len(lines) and _is_header(lines[at], headers):
        at += 1
    # The empty line that ends the header is no part of the body; any other line is.
    body = lines[at + 1 :] if lines[at : at + 1] == [b""] else lines[at:]
    return Message(tuple(headers), b"\r\n".join(body))


def _is_header(line: bytes, headers: list[tuple[bytes, bytes]]) -> bool:
    """Add a line to the headers, or to the last of them; False if it is neither."""
    if line[:1] in (b" ", b"\t") and headers:
        headers[-1] = headers[-1][0], headers[-1][1] + b"\n" + line
        return True
    name, colon, value = line.partition(b":")
    if not colon or not is_valid_name(name.rstrip()):
        return False
    headers.append((name.rstrip(), value))
    return True


def built_in(sender: str, recipient: str) -> Message:
    """A small message that nobody should object to."""
    headers = {
        "From": sender,
        "To": recipient,
        "Subject": "a test of the mail filters",
        "Date": formatdate(localtime=True),
        "Message-Id": "<mmx-test@example.net>",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=us-ascii",
    }
    fields = tuple((name.encode(), f" {value}".encode()) for name, value in headers.items())
    return Message(fields, b"This message was made to see what the mail filters say to it.\r\n")


def read_messages(paths: Sequence[str]) -> Iterator[tuple[str, Message]]:
    """The messages of all these files, each with its name. Raises UnavailableError."""
    for path in paths:
        try:
            yield from _read(path)
        except OSError as error:
            raise UnavailableError(f"cannot read {path}: {error.strerror or error}") from None


def _read(path: str) -> Iterator[tuple[str, Message]]:
    if path == STDIN:
        yield from _read_stream("standard input", sys.stdin.buffer)
    elif Path(path).is_dir():
        yield from _read_maildir(Path(path))
    else:
        with Path(path).open("rb") as stream:
            yield from _read_stream(path, stream)


def _read_maildir(path: Path) -> Iterator[tuple[str, Message]]:
    folders = [path / name for name in _MAILDIR if (path / name).is_dir()]
    if not folders:
        raise UnavailableError(
            f"{path} is a directory and no Maildir: it has neither new nor cur; name the files in it"
        )
    for folder in folders:
        for file in sorted(folder.iterdir()):
            if file.is_file() and not file.name.startswith("."):
                with file.open("rb") as stream:
                    yield str(file), parse_message(_whole(str(file), stream))


def _read_stream(name: str, stream: BinaryIO) -> Iterator[tuple[str, Message]]:
    first = stream.readline(LARGEST + 1)
    if not first.startswith(_MBOX_LINE):
        yield name, parse_message(_bounded(name, first + _whole(name, stream)))
        return
    for number, text in enumerate(_split_mbox(name, stream), 1):
        yield f"{name}:{number}", parse_message(text)


def _split_mbox(name: str, stream: BinaryIO) -> Iterator[bytes]:
    """The messages after the first "From " line, each without its own."""
    lines: list[bytes] = []
    size = 0
    while line := stream.readline(LARGEST + 1):
        if line.startswith(_MBOX_LINE) and (not lines or lines[-1].rstrip(b"\r\n") == b""):
            yield b"".join(lines[:-1])
            lines, size = [], 0
            continue
        if line.startswith(b">") and line.lstrip(b">").startswith(_MBOX_LINE):
            line = line[1:]
        size += len(line)
        if size > LARGEST:
            raise _too_large(name)
        lines.append(line)
    if lines and lines[-1].rstrip(b"\r\n") == b"":
        del lines[-1]
    yield b"".join(lines)


def _whole(name: str, stream: BinaryIO) -> bytes:
    return _bounded(name, stream.read(LARGEST + 1))


def _bounded(name: str, text: bytes) -> bytes:
    if len(text) > LARGEST:
        raise _too_large(name)
    return text


def _too_large(name: str) -> UnavailableError:
    return UnavailableError(f"{name}: a message of more than {LARGEST >> 20} MiB is not read")
