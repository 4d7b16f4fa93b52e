"""See mmx at work: six messages through mmx and four small milters.

    mmx demo [NUMBER ...]        all messages, or only those with these numbers

Everything happens in this process and in a temporary directory: no Postfix, no root, no network. Colours are
used on a terminal unless NO_COLOR is set (https://no-color.org).
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final, TextIO

from mmx.errors import EX_OK, EX_USAGE, MmxError
from mmx.tools.demo_scenes import Pace, Scene, Stage, scenes, scratch_directory
from mmx.tools.demo_text import Paint, tell

INTERRUPTED: Final = 130

_OPENING: Final = """\
mmx is one milter to the MTA, and an MTA to the milters behind it, its children:

   SMTP client --> MTA --> mmx --+--> stamp    adds a header
                                 +--> words    refuses the word "casino" and one recipient
                                 +--> scan     looks at the message, which can take a while
                                 +--> footer   adds a header and a footer; not quite reliable

Below, the MTA hands mmx one message after another. For each: what the SMTP client is told, what
became of the message, and which milter saw what when, what it said, and how many ms that took.
"""
_CLOSING: Final = """\
What to do next
   README.md                      put mmx between your Postfix and its milters
   docs/tutorial/first-chain.md   the same by hand, step by step
   mmx --check-config             check the settings in /etc/mmx/mmx.yaml"""


def main(argv: Sequence[str], pace: Pace | None = None) -> int:
    """Play and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="mmx demo", description=__doc__.partition("\n")[0])
    play = scenes(pace or Pace())
    numbers = range(1, len(play) + 1)
    parser.add_argument(
        "numbers",
        nargs="*",
        type=int,
        metavar="NUMBER",
        help=f"play only these messages ({numbers[0]} to {numbers[-1]})",
    )
    try:
        wanted = parser.parse_args(argv).numbers or list(numbers)
    except SystemExit as end:
        return EX_USAGE if end.code else EX_OK
    if not set(wanted) <= set(numbers):
        print(f"mmx demo: there are messages {numbers[0]} to {numbers[-1]}", file=sys.stderr)
        return EX_USAGE
    try:
        asyncio.run(_perform([(number, play[number - 1]) for number in wanted], pace or Pace()))
    except MmxError as error:
        print(f"mmx demo: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    return EX_OK


def wants_colours(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether `stream` is a terminal whose user has not declined colours."""
    return stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


async def _perform(play: list[tuple[int, Scene]], pace: Pace) -> None:
    paint = Paint(wants_colours(sys.stdout, os.environ))
    print(_OPENING)
    with scratch_directory() as directory:
        async with Stage(directory, pace) as stage:
            for number, scene in play:
                for line in tell(number, await stage.play(scene), paint):
                    print(line, flush=not line)
    print(_CLOSING)
