"""What `mmx test` prints of a mail.

    status: reject
    elapsed-time: 0.128 seconds
    message: mail.eml
    reply: 550 5.7.1 Infected (at EOM)

    mmx      0.4 ms  OPTNEG           OPTNEG version 6, ...
             1.9 ms  CONNECT to DATA  CONTINUE
    clamav   1.7 ms  CONNECT to BODY  CONTINUE

    the change as a unified diff, with the envelope before it

Times are milliseconds since the mail began. Whatever came with mail or from a milter is escaped.
"""

import difflib
from collections.abc import Iterator

from mmx.observe.log import escape
from mmx.tools.colour import Paint
from mmx.tools.columns import columns
from mmx.tools.mta.outcome import Address, Envelope
from mmx.tools.test.run import Trial
from mmx.tools.test.said import Said, shortened

LONGEST_LINE = 1000
"""Characters of a line of the diff."""
MOST_LINES = 20_000
"""Lines of a message that are compared one by one; finding the difference of more takes too long."""
_CONTEXT = 2
_SMTP = {"accept": "2", "quarantine": "4", "tempfail": "4", "shutdown": "4"}


def told(trial: Trial, paint: Paint) -> Iterator[str]:
    """One message, line by line."""
    outcome = trial.outcome
    yield f"status: {paint.as_smtp(_SMTP.get(trial.status, '5'), trial.status)}"
    yield f"elapsed-time: {trial.seconds:.3f} seconds"
    if trial.name:
        yield f"message: {escape(trial.name)}"
    if outcome.loss is not None:
        yield f"error: {escape(outcome.loss.detail, LONGEST_LINE)}"
    if outcome.reply:
        yield f"reply: {_reply(outcome.reply)} (at {outcome.stage})"
    for recipient, _, reply in outcome.refused:
        yield f"refused: {_address(recipient)} {_reply(reply)}"
    for problem in trial.problems:
        yield f"note: {escape(problem, LONGEST_LINE)}"
    rows = list(_rows(trial))
    if rows:
        yield ""
        yield from rows
    changes = list(difference(trial))
    if changes:
        yield ""
        yield from map(paint.difference, changes)


def difference(trial: Trial) -> Iterator[str]:
    """What changes of envelope and message; nothing if nothing does, or the message does not pass."""
    delivery = trial.delivery
    if delivery is None:
        return
    if delivery.quarantine is not None:
        yield f"quarantine: {escape(delivery.quarantine, LONGEST_LINE)}"
    yield from _envelope(trial.envelope, delivery.envelope, [one for one, _, _ in trial.outcome.refused])
    if delivery.message != trial.message:
        before, after = trial.message.lines(), delivery.message.lines()
        if len(before) + len(after) > MOST_LINES and delivery.message.body != trial.message.body:
            yield f"body: {len(trial.message.body)} bytes become {len(delivery.message.body)}"
            before, after = (lines[: lines.index(b"")] for lines in (before, after))
        yield from _unified(before, after)


def _unified(before: list[bytes], after: list[bytes]) -> Iterator[str]:
    lines = difflib.unified_diff(
        [line.decode("latin-1") for line in before],
        [line.decode("latin-1") for line in after],
        "as it comes",
        "as it goes on",
        n=_CONTEXT,
        lineterm="",
    )
    for line in lines:
        # A tab drives no terminal, and folded headers are full of them.
        yield "\t".join(escape(part.encode("latin-1"), LONGEST_LINE) for part in line.split("\t"))


def _envelope(before: Envelope, after: Envelope, refused: list[Address]) -> Iterator[str]:
    if before.sender != after.sender:
        yield f"-sender: {_address(before.sender)}"
        yield f"+sender: {_address(after.sender)}"
    for recipient in before.recipients:
        if recipient not in after.recipients and recipient not in refused:
            yield f"-recipient: {_address(recipient)}"
    for recipient in after.recipients:
        if recipient not in before.recipients:
            yield f"+recipient: {_address(recipient)}"


def _rows(trial: Trial) -> Iterator[str]:
    """A block for each that said something."""
    lines = shortened(trial.said)
    rows, last = [], ""
    for line in lines:
        at = f"{(line.at - trial.began) * 1000:7.1f} ms"
        rows.append(("" if line.by == last else escape(line.by), at, line.event, _shown(line)))
        last = line.by
    yield from columns(rows) if rows else ()


def _shown(line: Said) -> str:
    """The text, without the name of the command where it says the same."""
    return line.text.removeprefix(f"{line.event} ") if line.event else line.text


def _reply(text: bytes) -> str:
    return " / ".join(escape(line, LONGEST_LINE) for line in text.split(b"\r\n"))


def _address(address: Address) -> str:
    return " ".join(escape(word) for word in (address.address, *address.parameters))
