"""The messages of a benchmark: from files, or made up with sizes drawn from a range.

They are made before anything is measured, and kept: at most MOST_BYTES of them, which are used in turn. Sizes
are drawn by a generator with a fixed seed, so that two runs, and two targets, get the same messages.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mmx.errors import InvalidValueError, UnavailableError
from mmx.settings.units import format_size, parse_size
from mmx.tools.mail_file import Message, built_in, read_messages

MOST_BYTES: Final = 128 << 20
LARGEST: Final = 64 << 20
MOST_MESSAGES: Final = 10_000
_DIFFERENT: Final = 200
"""Messages of sizes drawn from a range, at most."""
_LINE: Final = b"The quick brown fox jumps over the lazy dog, and then it does so once again.\r\n"


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of made-up messages, from `least` to `most`."""

    least: int
    most: int

    def __str__(self) -> str:
        texts = [format_size(size) for size in (self.least, self.most)]
        return texts[0] if self.least == self.most else "-".join(texts)


def parse_sizes(text: str) -> Sizes:
    """Read `10KiB`, `2000` or `1KiB-1MiB`; raises InvalidValueError."""
    low, dash, high = text.partition("-")
    sizes = Sizes(_size(low), _size(high if dash else low))
    if sizes.least > sizes.most:
        raise InvalidValueError("the first size is the larger one", "write the smaller one first")
    if sizes.most > LARGEST:
        raise InvalidValueError("too large", f"write at most {format_size(LARGEST)}")
    return sizes


def _size(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 12 else parse_size(text)


def made_up(sizes: Sizes, sender: str, recipient: str) -> list[Message]:
    """Messages of these sizes, one if there is only one size."""
    generator = random.Random(1)  # noqa: S311 - not for secrets; two runs are to be alike
    plain = built_in(sender, recipient)
    around = len(plain.text()) + len(plain.headers) + 1 - len(plain.body)
    messages: list[Message] = []
    room = MOST_BYTES
    while len(messages) < _DIFFERENT and room >= 0:
        size = generator.randint(sizes.least, sizes.most)
        messages.append(Message(plain.headers, _body(max(size - around, 0))))
        room -= size
        if sizes.least == sizes.most:
            break
    return messages


def _body(size: int) -> bytes:
    whole = _LINE * (size // len(_LINE) + 1)
    return whole[: max(size - 2, 0)] + b"\r\n"


def from_files(paths: Sequence[str]) -> list[Message]:
    """The messages of files. Raises UnavailableError if there is none, or if they are too much to keep."""
    messages = list(_bounded(message for _, message in read_messages(paths)))
    if not messages:
        raise UnavailableError("there is no message in what was named")
    return messages


def _bounded(messages: Iterable[Message]) -> Iterable[Message]:
    kept = 0
    for number, message in enumerate(messages, 1):
        kept += size_of(message)
        if kept > MOST_BYTES or number > MOST_MESSAGES:
            bound = f"{MOST_MESSAGES} messages or {format_size(MOST_BYTES)}"
            raise UnavailableError(f"more than {bound}, which is all that is kept; name fewer")
        yield message


def size_of(message: Message) -> int:
    """Bytes of a message as SMTP carries it, but for dots that are doubled."""
    return sum(len(name) + len(value) + 3 for name, value in message.headers) + 2 + len(message.body)
