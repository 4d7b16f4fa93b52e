"""Releasing, deleting and requeueing mail on hold: postsuper(1), and what must be true before it is run.

A message is named by its queue id, if the ledger claims the message that has it now, or as ID@ARRIVAL. Either
way it is one message, and not whatever has its queue id: names that do not fit are refused, and then nothing
is done at all. More than one message is asked about, all of them by a phrase that has to be typed. Right
before each run of postsuper the queue is listed again, and a message that has gone, or is another one now, is
left alone. postsuper says what it has done; only that is reported as done.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mmx.errors import EX_OK, EX_UNAVAILABLE, InvalidValueError, PermissionsError, UnavailableError
from mmx.observe.claim import is_queue_id
from mmx.tools.held.ledger import HeldMail
from mmx.tools.held.postfix import Postfix
from mmx.tools.held.queue import QueuedMail, read_queue
from mmx.tools.held.text import stamp
from mmx.tools.progress import Progress

BATCH: Final = 1000
"""Messages for one run of postsuper; before each the queue is listed."""
MOST_AT_ONCE: Final = 100
"""Released messages whose delivery is asked for one by one; others go with the next run of the queue."""

_DONE: Final = re.compile(r"^(?:\S*/)?postsuper: ([0-9A-Za-z]+): ", re.MULTILINE)
_YES: Final = frozenset({"y", "yes"})


@dataclass(frozen=True, slots=True)
class Act:
    """What is done to mail on hold."""

    option: str
    """Of postsuper."""
    done: str
    """What it is then."""


ACTS: Final = {
    "release": Act("-H", "released"),
    "delete": Act("-d", "deleted"),
    "requeue": Act("-r", "requeued"),
}


def chosen(names: Sequence[str], mails: Iterable[HeldMail]) -> list[HeldMail]:
    """The messages of these names, each once; raises UnavailableError with all that is wrong with them."""
    by_id: dict[str, HeldMail] = {held.mail.queue_id: held for held in mails}
    found: dict[str, HeldMail] = {}
    faults: list[str] = []
    for name in names:
        queue_id, at, time = name.partition("@")
        held = by_id.get(queue_id)
        fault = _fault(queue_id, time if at else None, held)
        if fault:
            faults.append(fault)
        elif held is not None:
            found[queue_id] = held
    if faults:
        raise UnavailableError("\n".join([*faults, "nothing was done"]))
    return list(found.values())


def check_name(text: str) -> str:
    """A queue id, or one and an arrival time; raises InvalidValueError."""
    queue_id, at, time = text.partition("@")
    if not is_queue_id(queue_id) or (at and not re.fullmatch("[0-9]{1,12}", time)):
        raise InvalidValueError("neither a queue id nor ID@ARRIVAL", "take it from `mmx held`")
    return text


def _fault(queue_id: str, time: str | None, held: HeldMail | None) -> str:
    """What is wrong with a name, "" if it is that of this message."""
    if held is None:
        return f"{queue_id}: not on hold"
    now = f"the one on hold now arrived {stamp(held.mail.arrival_time)} and is called {held.mail.name}"
    if time is not None:
        return "" if int(time) == held.mail.arrival_time else f"{queue_id}: another message by now: {now}"
    if held.claim is not None:
        return ""
    if held.before is not None:
        before = stamp(held.before.mail_at)
        return f"{queue_id}: the message that mmx had held arrived {before} and has gone; {now}"
    return f"{queue_id}: not through mmx, so its queue id alone does not tell that it is what you saw; {now}"


def confirm_several(action: str, count: int) -> None:
    """Ask before more than one message; raises PermissionsError unless the answer is yes."""
    if not _has_terminal():
        raise PermissionsError(
            f"standard input is no terminal to ask at: say --yes to {action} {count} messages"
        )
    if _answer(f"{action} {count} messages? [y/N] ").lower() not in _YES:
        raise PermissionsError("not confirmed: nothing was done")


def confirm_all(action: str, count: int) -> None:
    """Have a phrase typed before all messages; raises PermissionsError unless it is."""
    if not _has_terminal():
        raise PermissionsError(
            f"--all is confirmed by hand, and standard input is no terminal: name what to {action}"
        )
    phrase = f"{action} {count}"
    if _answer(f'type "{phrase}" to go on: ') != phrase:
        raise PermissionsError("not confirmed: nothing was done")


def _has_terminal() -> bool:
    """Python has None for a standard input that is closed."""
    return sys.stdin is not None and sys.stdin.isatty()


def _answer(question: str) -> str:
    sys.stdout.flush()
    print(question, end="", file=sys.stderr, flush=True)
    try:
        answer = sys.stdin.readline(200)
    except KeyboardInterrupt:
        print(file=sys.stderr)
        raise
    if not answer.endswith("\n"):
        print(file=sys.stderr)
    return answer.strip()


def carry_out(
    action: str, mails: Sequence[HeldMail], postfix: Postfix, tell: Callable[[str], None] = print
) -> int:
    """Do it; the exit code, which says whether all was done. Raises MmxError."""
    act = ACTS[action]
    done: list[str] = []
    with Progress("messages", len(mails)) as progress:
        for start in range(0, len(mails), BATCH):
            batch = [held.mail for held in mails[start : start + BATCH]]
            for mail in batch_done(act, batch, postfix):
                done.append(mail.queue_id)
                progress.close()
                tell(f"{act.done}: {mail.queue_id}")
            progress.show(len(done))
    left = [held.mail.queue_id for held in mails if held.mail.queue_id not in set(done)]
    if action == "release":
        _deliver(done, postfix)
    for queue_id in left:
        print(f"{queue_id}: gone, or another message, since it was looked at: left alone", file=sys.stderr)
    return EX_UNAVAILABLE if left else EX_OK


def batch_done(act: Act, mails: Sequence[QueuedMail], postfix: Postfix) -> Iterator[QueuedMail]:
    """Do it to those that are still what they were; yields those to which postsuper did it. If it failed
    after that, raises UnavailableError.
    """
    still = {mail.identity for mail in read_queue(postfix).mails}
    left = {mail.queue_id: mail for mail in mails if mail.identity in still}
    if not left:
        return
    words = [word for queue_id in left for word in (act.option, queue_id)]
    said, failure = postfix.attempt("postsuper", *words, "hold")
    for queue_id in _DONE.findall(said):
        mail = left.pop(queue_id, None)
        if mail is not None:
            yield mail
    if failure is not None:
        raise failure


def _deliver(queue_ids: Sequence[str], postfix: Postfix) -> None:
    """Have released mail delivered now: postsuper leaves it to the next run of the queue."""
    if len(queue_ids) > MOST_AT_ONCE:
        print("they are delivered with the next run of the queue (queue_run_delay)", file=sys.stderr)
        return
    try:
        for queue_id in queue_ids:
            postfix.run("postqueue", "-i", queue_id)
    except UnavailableError as error:
        print(f"released, and not delivered yet: {error}", file=sys.stderr)
