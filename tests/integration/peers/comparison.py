"""One foreign child, listed in Postfix itself and behind mmx: the same mail through both.

Theory of operation: for each child Postfix has two SMTP services, one that lists the child in smtpd_milters
and one that lists an mmx in front of it. An outcome is what the SMTP client was told, what arrived or was
held, and, for a child that keeps a trace of its callbacks, that trace; queue ids and dates are replaced.
"""

import contextlib
import difflib
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.integration.daemon import Mmx
from tests.integration.postfix import Postfix, Smtpd, eventually
from tests.integration.sink import LmtpSink
from tests.integration.smtp_client import Step, run_session
from tests.integration.views import normalised

SIDES = ("direct", "mmx")
LIMIT = 20.0


@dataclass(frozen=True)
class Foreign:
    """A child: where it listens, and the file of its trace if it keeps one."""

    endpoint: str
    trace: Path | None = None


@dataclass(frozen=True)
class Fate:
    """What became of a message that was accepted; None in its place means that it was discarded."""

    held: bool
    sender: str
    recipients: tuple[str, ...]
    content: bytes


@dataclass(frozen=True)
class Outcome:
    """All that can be told from outside; equal outcomes are what the tests ask for."""

    replies: tuple[str, ...]
    fates: tuple[Fate | None, ...]
    trace: tuple[str, ...] = field(repr=False)


def without_new_links(trace: list[str]) -> list[str]:
    """A trace without the links that mmx made anew after an early verdict (differences-from-postfix.md).

    Each link has a thread of its own in the child, so the end of the old one may be noted at any time after.
    """
    if sum(line.startswith("connect ") for line in trace) < 2:
        return trace
    text = "\n".join(line for number, line in enumerate(trace, 1) if line != "close" or number == len(trace))
    first, mail, rest = text.partition("\nmail ")
    rest = re.sub(r"(?m)^(negotiate .*\n)?connect .*\nhelo .*\n(?=mail )", "", rest)
    return (first + mail + rest).splitlines()


class Comparison:
    """Context manager: Postfix, and one mmx for each child. `children` by name."""

    def __init__(self, children: Mapping[str, Foreign]) -> None:
        self._children = children
        self._stack = contextlib.ExitStack()
        self.daemons: dict[str, Mmx] = {}

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mmx-peers-")))
            directory.chmod(0o755)
            self._sink = LmtpSink()
            stack.callback(self._sink.close)
            smtpds = []
            for name, child in self._children.items():
                socket = directory / f"{name}.sock"
                settings = {name: {"endpoint": child.endpoint}}
                self.daemons[name] = stack.enter_context(Mmx(socket, settings))
                smtpds += [
                    Smtpd(f"direct-{name}", [child.endpoint]),
                    Smtpd(f"mmx-{name}", [f"unix:{socket}"]),
                ]
            self._postfix = stack.enter_context(Postfix(smtpds, self._sink.port))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def run(self, side: str, name: str, steps: Sequence[Step]) -> Outcome:
        """One SMTP session on one side."""
        trace = self._children[name].trace
        if trace is not None:
            trace.write_text("")
        replies = run_session(self._postfix.ports[f"{side}-{name}"], steps)
        ids = [match[1] for reply in replies if (match := re.search(r"queued as (\w+)", reply))]
        fates = tuple(self._fate(queue_id) for queue_id in ids)
        self._sink.forget()
        return Outcome(
            tuple(re.sub(r"queued as \w+", "queued as <id>", reply) for reply in replies),
            fates,
            () if trace is None else _finished(trace),
        )

    def agree(self, name: str, steps: Sequence[Step]) -> Outcome:
        """The outcome, which must be the same on both sides."""
        direct, behind = (self.run(side, name, steps) for side in SIDES)
        for what in ("replies", "fates", "trace"):
            expected, found = ([str(item) for item in getattr(side, what)] for side in (direct, behind))
            if what == "trace":
                found = without_new_links(found)
            difference = "\n".join(difflib.unified_diff(expected, found, *SIDES, lineterm=""))
            assert not difference, f"{what}:\n{difference}\n{self.daemons[name].log_text()[-3000:]}"
        return behind

    def _fate(self, queue_id: str) -> Fate | None:
        held = False

        def settled() -> bool:
            nonlocal held
            queue = self._postfix.queue_of(queue_id)
            if queue == "hold":
                held = True
                self._postfix.release(queue_id)
            return queue is None

        if not eventually(settled, LIMIT):
            raise self._postfix.failure(f"{queue_id} stays in the queue")
        found = self._sink.deliveries(queue_id)
        if not found:
            return None
        return Fate(held, found[0].sender, found[0].recipients, normalised(found[0].content, queue_id))


def _finished(trace: Path) -> tuple[str, ...]:
    """The lines of a trace once its session is closed, without the end of the session.

    libmilter drops what it has not read when it finds the connection closed: whether it calls back for a last
    ABORT is chance, with any MTA.
    """
    assert eventually(lambda: "close" in trace.read_text("latin-1").splitlines(), LIMIT), trace.read_text()
    text = trace.read_text("latin-1")
    for queue_id in set(re.findall(r" i=(\w+)", text)):
        text = text.replace(queue_id, "<id>")
    text = re.sub(r"<\d{14}\.<id>@", "<time.<id>@", text)
    text = re.sub(r"\w{3}, \d+ \w{3} \d{4} [\d:]+ [+-]\d{4} \(\w+\)", "<date>", text)
    lines = text.splitlines()
    while lines and lines[-1] in {"abort", "close"}:
        del lines[-1]
    return tuple(lines)
