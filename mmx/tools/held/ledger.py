"""The ledger of quarantined mail (mmx.observe.claim), read and laid over the hold queue.

A message is claimed by a line with its queue id whose time of the reply to MAIL is within TOLERANCE of the
arrival time that Postfix has. A line with its queue id and another time is of a message that had that id
before. The files belong to the user of the daemon, so root does not trust them: no symbolic links, no pipes,
bounded lines, and lines that are none are passed over. Only claims on mail in the queue are kept.
"""

import errno
import os
import stat
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from mmx.errors import MmxError, PermissionsError, UnavailableError
from mmx.observe.claim import LONGEST_LINE, Claim, claim_of
from mmx.tools.held.queue import QueuedMail, whole_lines

TOLERANCE: Final = 2.0
"""Seconds between the reply to MAIL and what Postfix says of it, which has no fractions."""
MOST_CLAIMS: Final = 64
"""Of one queue id; the latest are kept."""


@dataclass(frozen=True, slots=True)
class HeldMail:
    """A message on hold, and who had it held."""

    mail: QueuedMail
    claim: Claim | None = None
    before: Claim | None = None
    """If nobody claims it: the latest claim on another message with its queue id."""

    def is_of(self, child: str) -> bool:
        """Whether this child had it held."""
        return self.claim is not None and any(name == child for name, _ in self.claim.children)


def read_ledger(path: Path, queue_ids: Iterable[str]) -> Mapping[str, Iterable[Claim]]:
    """The claims on these queue ids. A ledger that was never written is empty; raises MmxError if it cannot
    be read.
    """
    found: dict[str, deque[Claim]] = {name: deque(maxlen=MOST_CLAIMS) for name in queue_ids}
    try:
        with ExitStack() as stack:
            # The current one is opened first: turned over meanwhile, it would be read twice, and not missed.
            current, former = (_open(file, stack) for file in (path, Path(f"{path}.1")))
            for line in chain(former, current):
                claim = claim_of(line)
                if claim is not None and claim.queue_id in found:
                    found[claim.queue_id].append(claim)
    except OSError as error:
        raise _explain(path, error) from error
    return found


def lay_over(mails: Iterable[QueuedMail], claims: Mapping[str, Iterable[Claim]]) -> list[HeldMail]:
    """Each message with the claim on it."""
    return [_laid(mail, list(claims.get(mail.queue_id, ()))) for mail in mails]


def _laid(mail: QueuedMail, claims: list[Claim]) -> HeldMail:
    def distance(claim: Claim) -> float:
        return abs(claim.mail_at - mail.arrival_time)

    nearest = min(claims, key=distance, default=None)
    if nearest is not None and distance(nearest) <= TOLERANCE:
        return HeldMail(mail, nearest)
    return HeldMail(mail, None, max(claims, key=lambda claim: claim.mail_at, default=None))


def _open(path: Path, stack: ExitStack) -> Iterable[bytes]:
    """Its lines; the file is closed with the stack."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return ()
    stack.callback(os.close, file)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        raise OSError(errno.EINVAL, "not a plain file")
    opened = stack.enter_context(os.fdopen(file, "rb", closefd=False))
    return whole_lines(iter(lambda: opened.readline(LONGEST_LINE + 1), b""))


def _explain(path: Path, error: OSError) -> MmxError:
    if isinstance(error, PermissionError):
        return PermissionsError(f"only root and the user of mmx may read the ledger {path}: try sudo")
    return UnavailableError(f"the ledger {path} cannot be read: {error.strerror}")
