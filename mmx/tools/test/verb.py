"""`mmx test`: play Postfix to the running mmx, to one child, or to any milter.

    mmx test [--to ENDPOINT | --child NAME | --listener NAME] [OPTION ...] [MAIL ...]

Mail is read from files of one message, mboxes, Maildirs or standard input (-); without any a small message is
made up. What is printed of each is in mmx.tools.test.text. The exit status is that of the first message that
is not accepted (mmx.tools.test.expect), or with --expect whether all are as expected.
"""

import argparse
import asyncio
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mmx.detect.host import Host
from mmx.errors import EX_OK, EX_UNEXPECTED, InvalidValueError, UnavailableError
from mmx.observe.log import escape
from mmx.settings.load import Loader
from mmx.tools.colour import Paint, wants_colours
from mmx.tools.mta.link import MilterLostError
from mmx.tools.progress import Progress
from mmx.tools.test.arguments import parser, play_of
from mmx.tools.test.expect import ERROR, STATUSES, Expectation
from mmx.tools.test.json import as_json
from mmx.tools.test.run import Play, Trial, run
from mmx.tools.test.text import told

__all__ = ["main", "parser"]

TICK: Final = 0.25
"""Seconds between two looks whether there is progress to show."""


def main(verb: str, argv: Sequence[str], loader: Loader | None = None) -> int:
    """Play, and return the exit code. Raises MmxError."""
    known = parser(verb)
    options = known.parse_args(argv)
    try:
        expectation = None if options.expect is None else Expectation.parse(options.expect)
        play = play_of(options, loader or Host())
    except InvalidValueError as error:
        known.error(str(error))
    report = _Report(options, expectation)
    try:
        asyncio.run(_run(play, report))
    except MilterLostError as error:
        if expectation is None or expectation.verdict != ERROR:
            raise
        print(f"as expected: {error}", file=sys.stderr)
        return EX_OK
    return report.finish()


async def _run(play: Play, report: "_Report") -> None:
    """Play it, with a sign of life where a milter takes its time."""
    ticker = asyncio.create_task(report.tick(), name="progress of mmx test")
    try:
        await run(play, report.tell)
    finally:
        ticker.cancel()
        report.progress.close()


class _Report:
    """Tells of each message as it is done, and keeps what the exit code is made of."""

    def __init__(self, options: argparse.Namespace, expectation: Expectation | None) -> None:
        self._json = options.json
        self._paint = Paint(wants_colours(sys.stdout, os.environ))
        self._output = None if options.output is None else Path(options.output)
        self._expectation = expectation
        self._statuses: list[str] = []
        self._is_met = True
        self.progress = Progress("messages")
        """Wiped before a message is told of."""

    async def tick(self) -> None:
        """Show that something is done, until cancelled."""
        while True:
            self.progress.show(len(self._statuses))
            await asyncio.sleep(TICK)

    def tell(self, trial: Trial) -> None:
        """One message."""
        self.progress.close()
        if self._json:
            print(as_json(trial), flush=True)
        else:
            if self._statuses:
                print()
            print("\n".join(told(trial, self._paint)), flush=True)
        self._statuses.append(trial.status)
        self._compare(trial)
        if self._output is not None:
            self._write(self._output, trial)

    def finish(self) -> int:
        """The summary, and the exit code."""
        if not self._statuses:
            raise UnavailableError("there is no message in what was named")
        if len(self._statuses) > 1 and not self._json:
            counts = ", ".join(f"{status} {count}" for status, count in Counter(self._statuses).items())
            print(f"\nmessages: {len(self._statuses)} ({counts})")
        if self._expectation is not None:
            return EX_OK if self._is_met else EX_UNEXPECTED
        return next((code for status in self._statuses if (code := STATUSES[status])), EX_OK)

    def _compare(self, trial: Trial) -> None:
        expected = self._expectation
        if expected is None or expected.is_met(trial.status, trial.outcome.reply):
            return
        self._is_met = False
        reply = f" ({escape(trial.outcome.reply)})" if trial.outcome.reply else ""
        name = f"{escape(trial.name)}: " if trial.name else ""
        print(f"mmx test: {name}expected {expected}, got {trial.status}{reply}", file=sys.stderr)

    def _write(self, output: Path, trial: Trial) -> None:
        """The message as it goes on, if it does."""
        number = len(self._statuses)
        if output.is_dir():
            output = output / f"{number:04}.eml"
        elif number > 1:
            raise InvalidValueError(f"--output {output}: there are several messages", "name a directory")
        if trial.delivery is None:
            print(f"mmx test: {output} is not written: the message does not go on", file=sys.stderr)
            return
        try:
            output.write_bytes(trial.delivery.message.text())
        except OSError as error:
            raise UnavailableError(f"cannot write {output}: {error.strerror or error}") from None
