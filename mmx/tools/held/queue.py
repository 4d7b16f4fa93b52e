"""Postfix's hold queue, as `postqueue -j` lists it: one JSON object a line, for each message of all queues.

Senders and recipients are what somebody wrote in SMTP, so nothing of a line is trusted: it has a bound, every
member its type, and a line that is not as it should be is counted and told of, never guessed at. Only what is
on hold is kept. A message that is listed twice, as Postfix says may happen, counts once.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from mmx.observe.claim import is_queue_id
from mmx.tools.held.postfix import Postfix
from mmx.tools.progress import Progress

LONGEST_LINE: Final = 16 << 20
"""Bytes; a message to a hundred thousand recipients has less."""
MOST: Final = 200_000
"""Messages on hold that are looked at."""
RECIPIENTS_KEPT: Final = 50
"""Of each message."""

_HOLD: Final = "hold"
_SHOWN_EVERY: Final = 200
_LATEST: Final = 1 << 40


@dataclass(frozen=True, slots=True)
class QueuedMail:
    """A message on hold. Texts come from the network; undecodable bytes are surrogates."""

    queue_id: str
    arrival_time: int
    size: int
    sender: str
    recipients: tuple[str, ...] = ()
    """The first ones."""
    recipient_count: int = 0

    @property
    def identity(self) -> tuple[str, int]:
        """Queue ids are used again: only both together are one message."""
        return self.queue_id, self.arrival_time

    @property
    def name(self) -> str:
        """Its identity as one word."""
        return f"{self.queue_id}@{self.arrival_time}"


@dataclass(slots=True)
class HoldQueue:
    """What is on hold, the oldest first."""

    mails: list[QueuedMail] = field(default_factory=list)
    unreadable: int = 0
    """Lines that were no message."""
    left_out: int = 0
    """Messages above MOST."""

    def complaints(self) -> Iterator[str]:
        """What is not in it."""
        if self.unreadable:
            yield f"lines of postqueue -j that were not understood, and are left out: {self.unreadable}"
        if self.left_out:
            yield f"{self.left_out} more messages are on hold; only {MOST} are looked at"


def read_queue(postfix: Postfix) -> HoldQueue:
    """List it; raises UnavailableError."""
    with Progress("messages of all queues") as progress:
        return parse(_counted(whole_lines(postfix.read("postqueue", "-j", piece=LONGEST_LINE + 1)), progress))


def _counted(lines: Iterable[bytes], progress: Progress) -> Iterator[bytes]:
    for number, line in enumerate(lines):
        if not number % _SHOWN_EVERY:
            progress.show(number)
        yield line


def whole_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The first piece of each line; of a line that came in several ones the rest is dropped."""
    goes_on = False
    for piece in pieces:
        if not goes_on:
            yield piece
        goes_on = not piece.endswith(b"\n")


def parse(lines: Iterable[bytes]) -> HoldQueue:
    """Read a listing."""
    queue = HoldQueue()
    found: dict[tuple[str, int], QueuedMail] = {}
    for line in lines:
        try:
            mail = mail_of(line)
        except (ValueError, KeyError, TypeError, RecursionError):
            queue.unreadable += 1
            continue
        if mail is None or mail.identity in found:
            continue
        if len(found) < MOST:
            found[mail.identity] = mail
        else:
            queue.left_out += 1
    queue.mails = sorted(found.values(), key=lambda mail: (mail.arrival_time, mail.queue_id))
    return queue


def mail_of(line: bytes) -> QueuedMail | None:
    """The message of a line, None if it is not on hold; raises one of several errors if it is none at all."""
    if len(line) > LONGEST_LINE:
        raise ValueError
    entry = json.loads(line.decode("utf-8", "surrogateescape"))
    if _text(entry["queue_name"]) != _HOLD:
        return None
    queue_id = _text(entry["queue_id"])
    if not is_queue_id(queue_id):
        raise ValueError
    addresses = [_text(one["address"]) for one in _typed(entry["recipients"], list)]
    return QueuedMail(
        queue_id=queue_id,
        arrival_time=_number(entry["arrival_time"]),
        size=_number(entry["message_size"]),
        sender=_text(entry["sender"]),
        recipients=tuple(addresses[:RECIPIENTS_KEPT]),
        recipient_count=len(addresses),
    )


def _typed(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError
    return value


def _text(value: Any) -> str:
    text: str = _typed(value, str)
    text.encode("utf-8", "surrogateescape")  # ValueError for halves of characters that stand for no byte
    return text


def _number(value: Any) -> int:
    number: int = _typed(value, int)
    if not 0 <= number < _LATEST:
        raise ValueError
    return number
